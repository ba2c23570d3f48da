#include "libkv/wire/frame_codec.h"

#include "libkv/base/assert.h"
#include "libkv/wire/field_codec.h"

namespace kv {

namespace {

std::string encode_head(const FrameHead& head, size_t count) {
  std::string bytes;
  MsgpackWriter writer(&bytes);
  writer.array(4);
  writer.unsigned_integer(kProtocolVersion);
  if (head.cluster.is_none()) {
    writer.nil();
  } else {
    FieldWriter field_writer(writer);
    field_writer(head.cluster);
  }
  writer.unsigned_integer(head.epoch);
  writer.array(count);
  return bytes;
}

}  // namespace

Frame FrameBuilder::take(const FrameHead& head) {
  if (bytes_.empty()) bytes_.assign(kHeadBytesMax, '\0');
  const std::string encoded = encode_head(head, count_);
  KV_ASSERT(encoded.size() <= kHeadBytesMax);
  const size_t begin = kHeadBytesMax - encoded.size();
  bytes_.replace(begin, encoded.size(), encoded);
  auto owner = std::make_shared<const std::string>(std::move(bytes_));
  bytes_.clear();
  count_ = 0;
  const BytesView view = BytesView(*owner).substr(begin);
  return Frame(std::move(owner), view);
}

FrameParser::FrameParser(const Frame& frame) : frame_(frame), reader_(frame.view()) {
  if (frame.size() > limits::frame_bytes_max) {
    status_ = fail(ErrorKind::invalid,
                   "a frame of " + std::to_string(frame.size()) + " bytes is over the limit");
    return;
  }
  reader_.fields(4);
  const uint64_t version = reader_.unsigned_integer();
  if (reader_.ok() && version != kProtocolVersion) {
    status_ = fail(ErrorKind::format, "protocol version " + std::to_string(version) +
                                          "; this one speaks " + std::to_string(kProtocolVersion));
    return;
  }
  if (!reader_.try_nil()) {
    MsgpackReader& reader = reader_;
    const BytesView id = reader.bytes(16);
    if (id.size() == 16) {
      for (size_t i = 0; i < 8; ++i) {
        head_.cluster.high = (head_.cluster.high << 8) | static_cast<unsigned char>(id[i]);
        head_.cluster.low = (head_.cluster.low << 8) | static_cast<unsigned char>(id[i + 8]);
      }
    } else {
      reader.refuse();
    }
  }
  head_.epoch = reader_.unsigned_integer();
  left_ = reader_.array(1, limits::frame_messages_max);
  check("a frame");
}

bool FrameParser::next(uint64_t* number, size_t* field_count) {
  if (!status_ || left_ == 0) return false;
  --left_;
  const size_t count = reader_.array();
  *number = reader_.unsigned_integer();
  *field_count = count == 0 ? 0 : count - 1;
  if (count == 0) reader_.refuse();
  check("a message");
  return status_.has_value();
}

void FrameParser::check(const char* what) {
  if (status_ && !reader_.ok()) status_ = reader_.status(what);
}

template <typename M>
void encode_message(const M& message, std::string* out) {
  MsgpackWriter writer(out);
  FieldWriter(writer).write_struct(message, kMessageNumber<M>);
}

template <typename M>
void decode_fields(MsgpackReader& reader, const Frame& frame, size_t field_count, M* message) {
  FieldReader(reader, frame).read_fields(*message, field_count);
}

#define KV_INSTANTIATE_(number, name)                                                        \
  template void encode_message(const msg::name& message, std::string* out);                  \
  template void decode_fields(MsgpackReader& reader, const Frame& frame, size_t field_count, \
                              msg::name* message);
KV_MESSAGES(KV_INSTANTIATE_)
#undef KV_INSTANTIATE_

}  // namespace kv
