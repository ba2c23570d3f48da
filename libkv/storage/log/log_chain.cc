#include "libkv/storage/log/log_chain.h"

#include <algorithm>

#include "libkv/base/planted.h"
#include "libkv/storage/range_drops.h"

namespace kv {

const char* to_string(LogEnd end) {
  switch (end) {
    case LogEnd::clean:
      return "clean";
    case LogEnd::torn:
      return "torn";
    case LogEnd::damaged:
      return "damaged";
  }
  return "?";
}

Sequence durable_by_manifest(const LogSegmentScan& newest, Sequence known_durable) {
  const bool is_all = !newest.records.empty() && newest.records.back().count > 0 &&
                      newest.records.back().last() == known_durable;
  return is_all ? known_durable : 0;
}

Result<LogEnd> LogChain::add(const std::string& path, const LogSegmentScan& scan,
                             Sequence durable) {
  const size_t known = corruption_.size();
  taken_end_ = 0;
  KV_ASSIGN(const bool cut, take_records(path, scan, durable));
  place_ = path;
  place_offset_ = std::max(taken_end_, scan.end_offset);
  if (scan.torn || cut) torn_tail_ = true;
  if (corruption_.size() > known) return LogEnd::damaged;
  return scan.torn || cut ? LogEnd::torn : LogEnd::clean;
}

void LogChain::end(Sequence known_durable) {
  if (known_durable < expected_) return;
  report_missing(known_durable);
  if (!KV_PLANTED(reuse_lost_sequences)) expected_ = known_durable + 1;
}

/// True if records were cut that nobody was promised.
Result<bool> LogChain::take_records(const std::string& path, const LogSegmentScan& scan,
                                    Sequence durable) {
  uint64_t behind = 0;  // Where the last record taken ends.
  for (size_t i = 0; i < scan.records.size(); ++i) {
    const LogRecord& record = scan.records[i];
    const uint64_t end = record.offset + log_record_bytes(record.payload.size());
    if (record.kind == LogRecordKind::segment_header) {
      KV_TRY(take_header(record));
    } else if (record.first > expected_ && !known_durable(scan, i, durable)) {
      return true;
    } else {
      if (record.first > expected_) {
        place_ = path;
        place_offset_ = behind;
        report_missing(record.first - 1);
      }
      take_operations(path, record);
      taken_end_ = end;
    }
    behind = end;
  }
  return false;
}

Status LogChain::take_header(const LogRecord& record) {
  const auto header = decode_segment_header(record.payload);
  if (!header && header.error().kind == ErrorKind::format) return fail(header.error());
  if (record.first > expected_) {
    report_missing(record.first - 1);
    expected_ = record.first;
  }
  return {};
}

/// Whether the next segment, record `i`, or a later one says that what is missing was durable.
bool LogChain::known_durable(const LogSegmentScan& scan, size_t i, Sequence durable) const {
  if (durable >= expected_ && !KV_PLANTED(next_segment_proves_nothing)) return true;
  return std::any_of(scan.records.begin() + static_cast<ptrdiff_t>(i), scan.records.end(),
                     [this](const LogRecord& later) { return later.durable >= expected_; });
}

namespace {

bool parses(const LogRecord& record) {
  if (record.kind == LogRecordKind::range_drop)
    return record.count == 1 && decode_key_range(record.payload).has_value();
  if (record.kind == LogRecordKind::ingest) return record.count == 1 && record.payload.empty();
  size_t operations = 0;
  return WriteBatch::for_each(record.payload,
                              [&operations](const WriteBatch::Operation&) { ++operations; }) &&
         operations == record.count;
}

}  // namespace

void LogChain::take_operations(const std::string& path, const LogRecord& record) {
  if (record.last() < expected_) return;
  // A checked record that does not parse, or that overlaps its predecessor, was written by a
  // fault of ours; it is told, not hidden.
  if (record.first < expected_ || !parses(record)) {
    place_ = path;
    place_offset_ = record.offset;
    report_missing(record.last());
  } else {
    apply_(record);
  }
  expected_ = record.last() + 1;
}

void LogChain::report_missing(Sequence last) {
  if (KV_PLANTED(hide_log_damage)) return;
  corruption_.push_back({place_, place_offset_,
                         "durable log records of the sequences " + std::to_string(expected_) +
                             " to " + std::to_string(last) + " are damaged or missing",
                         KeyRange{}});
}

}  // namespace kv
