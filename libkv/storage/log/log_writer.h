// Writes groups of records into log segments and syncs them: the half of the commit log that runs
// on Lane::log_sync. One call at a time; keeps no lock. After an error every later call fails, but
// for a disk without room for the next segment: then what is left of the group may be tried again.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "libkv/storage/log/log_records.h"
#include "libkv/storage/log/log_segment.h"
#include "libkv/storage/log/log_segment_pool.h"
#include "libkv/storage/log/log_tail.h"

namespace kv {

/// Records that are written together.
struct LogGroup {
  LogRecords::Pieces records;  ///< May be empty.
  Sequence durable = 0;        ///< Known durable when the group was handed over.
  bool sync = false;           ///< Or leave it to a later group's.
};

struct LogGroupResult {
  struct BegunSegment {
    uint64_t number;
    Sequence first;
    uint64_t bytes;
  };
  Status status;
  /// With `no_space` or `busy`: nothing is broken; the group now holds what was not written.
  bool waits_for_room = false;
  std::vector<BegunSegment> begun;
  uint64_t written_bytes = 0;
  uint64_t syncs = 0;
};

class LogWriter {
 public:
  /// `before_first_write` runs before anything is written (the clean flag is taken away there).
  LogWriter(std::shared_ptr<LogSegmentPool> pool, uint64_t secret, uint64_t next_number,
            std::function<Status()> before_first_write);

  LogGroupResult write(LogGroup& group);

 private:
  Status write_records(LogGroup& group, bool sync_now, LogGroupResult* result);
  Status write_piece(std::string& piece, Sequence durable, bool sync_now, size_t* written,
                     LogGroupResult* result);
  Result<LogSegmentPool::Segment> open_segment(uint64_t record_bytes);
  Status begin_segment(LogSegmentPool::Segment segment, Sequence first, LogGroupResult* result);
  Status put(BytesView bytes, bool sync_wanted, LogGroupResult* result);
  bool fits_pages(BytesView bytes) const;
  Status sync(LogGroupResult* result);

  std::shared_ptr<LogSegmentPool> pool_;
  const uint64_t secret_;
  uint64_t next_number_;
  std::function<Status()> before_first_write_;
  Status writing_;

  std::unique_ptr<File> file_;
  uint64_t salt_ = 0;
  uint64_t offset_ = 0;
  uint64_t capacity_ = 0;
  LogTail tail_;
  bool unsynced_ = false;
};

}  // namespace kv
