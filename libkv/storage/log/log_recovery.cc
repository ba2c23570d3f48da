#include "libkv/storage/log/log_recovery.h"

#include <algorithm>
#include <utility>

#include "libkv/base/planted.h"
#include "libkv/storage/file_names.h"
#include "libkv/storage/log/log_chain.h"
#include "libkv/storage/log/log_scan.h"
#include "libkv/storage/log/wanted_segments.h"

namespace kv {

std::vector<uint64_t> read_around(File& file, std::span<char> bytes) {
  std::vector<uint64_t> bad;
  for (size_t offset = 0; offset < bytes.size(); offset += kLogPieceBytes) {
    const auto piece = bytes.subspan(offset, std::min(kLogPieceBytes, bytes.size() - offset));
    if (file.read_at(offset, piece)) continue;
    std::fill(piece.begin(), piece.end(), '\0');
    bad.push_back(offset);
  }
  return bad;
}

namespace {

/// Writes the first `bytes` of a file again, but for its bad pieces.
Status write_around(File& file, BytesView bytes, const std::vector<uint64_t>& bad) {
  uint64_t from = 0;
  for (const uint64_t offset : bad) {
    if (offset >= bytes.size()) break;
    KV_TRY(file.write_at(from, bytes.substr(from, offset - from)));
    from = std::min<uint64_t>(offset + kLogPieceBytes, bytes.size());
  }
  return file.write_at(from, bytes.substr(from));
}

class LogRecoverer {
 public:
  using Apply = std::function<void(std::shared_ptr<const RecoveredSegment>)>;

  LogRecoverer(FileSystem& files, const LogRecoveryOptions& options, const Apply& apply)
      : files_(files),
        options_(options),
        apply_(apply),
        chain_(options.directory, options.flushed,
               [this](const LogRecord& record) { segment_->records.push_back(record); }) {}

  Result<LogRecovery> run() {
    KV_ASSIGN(const std::vector<LogSegmentFile> segments, list_segments());
    KV_ASSIGN(const size_t wanted,
              first_wanted_segment(files_, segments, options_.secret, options_.flushed));
    for (size_t i = 0; i < segments.size(); ++i)
      KV_TRY(i < wanted ? pass_over(segments[i]) : read_segment(segments, i));
    chain_.end(options_.known_durable);
    found_.last_sequence = chain_.last_sequence();
    found_.torn_tail = chain_.torn_tail();
    found_.corruption = chain_.corruption();
    found_.corruption.insert(found_.corruption.end(), unreadable_.begin(), unreadable_.end());
    if (!segments.empty()) found_.next_number = segments.back().number + 1;
    return std::move(found_);
  }

 private:
  Result<std::vector<LogSegmentFile>> list_segments() {
    std::vector<LogSegmentFile> segments;
    KV_ASSIGN(const auto names, files_.list(options_.directory));
    for (const std::string& name : names) {
      if (const auto number = numbered_file(name, ".log"))
        segments.push_back({options_.directory + "/" + log_file_name(*number), *number});
      // A spare holds nothing and may be incomplete.
      if (numbered_file(name, ".spare")) KV_TRY(files_.remove(options_.directory + "/" + name));
    }
    std::sort(segments.begin(), segments.end(),
              [](const auto& a, const auto& b) { return a.number < b.number; });
    return segments;
  }

  Status pass_over(const LogSegmentFile& segment) {
    KV_ASSIGN(auto file, files_.open(segment.path, OpenMode::read));
    KV_ASSIGN(const uint64_t size, file->size());
    found_.segments.push_back({segment.path, options_.flushed, size});
    return {};
  }

