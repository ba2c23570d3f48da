// What the segments of a commit log hold together, oldest first: which records count, and where
// what was durable is damaged or missing.
//
// The first bad record ends a segment, unless valid records follow it in the same life of the
// segment. Then the sequences between are
//   - damaged, if one of those records (or the next segment's header, or the manifest) says that
//     they had been durable: told, and what follows still counts;
//   - never acknowledged, else: they and all that follows in the segment are cut. (A group that was
//     being written when the power went may have left its second half and not its first.)
//
// The one judge of this, for recovery and for the offline tools. Pure.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "libkv/storage/engine.h"
#include "libkv/storage/log/log_scan.h"

namespace kv {

/// How a segment ends.
enum class LogEnd {
  clean,    ///< With its last record; behind it are zeros or an earlier life.
  torn,     ///< With what a crash left of records that nobody was promised.
  damaged,  ///< Durable records of it, or before it, are damaged or missing.
};
const char* to_string(LogEnd end);

/// Up to where the manifest's word reaches into the newest segment: all of it was durable, if its
/// last record is the very one that was; 0: it may hold what an earlier recovery cut.
Sequence durable_by_manifest(const LogSegmentScan& newest, Sequence known_durable);

class LogChain {
 public:
  using Apply = std::function<void(const LogRecord&)>;

  /// Records up to `flushed` are passed over. `apply` is called for each other that counts: a
  /// batch, the drop of a range, or an ingest; all parse. What is missing before the first segment
  /// is told of `directory`.
  LogChain(std::string directory, Sequence flushed, Apply apply)
      : apply_(std::move(apply)), expected_(flushed + 1), place_(std::move(directory)) {}

  /// The next segment. The one behind it, or durable_by_manifest(), says that all up to `durable`
  /// had been synced; 0: nobody says. Errors: format.
  Result<LogEnd> add(const std::string& path, const LogSegmentScan& scan, Sequence durable);
  /// There are no more. The manifest knows all up to `known_durable` to have been durable.
  void end(Sequence known_durable);

  Sequence last_sequence() const { return expected_ - 1; }
  /// Behind the last record of the newest segment that counts; 0: none does.
  uint64_t taken_end() const { return taken_end_; }
  bool torn_tail() const { return torn_tail_; }
  const std::vector<CorruptRange>& corruption() const { return corruption_; }

 private:
  Result<bool> take_records(const std::string& path, const LogSegmentScan& scan, Sequence durable);
  Status take_header(const LogRecord& record);
  bool known_durable(const LogSegmentScan& scan, size_t i, Sequence durable) const;
  void take_operations(const std::string& path, const LogRecord& record);
  void report_missing(Sequence last);

  Apply apply_;
  Sequence expected_;
  // Behind the last record taken of the newest segment: where damage begins, if there is any.
  std::string place_;
  uint64_t place_offset_ = 0;
  uint64_t taken_end_ = 0;
  bool torn_tail_ = false;
  std::vector<CorruptRange> corruption_;
};

}  // namespace kv
