#include "libkv/storage/log/log_segment.h"

#include "libkv/base/hash.h"
#include "libkv/base/planted.h"
#include "libkv/storage/byte_coding.h"

namespace kv {

namespace {

constexpr size_t kLengthAt = 4, kFirstAt = 8, kDurableAt = 16, kCountAt = 24, kKindAt = 28,
                 kPayloadCheckAt = 32;

uint32_t header_check(const char* record, uint64_t seed) {
  return static_cast<uint32_t>(hash64(BytesView(record + 4, kLogRecordHeaderBytes - 4), seed));
}

uint64_t padded(uint64_t bytes) {
  return (bytes + 7) & ~uint64_t{7};
}

bool is_kind(char kind) {
  return kind >= static_cast<char>(LogRecordKind::segment_header) &&
         kind <= static_cast<char>(LogRecordKind::ingest);
}

}  // namespace

uint64_t log_salt(uint64_t directory_secret, uint64_t segment_number) {
  char number[8];
  store_word(number, KV_PLANTED(salt_without_number) ? uint64_t{0} : segment_number);
  return hash64(BytesView(number, sizeof(number)), directory_secret);
}

uint64_t log_record_bytes(uint64_t payload_bytes) {
  return padded(kLogRecordHeaderBytes + payload_bytes);
}

void append_unsealed_record(std::string& to, LogRecordKind kind, Sequence first, uint32_t count,
                            BytesView payload) {
  const size_t begin = to.size();
  append_word<uint32_t>(to, 0);
  append_word<uint32_t>(to, static_cast<uint32_t>(payload.size()));
  append_word<uint64_t>(to, first);
  append_word<uint64_t>(to, 0);
  append_word<uint32_t>(to, count);
  append_word<uint32_t>(to, static_cast<uint32_t>(kind));
  append_word<uint64_t>(to, 0);
  to.append(payload);
  to.resize(begin + log_record_bytes(payload.size()), '\0');
}

void extend_unsealed_record(std::string& bytes, size_t record, uint32_t count, BytesView payload) {
  const uint32_t length = load_word<uint32_t>(bytes.data() + record + kLengthAt);
  const uint32_t operations = load_word<uint32_t>(bytes.data() + record + kCountAt);
  const uint64_t longer = uint64_t{length} + payload.size();
  bytes.resize(record + kLogRecordHeaderBytes + length);
  bytes.append(payload);
  bytes.resize(record + log_record_bytes(longer), '\0');
  store_word<uint32_t>(bytes.data() + record + kLengthAt, static_cast<uint32_t>(longer));
  store_word<uint32_t>(bytes.data() + record + kCountAt, operations + count);
}

uint64_t unsealed_record_bytes(const char* record) {
  return log_record_bytes(load_word<uint32_t>(record + kLengthAt));
}

Sequence unsealed_record_first(const char* record) {
  return load_word<uint64_t>(record + kFirstAt);
}

void seal_record(char* record, uint64_t salt, uint64_t offset, Sequence durable) {
  const uint64_t seed = salt + offset;
  const BytesView payload(record + kLogRecordHeaderBytes, load_word<uint32_t>(record + kLengthAt));
  store_word<uint64_t>(record + kDurableAt, durable);
  store_word<uint64_t>(record + kPayloadCheckAt, hash64(payload, seed));
  store_word<uint32_t>(record, header_check(record, seed));
}

std::string encode_segment_header(const LogSegmentHeader& header) {
  std::string bytes;
  append_word<uint32_t>(bytes, header.version);
  append_word<uint32_t>(bytes, header.recycled ? 1 : 0);
  append_word<uint64_t>(bytes, header.number);
  append_word<uint64_t>(bytes, header.salt);
  append_word<uint64_t>(bytes, header.segment_bytes);
  return bytes;
}

Result<LogSegmentHeader> decode_segment_header(BytesView payload) {
  ByteReader reader(payload);
  LogSegmentHeader header;
  header.version = reader.take_word<uint32_t>();
  header.recycled = (reader.take_word<uint32_t>() & 1) != 0;
  header.number = reader.take_word<uint64_t>();
  header.salt = reader.take_word<uint64_t>();
  header.segment_bytes = reader.take_word<uint64_t>();
  if (!reader.ok()) return fail(ErrorKind::corrupt, "the segment header is short");
  if (header.version > kLogVersion && !KV_PLANTED(read_any_log_format))
    return fail(ErrorKind::format, "log format " + std::to_string(header.version) + " is newer");
  return header;
}

ParsedRecord parse_record(BytesView segment, uint64_t offset, uint64_t salt) {
  ParsedRecord parsed;
  if (offset > segment.size() || segment.size() - offset < kLogRecordHeaderBytes) return parsed;
  const char* at = segment.data() + offset;
  const uint32_t length = load_word<uint32_t>(at + kLengthAt);
  // Cheap tests first: the scan for records behind a bad one tries every eighth byte.
  if (length > segment.size() - offset - kLogRecordHeaderBytes || !is_kind(at[kKindAt])) {
    return parsed;
  }
  const uint64_t seed = salt + offset;
  if (load_word<uint32_t>(at) != header_check(at, seed)) return parsed;
  const BytesView payload(at + kLogRecordHeaderBytes, length);
  const bool whole = load_word<uint64_t>(at + kPayloadCheckAt) == hash64(payload, seed);
  parsed.check = whole ? RecordCheck::valid : RecordCheck::payload_bad;
  parsed.record = {offset,
                   static_cast<LogRecordKind>(at[kKindAt]),
                   load_word<uint64_t>(at + kFirstAt),
                   load_word<uint64_t>(at + kDurableAt),
                   load_word<uint32_t>(at + kCountAt),
                   payload};
  return parsed;
}

}  // namespace kv
