#include "libkv/wire/field_codec.h"

namespace kv {

namespace {

void append_word(std::string* out, uint64_t word) {
  for (int shift = 56; shift >= 0; shift -= 8) out->push_back(static_cast<char>(word >> shift));
}

uint64_t word_at(BytesView bytes, size_t offset) {
  uint64_t word = 0;
  for (size_t i = 0; i < 8; ++i) word = (word << 8) | static_cast<unsigned char>(bytes[offset + i]);
  return word;
}

}  // namespace

void FieldWriter::write_pair_of_words(uint64_t high, uint64_t low) {
  std::string bytes;
  append_word(&bytes, high);
  append_word(&bytes, low);
  writer_.bytes(bytes);
}

void FieldWriter::write(const MapPointer& value) {
  if (value) {
    writer_.bytes(encode_map(*value));
  } else {
    writer_.nil();
  }
}

// [number, dc, rack, host, [endpoint by daemon, …], weight, state, store id]
void FieldWriter::write(const MemberInfo& value) {
  writer_.array(8);
  (*this)(value.number, value.labels.dc, value.labels.rack, value.labels.host);
  writer_.array(kDaemonKinds);
  for (const std::string& endpoint : value.endpoints) write(endpoint);
  (*this)(value.weight, static_cast<uint8_t>(value.state), value.store_id);
}

BytesView FieldReader::bytes_or_text() {
  return reader_.next() == MsgpackReader::Kind::text ? reader_.text() : reader_.bytes();
}

void FieldReader::read(Duration& value) {
  const int64_t microseconds = reader_.integer();
  // Nothing lasts longer than this; a hostile number must not overflow in nanoseconds.
  constexpr int64_t kMax = int64_t{100} * 365 * 24 * 3600 * 1'000'000;
  if (microseconds < -kMax || microseconds > kMax) reader_.refuse();
  value = std::chrono::microseconds(reader_.ok() ? microseconds : 0);
}

void FieldReader::read(PutId& value) {
  const size_t extra = reader_.fields(2);
  value.client = reader_.unsigned_integer();
  value.number = reader_.unsigned_integer();
  reader_.skip(extra);
}

void FieldReader::read(PartitionKey& value) {
  const size_t extra = reader_.fields(2);
  value.placement = static_cast<PlacementId>(reader_.unsigned_integer(0xffff));
  value.partition = static_cast<PartitionId>(reader_.unsigned_integer(0xffff'ffff));
  reader_.skip(extra);
}

void FieldReader::read_pair_of_words(uint64_t* high, uint64_t* low) {
  const BytesView bytes = bytes_or_text();
  if (bytes.size() != 16) {
    reader_.refuse();
    return;
  }
  *high = word_at(bytes, 0);
  *low = word_at(bytes, 8);
}

void FieldReader::read(MapPointer& value) {
  value = nullptr;
  if (reader_.try_nil()) return;
  const BytesView bytes = bytes_or_text();
  if (!reader_.ok()) return;
  Result<ClusterMap> map = decode_map(bytes);
  if (!map) {
    reader_.refuse();
    return;
  }
  value = std::make_shared<const ClusterMap>(std::move(*map));
}

void FieldReader::read(MemberInfo& value) {
  const size_t extra = reader_.fields(8);
  read(value.number);
  read(value.labels.dc);
  read(value.labels.rack);
  read(value.labels.host);
  const size_t more_daemons = reader_.fields(kDaemonKinds);
  for (std::string& endpoint : value.endpoints) read(endpoint);
  reader_.skip(more_daemons);
  read(value.weight);
  value.state = static_cast<MemberState>(
      reader_.unsigned_integer(static_cast<uint64_t>(MemberState::leaving)));
  read(value.store_id);
  reader_.skip(extra);
}

}  // namespace kv
