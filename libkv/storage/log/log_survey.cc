#include "libkv/storage/log/log_survey.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "libkv/storage/byte_coding.h"
#include "libkv/storage/file_names.h"
#include "libkv/storage/log/log_recovery.h"
#include "libkv/storage/log/wanted_segments.h"

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

/// A segment, and the bytes that its records point into.
struct ReadSegment {
  SurveyedSegment told;
  std::string bytes;
  bool lacks_records = false;  // Of those that others know it to have had.
};

/// Of the records that count; 0: none has an operation.
Sequence last_sequence_of(const SurveyedSegment& segment) {
  Sequence last = 0;
  for (const LogRecord& record : segment.scan.records)
    if (record.offset < segment.end_offset && record.count > 0) last = record.last();
  return last;
}

/// Whether something of a record stands behind the last one that counts, of the same life.
bool is_torn(const ReadSegment& segment) {
  const uint64_t end = segment.told.end_offset;
  const LogSegmentScan& scan = segment.told.scan;
  if (!scan.records.empty() && scan.records.back().offset >= end) return true;
  if (scan.bad_payload && scan.bad_payload->offset >= end) return true;
  // Behind the last record of a segment's first life there are zeros.
  const auto& header = segment.told.header;
  return header && !header->recycled &&
         segment.bytes.find_first_not_of('\0', static_cast<size_t>(end)) != std::string::npos;
}

class LogSurveyor {
 public:
  LogSurveyor(FileSystem& files, const LogSurveyOptions& options,
              const std::function<void(const SurveyedSegment&)>& tell_segment,
              const TellFinding& tell)
      : files_(files), options_(options), tell_segment_(tell_segment), tell_(tell) {}

  Result<LogSurvey> run() {
    KV_TRY(name_segments());
    KV_TRY(begin_chain());
    Status read;
    for (size_t i = 0; read && i < segments_.size(); ++i) read = read_segment(i);
    if (read && chain_) chain_->end(options_.known_durable);
    tell_held();
    KV_TRY(read);
    tell_chain();
    return std::move(found_);
  }

 private:
  Status name_segments() {
    for (const std::string& path : options_.paths) {
      const auto number = numbered_file(path.substr(path.find_last_of('/') + 1), ".log");
      if (!number) {
        // What is not there has no name to judge.
        KV_TRY(files_.open(path, OpenMode::read));
        return fail(ErrorKind::invalid, path + ": a segment is named by its number: 000012.log");
      }
      segments_.push_back({path, *number});
    }
    return {};
  }

  Status begin_chain() {
    if (!options_.secret || !options_.flushed) return {};
    chain_.emplace(options_.directory, *options_.flushed, kPassOver);
    KV_ASSIGN(first_wanted_,
              first_wanted_segment(files_, segments_, *options_.secret, *options_.flushed));
    for (const LogSegmentFile& segment : segments_) {
      KV_ASSIGN(const Sequence first, first_sequence_of(files_, segment, *options_.secret));
      firsts_.push_back(first);
    }
    return {};
  }

  /// The one before it is told of then: what it should have had is known.
  Status read_segment(size_t index) {
    auto read = std::make_unique<ReadSegment>();
    SurveyedSegment& segment = read->told;
    segment.path = segments_[index].path;
    segment.number = segments_[index].number;
    KV_TRY(read_bytes(read.get()));
    const auto own_header = proven_header(read->bytes);
    if (!own_header)
      return fail(own_header.error().kind, segment.path + ": " + own_header.error().what);
    scan(*own_header, read.get());
    KV_TRY(take(index, read.get()));
    const bool is_blank = *own_header || read->bytes.find_first_not_of('\0') == BytesView::npos;
    check_header(index, segment, is_blank);
    check_padding(index, segment, read->bytes);
    tell_held();
    held_ = std::move(read);
    return {};
  }

