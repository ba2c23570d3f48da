#include "libkv/storage/commit_log_reader.h"

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
  return (record.kind == LogRecordKind::batch) == (record.count > 0);
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
    if (parsed.check == RecordCheck::payload_bad) scan.torn = true;
    whole = false;
    offset += 8;
  }
  // Behind the last record of a segment's first life there are zeros; behind a recycled one's
  // anything.
  const uint64_t end = std::min<uint64_t>(scan.end_offset, segment.size());
  if (!was_recycled(scan) && !all_zero(segment.substr(static_cast<size_t>(end)))) scan.torn = true;
  return scan;
}

namespace {

class LogRecoverer {
 public:
  LogRecoverer(FileSystem& files, const LogRecoveryOptions& options,
               const std::function<void(Sequence, BytesView)>& apply)
      : files_(files), options_(options), apply_(apply), expected_(options.flushed + 1) {}

  Result<LogRecovery> run() {
    KV_ASSIGN(const std::vector<uint64_t> numbers, segment_numbers());
    place_ = options_.directory;
    for (const uint64_t number : numbers) KV_TRY(read_segment(number, number == numbers.back()));
    if (options_.known_durable >= expected_) {
      report_missing(options_.known_durable);
      expected_ = options_.known_durable + 1;
    }
    found_.last_sequence = expected_ - 1;
    if (!numbers.empty()) found_.next_number = numbers.back() + 1;
    return std::move(found_);
  }

 private:
  Result<std::vector<uint64_t>> segment_numbers() {
    std::vector<uint64_t> numbers;
    KV_ASSIGN(const auto names, files_.list(options_.directory));
    for (const std::string& name : names) {
      if (const auto number = numbered_file(name, ".log")) numbers.push_back(*number);
      // A spare holds nothing and may be incomplete.
      if (numbered_file(name, ".spare")) KV_TRY(files_.remove(options_.directory + "/" + name));
    }
    std::sort(numbers.begin(), numbers.end());
    return numbers;
  }

  Status read_segment(uint64_t number, bool is_last) {
    const std::string path = options_.directory + "/" + log_file_name(number);
    KV_ASSIGN(auto file, files_.open(path, OpenMode::write));
    KV_ASSIGN(const uint64_t size, file->size());
    std::string bytes(static_cast<size_t>(size), '\0');
    KV_ASSIGN(const size_t read, file->read_at(0, bytes));
    bytes.resize(read);
    const LogSegmentScan scan = scan_log_segment(bytes, log_salt(options_.secret, number));
    const Sequence before = expected_;
    KV_TRY(take_records(path, scan));
    if (is_last && expected_ != before && !KV_PLANTED(trust_the_page_cache))
      KV_TRY(make_durable(*file, bytes));
    found_.segments.push_back({path, expected_ - 1, size});
    place_ = path;
    place_offset_ = scan.end_offset;
    return {};
  }

  /// What is taken for data must be on the disk before anybody builds on it. After a crash of the
  /// process alone it may stand only in the page cache; and after a failed sync it may stand there
  /// as if it were clean, so that a sync alone would write nothing: it is written again. Earlier
  /// segments were synced before the next was begun.
  Status make_durable(File& file, BytesView bytes) {
    if (options_.known_durable >= expected_ - 1) return {};
    KV_TRY(file.write_at(0, bytes.substr(0, static_cast<size_t>(taken_end_))));
    KV_TRY(file.sync());
    return files_.sync_directory(options_.directory);
  }

  Status take_records(const std::string& path, const LogSegmentScan& scan) {
    if (scan.torn) found_.torn_tail = true;
    uint64_t behind = 0;  // Where the last record taken ends.
    for (size_t i = 0; i < scan.records.size(); ++i) {
      const LogRecord& record = scan.records[i];
      if (record.kind == LogRecordKind::segment_header) {
        KV_TRY(take_header(record));
      } else if (record.first > expected_ && !known_durable(scan, i)) {
        found_.torn_tail = true;
        return {};
      } else {
        if (record.first > expected_) {
          place_ = path;
          place_offset_ = behind;
          report_missing(record.first - 1);
        }
        take_batch(path, record);
        taken_end_ = record.offset + log_record_bytes(record.payload.size());
      }
      behind = record.offset + log_record_bytes(record.payload.size());
    }
    return {};
  }

  Status take_header(const LogRecord& record) {
    const auto header = decode_segment_header(record.payload);
    if (!header && header.error().kind == ErrorKind::format) return fail(header.error());
    if (record.first > expected_) {
      report_missing(record.first - 1);
      expected_ = record.first;
    }
    return {};
  }

  /// Whether record `i` or a later one of the segment says that what is missing was durable.
  bool known_durable(const LogSegmentScan& scan, size_t i) const {
    return std::any_of(scan.records.begin() + static_cast<ptrdiff_t>(i), scan.records.end(),
                       [this](const LogRecord& later) { return later.durable >= expected_; });
  }

  void take_batch(const std::string& path, const LogRecord& record) {
    if (record.last() < expected_) return;
    // A checked record that does not parse, or that overlaps its predecessor, was written by a
    // fault of ours; it is told, not hidden.
    size_t operations = 0;
    const bool parses = WriteBatch::for_each(
        record.payload, [&operations](const WriteBatch::Operation&) { ++operations; });
    if (record.first < expected_ || !parses || operations != record.count) {
      place_ = path;
      place_offset_ = record.offset;
      report_missing(record.last());
    } else {
      apply_(record.first, record.payload);
    }
    expected_ = record.last() + 1;
  }

  void report_missing(Sequence last) {
    if (KV_PLANTED(hide_log_damage)) return;
    found_.corruption.push_back({place_, place_offset_,
                                 "durable log records of the sequences " +
                                     std::to_string(expected_) + " to " + std::to_string(last) +
                                     " are damaged or missing",
                                 KeyRange{}});
  }

  FileSystem& files_;
  const LogRecoveryOptions& options_;
  const std::function<void(Sequence, BytesView)>& apply_;
  LogRecovery found_;
  Sequence expected_;
  // Behind the last record taken of the newest segment: where damage begins, if there is any.
  std::string place_;
  uint64_t place_offset_ = 0;
  uint64_t taken_end_ = 0;  // Behind the last batch taken of the segment being read.
};

}  // namespace

Result<LogRecovery> recover_log(FileSystem& files, const LogRecoveryOptions& options,
                                const std::function<void(Sequence, BytesView)>& apply) {
  return LogRecoverer(files, options, apply).run();
}

}  // namespace kv
