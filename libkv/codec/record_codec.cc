#include "libkv/codec/record_codec.h"

#include <utility>

#include "libkv/codec/context_codec.h"

namespace kv {

namespace {

constexpr uint64_t kFormat = 1;
constexpr size_t kRecordFields = 4;
constexpr size_t kStoredFields = 5;
constexpr size_t kSiblingFields = 9;
constexpr size_t kSiblingBytesMin = 1 + kSiblingFields;
constexpr uint64_t kTombstoneFlag = 1;
constexpr size_t kSiblingBytesUsual = 64;  // Besides its value.

void encode_sibling(const Sibling& sibling, MsgpackWriter& writer) {
  writer.array(kSiblingFields);
  writer.unsigned_integer(sibling.dot.actor.packed);
  writer.unsigned_integer(sibling.dot.counter);
  writer.unsigned_integer(sibling.put.client);
  writer.unsigned_integer(sibling.put.number);
  writer.unsigned_integer(sibling.attempt);
  writer.unsigned_integer(sibling.tombstone ? kTombstoneFlag : 0);
  writer.integer(microseconds_of(sibling.timestamp));
  if (sibling.expiry) {
    writer.integer(microseconds_of(*sibling.expiry));
  } else {
    writer.nil();
  }
  writer.bytes(sibling.value.view());
}

Sibling decode_sibling(MsgpackReader& reader, const SharedBytes& owner) {
  Sibling sibling;
  const size_t extra = reader.fields(kSiblingFields);
  sibling.dot.actor = Actor::from_packed(reader.unsigned_integer());
  sibling.dot.counter = reader.unsigned_integer();
  sibling.put.client = reader.unsigned_integer();
  sibling.put.number = reader.unsigned_integer();
  sibling.attempt = static_cast<Attempt>(reader.unsigned_integer(UINT32_MAX));
  sibling.tombstone = (reader.unsigned_integer() & kTombstoneFlag) != 0;
  sibling.timestamp = wall_time_of(reader.integer());
  if (!reader.try_nil()) sibling.expiry = wall_time_of(reader.integer());
  const BytesView value = reader.bytes();
  if (!value.empty()) sibling.value = owner.slice(value);
  reader.skip(extra);
  if (sibling.dot.counter == 0 || sibling.attempt == 0) reader.refuse();
  return sibling;
}

}  // namespace

void encode_record(const Record& record, MsgpackWriter& writer) {
  writer.array(kRecordFields);
  writer.unsigned_integer(kFormat);
  writer.unsigned_integer(static_cast<uint64_t>(record.kind));
  encode_context(record.context, writer);
  writer.array(record.siblings.size());
  for (const Sibling& sibling : record.siblings) encode_sibling(sibling, writer);
}

Record decode_record(MsgpackReader& reader, const SharedBytes& owner) {
  Record record;
  const size_t extra = reader.fields(kRecordFields);
  reader.format(kFormat);
  record.kind = static_cast<RecordKind>(
      reader.unsigned_integer(static_cast<uint64_t>(RecordKind::linearizable)));
  record.context = decode_context(reader);
  const size_t count = reader.array(kSiblingBytesMin);
  record.siblings.reserve(count);
  for (size_t i = 0; i < count && reader.ok(); ++i) {
    Sibling sibling = decode_sibling(reader, owner);
    if (i > 0 && !(record.siblings.back().dot < sibling.dot)) reader.refuse();
    record.siblings.push_back(std::move(sibling));
  }
  reader.skip(extra);
  if (!reader.ok()) return {};
  return record;
}

std::string encode_record(const Record& record) {
  std::string bytes;
  bytes.reserve(record.value_bytes() + kSiblingBytesUsual * (1 + record.siblings.size()));
  MsgpackWriter writer(&bytes);
  encode_record(record, writer);
  return bytes;
}

Result<Record> decode_record(const SharedBytes& bytes) {
  MsgpackReader reader(bytes.view());
  Record record = decode_record(reader, bytes);
  KV_TRY(reader.finish("record"));
  return record;
}

std::string encode_stored_record(const StoredRecord& stored) {
  std::string bytes;
  const Record& record = stored.record;
  bytes.reserve(record.value_bytes() + kSiblingBytesUsual * (2 + record.siblings.size()));
  MsgpackWriter writer(&bytes);
  writer.array(kStoredFields);
  writer.unsigned_integer(kFormat);
  encode_record(record, writer);
  if (stored.mark) {
    writer.unsigned_integer(stored.mark->birth);
  } else {
    writer.nil();
  }
  writer.unsigned_integer(stored.mark ? stored.mark->incarnation : 0);
  writer.unsigned_integer(stored.round);
  return bytes;
}

Result<StoredRecord> decode_stored_record(const SharedBytes& bytes) {
  MsgpackReader reader(bytes.view());
  StoredRecord stored;
  const size_t extra = reader.fields(kStoredFields);
  reader.format(kFormat);
  stored.record = decode_record(reader, bytes);
  if (!reader.try_nil()) stored.mark = BirthMark{reader.unsigned_integer(), 0};
  const uint64_t incarnation = reader.unsigned_integer();
  if (stored.mark) stored.mark->incarnation = incarnation;
  stored.round = reader.unsigned_integer();
  reader.skip(extra);
  KV_TRY(reader.finish("stored record"));
  return stored;
}

}  // namespace kv
