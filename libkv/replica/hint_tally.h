// How many hints there are and how many bytes they take, by partition: for the budget, and to know
// where a read or a new owner must look for hints at all.
//
// Counted at the start by a walk beside the writes, which add their changes: the sum is exact, as
// with leaves.h. Until the walk is over a partition *may* hold hints and the budget counts what is
// known so far. Lives on the loop's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "libkv/base/lane_tasks.h"
#include "libkv/model/ids.h"
#include "libkv/replica/stored_hint.h"
#include "libkv/storage/engine.h"

namespace kv {

class HintTally {
 public:
  /// REQUIRES: called before the first write. `counted` is called once, with the walk's status, and
  /// with what it could not read.
  void begin(Engine& engine, LaneTasks& tasks,
             std::function<void(const Status&, const UnreadableHints&)> counted);

  /// A hint's stored size was `before` bytes and is `after` bytes now; 0: it is not there.
  void changed(const PartitionKey& partition, size_t before, size_t after);

  /// Takes note of a hint that does not decode: it stays where it is, and counted, but nobody can
  /// deliver it. False: that was known, or there are too many to know.
  bool note_unreadable(const PartitionKey& partition, BytesView key);

  /// The same for a block, told apart by `what`.
  bool note_damage(const std::string& what);

  bool is_counted() const { return counted_; }
  bool may_hold(const PartitionKey& partition) const;
  /// Whether it may hold any but unreadable ones; where counting failed, that is not to be
  /// expected.
  bool may_deliver(const PartitionKey& partition) const;
  uint64_t count() const { return static_cast<uint64_t>(count_ < 0 ? 0 : count_); }
  uint64_t unreadable() const { return unreadable_.size(); }
  /// Rises with every hint that is added or grows.
  uint64_t version() const { return version_; }
  uint64_t bytes() const { return static_cast<uint64_t>(bytes_ < 0 ? 0 : bytes_); }
  /// Those that hold any. REQUIRES: is_counted().
  std::vector<PartitionKey> partitions() const;

 private:
  bool counted_ = false;
  bool failed_ = false;
  uint64_t version_ = 1;
  int64_t count_ = 0;  // Below zero while only removals have been seen.
  int64_t bytes_ = 0;
  std::map<PartitionKey, int64_t> by_partition_;
  std::map<PartitionKey, int64_t> unreadable_by_partition_;
  std::set<std::string, std::less<>> unreadable_;  // Their keys.
  std::set<std::string> damage_;
};

}  // namespace kv
