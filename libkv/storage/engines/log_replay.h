// Fills memtables with what the commit log brings at open.
//
// One key after the other, as they came, each would be a walk through the tree that misses the
// processor's caches at every step. So they are taken by runs, of a segment at most: sorted, and
// added in order, where one key's way is nearly the last one's.
//
//     the caller   read 1, check, sort │ read 2, check, sort, clear memory │ read 3 …
//     the lane                         │ add 1                             │ add 2 …
//
// Whoever opens the engine has time for other things there, too, as it waits for the lane
// (lsm_open.cc).
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "libkv/base/lane_tasks.h"
#include "libkv/storage/log/log_recovery.h"
#include "libkv/storage/memtable/memtable.h"

namespace kv {

class LogReplay {
 public:
  /// A memtable that has about `memtable_bytes` is full: what comes then begins another.
  LogReplay(Executor& executor, std::shared_ptr<ArenaBlocks> blocks, size_t memtable_bytes);

  /// Adds the segment's records, here or on a lane; returns when those of the segments before are
  /// in. REQUIRES: segments come in the log's order, and hold what log_chain.h lets through.
  void take(std::shared_ptr<const RecoveredSegment> segment);
  /// Waits for the last segment. Newest first, never empty.
  std::vector<std::shared_ptr<Memtable>> finish();

 private:
  struct Ranked {
    uint64_t slice;
    const Entry* entry;
  };
  /// For one memtable: a run of entries, or a record that is none of them.
  struct Step {
    Memtable* memtable;
    size_t entries = 0;  ///< Those that follow in Work::sorted.
    const LogRecord* other = nullptr;
  };
  /// A segment made ready to be added.
  struct Work {
    std::shared_ptr<const RecoveredSegment> segment;
    HugePageVector<Entry> entries;        // As they came.
    HugePageVector<const Entry*> sorted;  // Run by run.
    std::vector<Step> steps;

    void add() const;
  };

  void prepare(Work& work);
  void ready_blocks();
  void gather(const LogRecord& record, Work& work);
  void end_run(Work& work);
  void begin_memtable();

  const std::shared_ptr<ArenaBlocks> blocks_;
  const size_t memtable_bytes_;
  std::vector<std::shared_ptr<Memtable>> memtables_;  // Oldest first.
  size_t memtable_used_ = 0;                          // About what the newest will have.
  HugePageVector<Ranked> ranked_;
  size_t run_begin_ = 0;       // In Work::entries.
  std::array<Work, 2> works_;  // One is made ready, while the other is being added.
  LaneTasks tasks_;            // Last: nothing runs any more when the others go.
};

}  // namespace kv
