#include "libkv/replica/leaves.h"

#include <algorithm>
#include <utility>

#include "libkv/base/assert.h"
#include "libkv/base/limits.h"
#include "libkv/codec/record_codec.h"
#include "libkv/replica/key_layout.h"
#include "libkv/replica/range_walk.h"

namespace kv {

uint32_t leaf_of_key(unsigned partition_bits, KeyspaceId keyspace, BytesView name) {
  return MerkleTree(partition_bits).leaf_of(token_of(keyspace, name));
}

Leaves::Leaves(Engine& engine, LaneTasks& tasks, Unreadable unreadable)
    : engine_(engine), tasks_(tasks), unreadable_(std::move(unreadable)) {}

void Leaves::set_partitions(unsigned partition_bits, const std::vector<PartitionKey>& partitions) {
  KV_ASSERT(partition_bits_ == 0 || partition_bits_ == partition_bits);
  partition_bits_ = partition_bits;
  std::map<PartitionKey, Partition> kept;
  wanted_.clear();
  ready_ = 0;
  for (const PartitionKey& key : partitions) {
    const auto found = partitions_.find(key);
    Partition& partition = kept[key];
    if (found != partitions_.end()) partition = std::move(found->second);
    if (partition.state == State::ready) ++ready_;
    const bool is_walked = partition.fresh.has_value();
    const bool needs_walk = partition.state == State::building || partition.checked != nullptr;
    if (needs_walk && !is_walked) wanted_.push_back(key);
  }
  partitions_ = std::move(kept);
  begin_next();
}

void Leaves::changed(const PartitionKey& partition, KeyspaceId keyspace, BytesView name,
                     const std::optional<Hash128>& before, const std::optional<Hash128>& after) {
  const auto found = partitions_.find(partition);
  if (found == partitions_.end()) return;
  const uint32_t leaf = leaf_of_key(partition_bits_, keyspace, name);
  for (auto* tree : {&found->second.tree, &found->second.fresh}) {
    if (!tree->has_value()) continue;
    if (before) (*tree)->subtract(leaf, leaf_hash(keyspace, name, *before));
    if (after) (*tree)->add(leaf, leaf_hash(keyspace, name, *after));
  }
}

Leaves::State Leaves::state(const PartitionKey& partition) const {
  const auto found = partitions_.find(partition);
  return found == partitions_.end() ? State::unknown : found->second.state;
}

const MerkleTree* Leaves::tree(const PartitionKey& partition) const {
  const auto found = partitions_.find(partition);
  if (found == partitions_.end() || !found->second.tree) return nullptr;
  return &*found->second.tree;
}

bool Leaves::check(const PartitionKey& partition, Checked done) {
  const auto found = partitions_.find(partition);
  if (found == partitions_.end() || found->second.checked) return false;
  if (found->second.state == State::building) return false;
  found->second.checked = std::move(done);
  wanted_.push_back(partition);
  begin_next();
  return true;
}

void Leaves::retry_unreadable() {
  for (const auto& [key, partition] : partitions_) {
    const bool is_due = partition.state == State::unreadable && !partition.fresh;
    const bool waits = std::find(wanted_.begin(), wanted_.end(), key) != wanted_.end();
    if (is_due && !waits) wanted_.push_back(key);
  }
  begin_next();
}

size_t Leaves::unreadable() const {
  return static_cast<size_t>(
      std::count_if(partitions_.begin(), partitions_.end(),
                    [](const auto& entry) { return entry.second.state == State::unreadable; }));
}

uint64_t Leaves::memory_bytes() const {
  uint64_t bytes = 0;
  for (const auto& [key, partition] : partitions_) {
    if (partition.tree) bytes += partition.tree->memory_bytes();
    if (partition.fresh) bytes += partition.fresh->memory_bytes();
  }
  return bytes;
}

void Leaves::begin_next() {
  if (running_ || wanted_.empty()) return;
  const PartitionKey key = wanted_.front();
  wanted_.pop_front();
  begin_build(key);
}

void Leaves::begin_build(const PartitionKey& key) {
  running_ = true;
  Partition& partition = partitions_.at(key);
  // From here on every change counts, and the walk sees none of them.
  partition.fresh.emplace(partition_bits_);
  const uint64_t walk_number = partition.walk = ++walks_;
  auto scanned = std::make_shared<MerkleTree>(partition_bits_);
  RangeWalk walk;
  walk.range = partition_range(Space::own, key);
  walk.slice_keys = limits::walk_slice_keys;
  walk.visit = [scanned, bits = partition_bits_](BytesView bytes, BytesView value) -> Result<bool> {
    const auto parsed = parse_record_key(bytes);
    if (!parsed) return fail(ErrorKind::corrupt, "a key of own data does not parse");
    KV_ASSIGN(const StoredRecord stored, decode_stored_record(SharedBytes(nullptr, value)));
    scanned->add(leaf_of_key(bits, parsed->keyspace, parsed->name),
                 leaf_hash(parsed->keyspace, parsed->name, digest_of(stored.record)));
    return true;
  };
  walk.paused = [this, key, walk_number, scanned](bool ended, const Status& status) {
    if (ended) end_build(key, walk_number, *scanned, status);
    return true;
  };
  begin_walk(engine_, tasks_, std::move(walk));
}

void Leaves::end_build(const PartitionKey& key, uint64_t walk, const MerkleTree& scanned,
                       const Status& status) {
  running_ = false;
  const auto found = partitions_.find(key);
  // The map may have taken the partition away meanwhile (and even given it back).
  if (found != partitions_.end() && found->second.walk == walk) {
    Partition& partition = found->second;
    Checked checked = std::move(partition.checked);
    partition.checked = nullptr;
    if (partition.state == State::ready) --ready_;
    if (status) {
      for (const auto& [leaf, sum] : scanned.leaves()) partition.fresh->add(leaf, sum);
      const MerkleTree before = partition.tree.value_or(*partition.fresh);
      partition.tree = std::move(partition.fresh);
      partition.state = State::ready;
      ++ready_;
      if (checked) checked(differing(before, *partition.tree));
    } else {
      partition.tree.reset();
      partition.state = State::unreadable;
      unreadable_(key, status.error());
      if (checked) checked(fail(status.error()));
    }
    partition.fresh.reset();
  }
  begin_next();
}

std::vector<uint32_t> Leaves::differing(const MerkleTree& a, const MerkleTree& b) {
  std::vector<uint32_t> leaves;
  for (uint32_t leaf = 0; leaf < a.leaf_count(); ++leaf) {
    if (a.leaf(leaf) != b.leaf(leaf)) leaves.push_back(leaf);
  }
  return leaves;
}

}  // namespace kv