  Status read_bytes(ReadSegment* read) {
    SurveyedSegment& segment = read->told;
    KV_ASSIGN(auto file, files_.open(segment.path, OpenMode::read));
    KV_ASSIGN(segment.file_bytes, file->size());
    if (segment.file_bytes > kLogSegmentBytesMax) {
      tell(segment, 0, "larger than any segment");
      return {};
    }
    read->bytes.resize(static_cast<size_t>(segment.file_bytes));
    const auto bytes = file->read_at(0, read->bytes);
    if (!bytes && bytes.error().kind != ErrorKind::io) return fail(bytes.error());
    if (bytes)
      read->bytes.resize(*bytes);
    else
      read_around_bad_sectors(*file, bytes.error(), read);
    return {};
  }
  /// As recovery does. Pieces that follow each other are told together.
  void read_around_bad_sectors(File& file, const Error& error, ReadSegment* read) {
    SurveyedSegment& segment = read->told;
    std::optional<uint64_t> behind;
    for (const uint64_t offset : read_around(file, read->bytes)) {
      if (offset != behind)
        tell(segment, offset, "cannot be read: " + without_path(segment.path, error));
      behind = offset + kLogPieceBytes;
    }
  }

  void scan(const std::optional<LogSegmentHeader>& own, ReadSegment* read) {
    SurveyedSegment& segment = read->told;
    // A file that was renamed for its next life still begins with the header of an earlier one.
    const bool is_begun = own && own->number == segment.number;
    if (options_.secret) {
      const uint64_t salt = log_salt(*options_.secret, segment.number);
      segment.scan = scan_log_segment(read->bytes, salt);
      if (is_begun && own->salt != salt)
        tell(segment, 0, "a segment of another directory: the metadata's secret does not read it");
    } else if (is_begun) {
      segment.scan = scan_log_segment(read->bytes, own->salt);
    }
  }

  /// By itself, then as a link of the chain.
  Status take(size_t index, ReadSegment* read) {
    SurveyedSegment& segment = read->told;
    const auto& records = segment.scan.records;
    const Sequence durable = index + 1 == segments_.size()
                                 ? durable_by_manifest(segment.scan, options_.known_durable)
                                 : synced_before_next(index);
    if (chain_ && index >= first_wanted_) KV_TRY(chain_->add(segment.path, segment.scan, durable));
    if (records.empty()) return {};
    if (records.front().kind == LogRecordKind::segment_header) {
      KV_ASSIGN(segment.header, decode_segment_header(records.front().payload));
    }
    LogChain alone(segment.path, records.front().first - 1, kPassOver);
    KV_TRY(alone.add(segment.path, segment.scan, durable));
    segment.end_offset = std::max(alone.taken_end(), segment.scan.end_offset);
    if (is_torn(*read)) segment.end = LogEnd::torn;
    if (was_durable_at_its_end(index, segment)) alone.end(segment.scan.bad_payload->last());
    for (const CorruptRange& range : alone.corruption()) tell(segment, range.offset, range.what);
    read->lacks_records = durable_end_of(index) > last_sequence_of(segment);
    count(segment);
    return {};
  }

  /// The bad record at a segment's end had been durable if it is the last that the next segment or
  /// a clean stop says to have been. If it is flushed, recovery does not miss it. (A crash may have
  /// torn it; but then what came since begins at the sequence where it began.)
  bool was_durable_at_its_end(size_t index, const SurveyedSegment& segment) const {
    const auto& bad = segment.scan.bad_payload;
    return bad && bad->offset >= segment.end_offset && bad->last() == durable_end_of(index);
  }

  /// The last sequence of a segment, as far as others know it; 0: they do not. Behind the newest
  /// that is there others may be gone, which brought the log to a higher sequence.
  Sequence durable_end_of(size_t index) const {
    if (const Sequence synced = synced_before_next(index)) return synced;
    const size_t next = index + 1;
    const bool is_newest = index < firsts_.size() &&
                           std::all_of(firsts_.begin() + static_cast<ptrdiff_t>(next),
                                       firsts_.end(), [](Sequence first) { return first == 0; });
    return is_newest ? options_.known_durable : 0;
  }

