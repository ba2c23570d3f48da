#include "libkv/storage/log/log_scan.h"

#include <algorithm>

#include "libkv/base/planted.h"
#include "libkv/storage/entry.h"

namespace kv {

namespace {

bool acceptable(const ParsedRecord& parsed) {
  if (parsed.check == RecordCheck::header_bad) return false;
  if (parsed.check == RecordCheck::payload_bad && !KV_PLANTED(torn_tail_as_data)) return false;
  const LogRecord& record = parsed.record;
  if (record.first == 0 || record.first > kSequenceMax) return false;
  return (record.kind == LogRecordKind::segment_header) == (record.count == 0);
}

bool all_zero(BytesView bytes) {
  return bytes.find_first_not_of('\0') == BytesView::npos;
}

bool was_recycled(const LogSegmentScan& scan) {
  if (scan.records.empty() || scan.records[0].kind != LogRecordKind::segment_header) return true;
  const auto header = decode_segment_header(scan.records[0].payload);
  return !header || header->recycled;
}

}  // namespace

LogSegmentScan scan_log_segment(BytesView segment, uint64_t salt) {
  LogSegmentScan scan;
  bool whole = true;
  uint64_t offset = 0;
  while (offset + kLogRecordHeaderBytes <= segment.size()) {
    const ParsedRecord parsed = parse_record(segment, offset, salt);
    if (acceptable(parsed)) {
      scan.records.push_back(parsed.record);
      offset += log_record_bytes(parsed.record.payload.size());
      if (whole) scan.end_offset = offset;
      continue;
    }
    if (parsed.check == RecordCheck::payload_bad) {
      scan.torn = true;
      scan.bad_payload = parsed.record;
    }
    whole = false;
    offset += 8;
  }
  // Behind the last record of a segment's first life there are zeros; behind a recycled one's
  // anything.
  const uint64_t end = std::min<uint64_t>(scan.end_offset, segment.size());
  if (!was_recycled(scan) && !all_zero(segment.substr(static_cast<size_t>(end)))) scan.torn = true;
  return scan;
}

}  // namespace kv