  Status read_segment(const std::vector<LogSegmentFile>& segments, size_t index) {
    const LogSegmentFile& segment = segments[index];
    const bool is_last = index + 1 == segments.size();
    const std::string& path = segment.path;
    KV_ASSIGN(Sequence durable, synced_before_next(files_, segments, index, options_.secret));
    KV_ASSIGN(auto file, files_.open(path, OpenMode::write));
    KV_ASSIGN(const uint64_t size, file->size());
    begin_segment();
    segment_->bytes.resize(static_cast<size_t>(size));
    KV_TRY(read_bytes(*file, path));
    const Sequence before = chain_.last_sequence();
    const uint64_t salt = log_salt(options_.secret, segment.number);
    const LogSegmentScan scan = scan_log_segment(segment_->view(), salt);
    if (is_last) durable = durable_by_manifest(scan, options_.known_durable);
    KV_TRY(chain_.add(path, scan, durable));
    found_.segments.push_back({path, chain_.last_sequence(), size});
    apply_(segment_);
    if (is_last && !KV_PLANTED(leave_bad_tail)) KV_TRY(blank_bad_tail(*file));
    if (is_last && chain_.last_sequence() != before && !KV_PLANTED(trust_the_page_cache))
      KV_TRY(make_durable(*file, segment_->view()));
    return {};
  }

  /// What is written from now on takes the sequences that a bad tail may have had. It must not come
  /// back, should the disk give it after all.
  Status blank_bad_tail(File& file) {
    bool any = false;
    for (const uint64_t offset : bad_) {
      const uint64_t from = std::max(offset, chain_.taken_end());
      const uint64_t end = std::min<uint64_t>(offset + kLogPieceBytes, segment_->bytes.size());
      if (from >= end) continue;
      KV_TRY(file.write_at(from, std::string(static_cast<size_t>(end - from), '\0')));
      any = true;
    }
    return any ? file.sync() : Status{};
  }

  /// A bad sector is damage of its place; a disk that gives nothing at all is none that a log can
  /// be recovered from. Errors: io.
  Status read_bytes(File& file, const std::string& path) {
    bad_.clear();
    const auto read = file.read_at(0, segment_->bytes);
    if (read) {
      segment_->bytes.resize(*read);
      return {};
    }
    bad_ = read_around(file, segment_->bytes);
    if (bad_.empty()) return {};
    if (bad_.size() * kLogPieceBytes >= segment_->bytes.size()) return fail(read.error());
    unreadable_.push_back({path, bad_.front(), "cannot be read: " + read.error().what, {}});
    return {};
  }

  /// Two in turns: fresh memory of this size costs more than reading into it.
  void begin_segment() {
    std::swap(segment_, segment_before_);
    if (segment_ == nullptr) segment_ = std::make_shared<RecoveredSegment>();
    segment_->records.clear();
  }

  /// What is taken for data must be on the disk before anybody builds on it. After a crash of the
  /// process alone it may stand only in the page cache; and after a failed sync it may stand there
  /// as if it were clean, so that a sync alone would write nothing: it is written again. Earlier
  /// segments were synced before the next was begun.
  Status make_durable(File& file, BytesView bytes) {
    if (options_.known_durable >= chain_.last_sequence()) return {};
    KV_TRY(write_around(file, bytes.substr(0, static_cast<size_t>(chain_.taken_end())), bad_));
    KV_TRY(file.sync());
    return files_.sync_directory(options_.directory);
  }

  FileSystem& files_;
  const LogRecoveryOptions& options_;
  const Apply& apply_;
  LogRecovery found_;
  std::vector<CorruptRange> unreadable_;       // Pieces of segments, whatever was there.
  std::vector<uint64_t> bad_;                  // Of the segment that is being read.
  std::shared_ptr<RecoveredSegment> segment_;  // The one that is being read.
  std::shared_ptr<RecoveredSegment> segment_before_;
  LogChain chain_;
};

}  // namespace

Result<LogRecovery> recover_log(
    FileSystem& files, const LogRecoveryOptions& options,
    const std::function<void(std::shared_ptr<const RecoveredSegment>)>& apply) {
  return LogRecoverer(files, options, apply).run();
}

}  // namespace kv
