// The bytes of a commit log segment (on disk: never change; a new layout is a new version).
//
//   segment := record*  | what an earlier life or the zero filling left
//   record  := header (40 bytes) | payload | zeros up to a multiple of 8
//
//    0  u32  check of bytes 4..39
//    4  u32  payload length
//    8  u64  sequence of the first operation
//   16  u64  highest sequence known to be durable when the record was written
//   24  u32  operations
//   28  u8   kind: 1 the segment's own header, 2 a batch, 3 the drop of a range, 4 an ingest;
//             3 zero bytes
//   32  u64  XXH3-64 of the payload
//
// Both checks are seeded with the segment's salt and the record's offset. The salt comes from the
// segment's number and a secret of the data directory, so neither an earlier life of a recycled
// segment nor a user's value that looks like a record is ever taken for one.
//
// The first record is the segment's header: its payload names version, number, salt and size, its
// sequence the first that the segment may hold. A segment is begun only after all before it was
// synced, so every sequence below that one was durable then.
// All functions are pure; `bytes` may be hostile.
#pragma once

#include <string>

#include "libkv/base/bytes.h"
#include "libkv/base/result.h"
#include "libkv/storage/engine.h"

namespace kv {

inline constexpr size_t kLogRecordHeaderBytes = 40;
inline constexpr uint32_t kLogVersion = 2;  // 2: ranges may be dropped, tables ingested.

enum class LogRecordKind : uint8_t {
  segment_header = 1,
  batch = 2,
  range_drop = 3,
  ingest = 4,  ///< One operation without payload: whether it brought tables, the manifest says.
};

struct LogRecord {
  uint64_t offset = 0;
  LogRecordKind kind = LogRecordKind::batch;
  Sequence first = 0;
  Sequence durable = 0;
  uint32_t count = 0;
  BytesView payload;

  Sequence last() const { return first + count - 1; }
};

struct LogSegmentHeader {
  uint32_t version = kLogVersion;
  uint64_t number = 0;
  uint64_t salt = 0;
  uint64_t segment_bytes = 0;
  bool recycled = false;  ///< The rest may hold an earlier life, not zeros.
};

uint64_t log_salt(uint64_t directory_secret, uint64_t segment_number);

/// How many bytes a record with such a payload takes.
uint64_t log_record_bytes(uint64_t payload_bytes);
/// Appends the record with its checks and the durable sequence left open.
void append_unsealed_record(std::string& to, LogRecordKind kind, Sequence first, uint32_t count,
                            BytesView payload);
/// Adds operations to the last of the unsealed records, which begins at `record` of `bytes`.
void extend_unsealed_record(std::string& bytes, size_t record, uint32_t count, BytesView payload);
/// The whole size of the unsealed record at `record`.
uint64_t unsealed_record_bytes(const char* record);
Sequence unsealed_record_first(const char* record);
/// Fills in what append_unsealed_record left open, now that the record's place is known.
void seal_record(char* record, uint64_t salt, uint64_t offset, Sequence durable);

std::string encode_segment_header(const LogSegmentHeader& header);
/// corrupt, or format if a newer version wrote it.
Result<LogSegmentHeader> decode_segment_header(BytesView payload);

enum class RecordCheck { valid, payload_bad, header_bad };
struct ParsedRecord {
  RecordCheck check = RecordCheck::header_bad;
  LogRecord record;  ///< Unless header_bad.
};
/// The record at `offset` of a segment's `bytes`.
ParsedRecord parse_record(BytesView segment, uint64_t offset, uint64_t salt);

}  // namespace kv
