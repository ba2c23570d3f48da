#include "libkv/replica/hint_tally.h"

#include <memory>
#include <utility>

#include "libkv/base/limits.h"
#include "libkv/replica/key_layout.h"
#include "libkv/replica/range_walk.h"

namespace kv {

void HintTally::begin(Engine& engine, LaneTasks& tasks,
                      std::function<void(const Status&, const UnreadableHints&)> counted) {
  struct Found {
    int64_t count = 0, bytes = 0;
    std::map<PartitionKey, int64_t> by_partition;
    UnreadableHints unreadable;
  };
  auto found = std::make_shared<Found>();
  RangeWalk walk;
  walk.range = space_range(Space::hint);
  walk.slice_keys = limits::walk_slice_keys;
  walk.visit = [found](BytesView key, BytesView value) -> Result<bool> {
    const auto partition = partition_of_key(key);
    if (!partition) return fail(ErrorKind::corrupt, "a key of a hint does not parse");
    ++found->count;
    ++found->by_partition[*partition];
    found->bytes += static_cast<int64_t>(value.size());
    return true;
  };
  walk.damaged = [found](const Error& error) { found->unreadable.blocks.push_back(error); };
  walk.paused = [this, found, counted = std::move(counted)](bool ended, const Status& status) {
    if (!ended) return true;
    // What could not be read stays uncounted: its partitions may hold hints, as far as is known.
    counted_ = status.has_value();
    failed_ = !counted_;
    count_ += found->count;
    bytes_ += found->bytes;
    for (const auto& [partition, count] : found->by_partition) by_partition_[partition] += count;
    counted(status, found->unreadable);
    return true;
  };
  begin_walk(engine, tasks, std::move(walk));
}

void HintTally::changed(const PartitionKey& partition, size_t before, size_t after) {
  bytes_ += static_cast<int64_t>(after) - static_cast<int64_t>(before);
  if (after > 0) ++version_;
  const int64_t change = (after > 0 ? 1 : 0) - (before > 0 ? 1 : 0);
  count_ += change;
  if (change != 0) by_partition_[partition] += change;
}

bool HintTally::may_hold(const PartitionKey& partition) const {
  if (!counted_) return true;
  const auto found = by_partition_.find(partition);
  return found != by_partition_.end() && found->second > 0;
}

bool HintTally::note_unreadable(const PartitionKey& partition, BytesView key) {
  if (unreadable_.size() >= limits::unreadable_hints_max) return false;
  if (!unreadable_.insert(std::string(key)).second) return false;
  ++unreadable_by_partition_[partition];
  return true;
}

bool HintTally::note_damage(const std::string& what) {
  if (damage_.size() >= limits::unreadable_hints_max) return false;
  return damage_.insert(what).second;
}

bool HintTally::may_deliver(const PartitionKey& partition) const {
  if (!counted_) return !failed_;
  const auto held = by_partition_.find(partition);
  if (held == by_partition_.end()) return false;
  const auto unreadable = unreadable_by_partition_.find(partition);
  return held->second > (unreadable == unreadable_by_partition_.end() ? 0 : unreadable->second);
}

std::vector<PartitionKey> HintTally::partitions() const {
  std::vector<PartitionKey> holding;
  for (const auto& [partition, count] : by_partition_) {
    if (count > 0) holding.push_back(partition);
  }
  return holding;
}

}  // namespace kv