  /// As kv::synced_before_next(), of the headers that are known.
  Sequence synced_before_next(size_t index) const {
    const size_t next = index + 1;
    const bool says = next < firsts_.size() && firsts_[next] != 0 &&
                      segments_[next].number == segments_[index].number + 1;
    return says ? firsts_[next] - 1 : 0;
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
  /// torn, and then no record of the segment says that it was durable, nor does a clean stop say so
  /// of the segment's last.
  void check_header(size_t index, SurveyedSegment& segment, bool is_blank) {
    const auto& records = segment.scan.records;
    if (records.empty()) {
      if (!is_blank) tell_nothing_is_there(segment);
    } else if (records.front().kind != LogRecordKind::segment_header) {
      const bool was_stopped = index + 1 == segments_.size() && options_.known_durable > 0 &&
                               records.back().last() == options_.known_durable;
      const bool was_synced =
          was_stopped || std::any_of(records.begin(), records.end(), [&](const LogRecord& record) {
            return record.durable >= records.front().first;
          });
      if (was_synced) return tell(segment, 0, "the segment's header is damaged");
      note(segment, 0, "the segment's header is missing: torn, or damaged");
    }
  }

  /// Who knows the salt would know any record that is whole: so none is, as where the power failed
  /// within the first write of the segment. If one was ever synced, the chain tells.
  void tell_nothing_is_there(SurveyedSegment& segment) {
    const std::string what = "no record, and no header of any segment";
    if (!options_.secret) return tell(segment, 0, what);
    note(segment, 0, what + ": torn, or damaged");
  }

  /// That of a record which nobody knows to have been synced a crash may have torn off, where the
  /// record itself was whole: by what an earlier life of the segment had in its place.
  void check_padding(size_t index, SurveyedSegment& segment, BytesView bytes) {
    const auto& records = segment.scan.records;
    for (size_t i = 0; i < records.size(); ++i) {
      const LogRecord& record = records[i];
      const uint64_t end = record.offset + kLogRecordHeaderBytes + record.payload.size();
      const uint64_t padded = record.offset + log_record_bytes(record.payload.size());
      const BytesView padding =
          bytes.substr(static_cast<size_t>(end), static_cast<size_t>(padded - end));
      if (padding.find_first_not_of('\0') == BytesView::npos) continue;
      const std::string what = "a record's padding is not zero";
      if (was_synced(index, segment, i))
        tell(segment, end, what);
      else
        note(segment, end, what + ": torn, or damaged");
    }
  }

  /// Whether a later record says so of record `i`, or the next segment or the manifest.
  bool was_synced(size_t index, const SurveyedSegment& segment, size_t i) const {
    const auto& records = segment.scan.records;
    return durable_end_of(index) >= records[i].last() ||
           std::any_of(records.begin() + static_cast<ptrdiff_t>(i) + 1, records.end(),
                       [&](const LogRecord& later) { return later.durable >= records[i].last(); });
  }

  void tell_held() {
    if (!held_) return;
    SurveyedSegment& segment = held_->told;
    if (chain_ && std::any_of(chain_->corruption().begin(), chain_->corruption().end(),
                              [&](const auto& range) { return range.file == segment.path; }))
      segment.end = LogEnd::damaged;
    if (segment.end == LogEnd::torn)
      note(segment, segment.end_offset,
           held_->lacks_records ? "a torn tail, or damage to what is flushed and not read again"
                                : "a torn tail, which nobody was promised");
    tell_segment_(segment);
    held_.reset();
  }

  void tell(SurveyedSegment& segment, uint64_t offset, const std::string& what) {
    segment.end = LogEnd::damaged;
    told_.insert({segment.path, offset});
    tell_({Finding::Severity::corrupt, segment.path, offset, what});
  }
  void note(const SurveyedSegment& segment, uint64_t offset, const std::string& what) {
    tell_({Finding::Severity::note, segment.path, offset, what});
  }
  /// What no segment by itself has told.
  void tell_chain() {
    if (!chain_) return;
    found_.corruption = chain_->corruption();
    for (const CorruptRange& range : found_.corruption)
      if (told_.insert({range.file, range.offset}).second)
        tell_({Finding::Severity::corrupt, range.file, range.offset, range.what});
  }

  FileSystem& files_;
  const LogSurveyOptions& options_;
  const std::function<void(const SurveyedSegment&)>& tell_segment_;
  const TellFinding& tell_;
  std::vector<LogSegmentFile> segments_;
  std::optional<LogChain> chain_;
  size_t first_wanted_ = 0;
  std::vector<Sequence> firsts_;  // Of all segments, by their headers, where the secret is known.
  std::unique_ptr<ReadSegment> held_;  // Read, and not yet told of.
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
