// Fills memtables with what the commit log brings at open.
//
// One key after the other, as they came, each would be a walk through the tree that misses the
// processor's caches at every step. So they are taken by runs, of a segment at most: sorted, and
// added in order, where one key's way is nearly the last one's. And while one segment is being
// added on a lane of the executor, the next is read and checked by the caller.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "libkv/storage/lane_tasks.h"
#include "libkv/storage/log/commit_log_reader.h"
#include "libkv/storage/memtable/memtable.h"

namespace kv {

class LogReplay {
 public:
  /// A memtable with `memtable_bytes` is full: what comes then begins another.
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

  void add(const RecoveredSegment& segment);
  void add_batch(const LogRecord& record);
  void add_other(const LogRecord& record);
  void end_run();
  std::span<const Entry* const> sorted_run();
  size_t room() const;

  const std::shared_ptr<ArenaBlocks> blocks_;
  const size_t memtable_bytes_;
  // Below: of whoever adds a segment, and of the caller when nobody does.
  std::vector<std::shared_ptr<Memtable>> memtables_;  // Oldest first.
  std::vector<Entry> run_;                            // As they came.
  size_t run_bytes_ = 0;                              // About what they will need in the memtable.
  std::vector<Ranked> ranked_;
  std::vector<const Entry*> sorted_;
  LaneTasks tasks_;  // Last: nothing runs any more when the others go.
};

}  // namespace kv
