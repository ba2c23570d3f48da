#include "libkv/storage/log/log_survey.h"

#include <algorithm>
#include <set>
#include <utility>

#include "libkv/storage/byte_coding.h"

namespace kv {

namespace {

/// The header at the beginning if its checksum holds under the salt that it names itself, which
/// stands at the same place in every version. Errors: format.
Result<std::optional<LogSegmentHeader>> proven_header(BytesView segment) {
  constexpr size_t kSaltAt = kLogRecordHeaderBytes + 16;
  if (segment.size() < kSaltAt + sizeof(uint64_t)) return std::optional<LogSegmentHeader>();
  const auto salt = load_word<uint64_t>(segment.data() + kSaltAt);
  const ParsedRecord parsed = parse_record(segment, 0, salt);
  if (parsed.check != RecordCheck::valid || parsed.record.kind != LogRecordKind::segment_header)
    return std::optional<LogSegmentHeader>();
  KV_ASSIGN(const LogSegmentHeader header, decode_segment_header(parsed.record.payload));
  return std::optional<LogSegmentHeader>(header);
}

const auto kPassOver = [](const LogRecord&) {};

class LogSurveyor {
 public:
  LogSurveyor(FileSystem& files, const LogSurveyOptions& options,
              const std::function<void(const SurveyedSegment&)>& tell_segment,
              const TellFinding& tell)
      : files_(files), options_(options), tell_segment_(tell_segment), tell_(tell) {}

  Result<LogSurvey> run() {
    if (options_.flushed) chain_.emplace(options_.directory, *options_.flushed, kPassOver);
    for (const std::string& path : options_.paths) KV_TRY(read_segment(path));
    if (chain_) chain_->end(options_.known_durable);
    tell_chain();
    return found_;
  }

 private:
  Status read_segment(const std::string& path) {
    const auto number = numbered_file(path.substr(path.find_last_of('/') + 1), ".log");
    if (!number)
      return fail(ErrorKind::invalid, path + ": a segment is named by its number: 000012.log");
    SurveyedSegment segment;
    segment.path = path;
    segment.number = *number;
    std::string bytes;
    KV_TRY(read_bytes(&segment, &bytes));
    const auto own_header = proven_header(bytes);
    if (!own_header) return fail(own_header.error().kind, path + ": " + own_header.error().what);
    const std::optional<LogSegmentHeader>& own = *own_header;
    // A file that was renamed for its next life still begins with the header of an earlier one.
    const bool is_begun = own && own->number == *number;
    if (options_.secret) {
      segment.scan = scan_log_segment(bytes, log_salt(*options_.secret, *number));
    } else if (is_begun) {
      segment.scan = scan_log_segment(bytes, own->salt);
    }
    KV_TRY(take(segment));
    tell_segment_(segment);
    const bool is_blank = own || bytes.find_first_not_of('\0') == BytesView::npos;
    check_header(segment, is_blank);
    check_padding(segment, bytes);
    return {};
  }

  Status read_bytes(SurveyedSegment* segment, std::string* bytes) {
    KV_ASSIGN(auto file, files_.open(segment->path, OpenMode::read));
    KV_ASSIGN(segment->file_bytes, file->size());
    if (segment->file_bytes > kLogSegmentBytesMax) {
      tell(segment->path, 0, "larger than any segment");
      return {};
    }
    bytes->resize(static_cast<size_t>(segment->file_bytes));
    KV_ASSIGN(const size_t read, file->read_at(0, *bytes));
    bytes->resize(read);
    return {};
  }

  /// Each segment by itself, for those that were flushed are kept for their next life, not all of
  /// them, and their records are as much to be verified; then as a link of the chain.
  Status take(SurveyedSegment& segment) {
    const auto& records = segment.scan.records;
    if (records.empty()) return {};
    LogChain alone(segment.path, records.front().first - 1, kPassOver);
    KV_ASSIGN(segment.end, alone.add(segment.path, segment.scan));
    segment.end_offset = std::max(alone.taken_end(), segment.scan.end_offset);
    for (const CorruptRange& range : alone.corruption()) tell(range.file, range.offset, range.what);
    if (chain_) KV_TRY(chain_->add(segment.path, segment.scan));
    if (records.front().kind == LogRecordKind::segment_header) {
      KV_ASSIGN(segment.header, decode_segment_header(records.front().payload));
    }
    count(segment);
    return {};
  }

  void count(const SurveyedSegment& segment) {
    ++found_.segments;
    for (const LogRecord& record : segment.scan.records) {
      if (record.offset >= segment.end_offset) return;
      ++found_.records;
      found_.operations += record.count;
      if (record.count > 0) found_.last_sequence = std::max(found_.last_sequence, record.last());
    }
  }

  /// A header is written first of all. It may be missing only where the first group of records was
  /// torn, and then no record of the segment says that it was durable.
  void check_header(const SurveyedSegment& segment, bool is_blank) {
    const auto& records = segment.scan.records;
    if (records.empty()) {
      if (!is_blank) tell(segment.path, 0, "no record, and no header of any segment");
    } else if (records.front().kind != LogRecordKind::segment_header) {
      const bool was_synced = std::any_of(
          records.begin(), records.end(),
          [&](const LogRecord& record) { return record.durable >= records.front().first; });
      tell_({was_synced ? Finding::Severity::corrupt : Finding::Severity::note, segment.path, 0,
             was_synced ? "the segment's header is damaged"
                        : "the segment's header is missing: torn, or damaged"});
    }
  }

  void check_padding(const SurveyedSegment& segment, BytesView bytes) {
    for (const LogRecord& record : segment.scan.records) {
      const uint64_t end = record.offset + kLogRecordHeaderBytes + record.payload.size();
      const uint64_t padded = record.offset + log_record_bytes(record.payload.size());
      const BytesView padding =
          bytes.substr(static_cast<size_t>(end), static_cast<size_t>(padded - end));
      if (padding.find_first_not_of('\0') != BytesView::npos)
        tell(segment.path, end, "a record's padding is not zero");
    }
  }

  void tell(const std::string& path, uint64_t offset, std::string what) {
    told_.insert({path, offset});
    tell_({Finding::Severity::corrupt, path, offset, std::move(what)});
  }
  /// What no segment by itself has told.
  void tell_chain() {
    if (!chain_) return;
    for (const CorruptRange& range : chain_->corruption())
      if (told_.count({range.file, range.offset}) == 0) tell(range.file, range.offset, range.what);
  }

  FileSystem& files_;
  const LogSurveyOptions& options_;
  const std::function<void(const SurveyedSegment&)>& tell_segment_;
  const TellFinding& tell_;
  std::optional<LogChain> chain_;
  std::set<std::pair<std::string, uint64_t>> told_;
  LogSurvey found_;
};

}  // namespace

Result<LogSurvey> survey_log(FileSystem& files, const LogSurveyOptions& options,
                             const std::function<void(const SurveyedSegment&)>& segment,
                             const TellFinding& finding) {
  return LogSurveyor(files, options, segment, finding).run();
}

}  // namespace kv
