#include "libkv/replica/leaves.h"

#include <algorithm>
#include <utility>

#include "libkv/base/assert.h"
#include "libkv/base/limits.h"
#include "libkv/base/planted.h"
#include "libkv/codec/record_codec.h"
#include "libkv/replica/key_layout.h"
#include "libkv/replica/leaf_rows.h"
#include "libkv/replica/range_walk.h"

namespace kv {

uint32_t leaf_of_key(unsigned partition_bits, KeyspaceId keyspace, BytesView name) {
  return MerkleTree(partition_bits).leaf_of(token_of(keyspace, name));
}

Leaves::Leaves(Engine& engine, LaneTasks& tasks, Hooks hooks)
    : engine_(engine), tasks_(tasks), hooks_(std::move(hooks)) {}

void Leaves::start() {
  started_ = true;
  begin_reading();
  begin_next();
}

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
    const bool needs_walk = partition.state == State::building || partition.checked != nullptr;
    if (needs_walk && !partition.walked) wanted_.push_back(key);
  }
  partitions_ = std::move(kept);
  begin_reading();
  begin_next();
}

Leaves::Change Leaves::plan(const PartitionKey& partition, KeyspaceId keyspace, BytesView name,
                            const std::optional<Hash128>& before, const Hash128& after,
                            WriteBatch* batch) const {
  Change change{partition, leaf_of_key(partition_bits_, keyspace, name), {}};
  change.difference += {leaf_hash(keyspace, name, after), 1};
  if (before) change.difference -= {leaf_hash(keyspace, name, *before), 1};
  const auto found = partitions_.find(partition);
  if (found == partitions_.end() || !found->second.tree) {
    const bool is_struck = found != partitions_.end() && found->second.mark == Mark::struck;
    if (!is_struck) strike_leaf_mark(partition, batch);
  } else if (!KV_PLANTED(leaf_row_left_behind)) {
    LeafSum sum = found->second.tree->sum(change.leaf);
    sum += change.difference;
    write_leaf_row(partition, change.leaf, sum, batch);
  }
  return change;
}

void Leaves::changed(const Change& change) {
  const auto found = partitions_.find(change.partition);
  if (found == partitions_.end()) return;
  Partition& partition = found->second;
  if (!partition.tree) partition.mark = Mark::struck;
  for (auto* tree : {&partition.tree, &partition.fresh}) {
    if (tree->has_value()) (*tree)->add(change.leaf, change.difference);
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
  if (found == partitions_.end() || found->second.checked || is_wanted(partition)) return false;
  const Partition& held = found->second;
  if (held.state == State::building || held.storing || held.walked) return false;
  found->second.checked = std::move(done);
  wanted_.push_back(partition);
  begin_next();
  return true;
}

void Leaves::retry_unreadable() {
  for (const auto& [key, partition] : partitions_) {
    const bool is_due = partition.state == State::unreadable && !partition.walked;
    if (is_due && !is_wanted(key)) wanted_.push_back(key);
  }
  begin_next();
}

bool Leaves::is_wanted(const PartitionKey& key) const {
  return std::find(wanted_.begin(), wanted_.end(), key) != wanted_.end();
}

size_t Leaves::building() const {
  return static_cast<size_t>(
      std::count_if(partitions_.begin(), partitions_.end(),
                    [](const auto& entry) { return entry.second.state == State::building; }));
}

size_t Leaves::unreadable() const {
  return static_cast<size_t>(
      std::count_if(partitions_.begin(), partitions_.end(),
                    [](const auto& entry) { return entry.second.state == State::unreadable; }));
}

uint64_t Leaves::keys() const {
  uint64_t keys = 0;
  for (const auto& [key, partition] : partitions_) {
    if (partition.tree) keys += partition.tree->keys();
  }
  return keys;
}

size_t Leaves::stored() const {
  return static_cast<size_t>(
      std::count_if(partitions_.begin(), partitions_.end(),
                    [](const auto& entry) { return entry.second.mark == Mark::there; }));
}

uint64_t Leaves::memory_bytes() const {
  uint64_t bytes = 0;
  for (const auto& [key, partition] : partitions_) {
    if (partition.tree) bytes += partition.tree->memory_bytes();
    if (partition.fresh) bytes += partition.fresh->memory_bytes();
    if (partition.storing && partition.storing->found)
      bytes += partition.storing->found->memory_bytes();
  }
  return bytes;
}

// Reading and building.

// What is written while partitions wait for their turn does not make their rows useless.
void Leaves::begin_reading() {
  if (!started_) return;
  std::shared_ptr<const EngineSnapshot> now;
  for (auto& [key, partition] : partitions_) {
    if (partition.state != State::building || partition.fresh) continue;
    if (now == nullptr) now = engine_.snapshot();
    partition.rows = now;
    partition.fresh.emplace(partition_bits_);
    partition.walk = ++walks_;
  }
}

void Leaves::begin_next() {
  if (!started_ || running_ || wanted_.empty()) return;
  const PartitionKey key = wanted_.front();
  wanted_.pop_front();
  running_ = true;
  Partition& partition = partitions_.at(key);
  partition.walked = true;
  if (partition.tree) return begin_walk_over_data(key, std::nullopt);
  begin_walk_over_rows(key);
}

void Leaves::begin_walk_over_rows(const PartitionKey& key) {
  Partition& partition = partitions_.at(key);
  if (partition.rows == nullptr) {
    // From here on every change counts, and the walk sees none of them.
    partition.rows = engine_.snapshot();
    partition.fresh.emplace(partition_bits_);
    partition.walk = ++walks_;
  }
  const uint64_t walk_number = partition.walk;
  auto rows = std::make_shared<StoredLeaves>(partition_bits_);
  RangeWalk walk;
  walk.range = partition_range(Space::leaf, key);
  walk.snapshot = std::exchange(partition.rows, nullptr);
  walk.slice_keys = limits::walk_slice_keys;
  walk.visit = [rows](BytesView bytes, BytesView value) -> Result<bool> {
    KV_TRY(rows->read(bytes, value));
    return true;
  };
  walk.paused = [this, key, walk_number, rows](bool ended, const Status& status) {
    if (ended) end_walk_over_rows(key, walk_number, *rows, status);
    return true;
  };
  begin_walk(engine_, tasks_, std::move(walk));
}

void Leaves::end_walk_over_rows(const PartitionKey& key, uint64_t walk, StoredLeaves& rows,
                                const Status& status) {
  const auto found = partitions_.find(key);
  // The map may have taken the partition away meanwhile (and even given it back).
  if (found != partitions_.end() && found->second.walk == walk) {
    Partition& partition = found->second;
    if (!status) {
      hooks_.rows_unreadable(key, status.error());
      return begin_walk_over_data(key, std::nullopt);
    }
    // A write may have struck it since.
    if (partition.mark == Mark::unknown) partition.mark = rows.marked ? Mark::there : Mark::struck;
    if (!rows.marked || partition.state == State::unreadable)
      return begin_walk_over_data(key, std::move(rows.tree));
    partition.walked = false;
    became_ready(&partition, rows.tree);
    if (partition.mark == Mark::struck) partition.storing.emplace(Storing{0, std::move(rows.tree)});
  }
  go_on();
}

void Leaves::begin_walk_over_data(const PartitionKey& key, std::optional<MerkleTree> rows) {
  Partition& partition = partitions_.at(key);
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
  walk.paused = [this, key, walk_number, scanned, rows = std::move(rows)](
                    bool ended, const Status& status) mutable {
    if (ended) end_walk_over_data(key, walk_number, *scanned, std::move(rows), status);
    return true;
  };
  begin_walk(engine_, tasks_, std::move(walk));
}

void Leaves::end_walk_over_data(const PartitionKey& key, uint64_t walk, const MerkleTree& scanned,
                                std::optional<MerkleTree> rows, const Status& status) {
  const auto found = partitions_.find(key);
  if (found != partitions_.end() && found->second.walk == walk) {
    Partition& partition = found->second;
    Checked checked = std::move(partition.checked);
    partition.checked = nullptr;
    partition.walked = false;
    if (status) {
      // Of a tree that was there the rows are what it was.
      const bool was_ready = partition.tree.has_value();
      if (was_ready) rows = std::move(partition.tree);
      became_ready(&partition, scanned);
      std::vector<uint32_t> wrong;
      if (was_ready) wrong = differing(*rows, *partition.tree);
      if (!was_ready || *rows != *partition.tree)
        partition.storing.emplace(Storing{0, std::move(rows)});
      if (checked) checked(std::move(wrong));
    } else {
      became_unreadable(key, &partition, status.error());
      if (checked) checked(fail(status.error()));
    }
  }
  go_on();
}

void Leaves::go_on() {
  running_ = false;
  store_some(1);
  begin_next();
}

void Leaves::became_ready(Partition* partition, const MerkleTree& scanned) {
  partition->fresh->add(scanned);
  if (partition->state != State::ready) ++ready_;
  partition->state = State::ready;
  partition->tree = std::move(partition->fresh);
  partition->fresh.reset();
}

void Leaves::became_unreadable(const PartitionKey& key, Partition* partition, const Error& error) {
  if (partition->state == State::ready) --ready_;
  partition->state = State::unreadable;
  partition->tree.reset();
  partition->fresh.reset();
  partition->storing.reset();
  // The next start is to meet it, too. If this fails, the next write strikes the mark.
  WriteBatch batch;
  strike_leaf_mark(key, &batch);
  if (partition->mark != Mark::struck && hooks_.apply(batch)) partition->mark = Mark::struck;
  hooks_.unreadable(key, error);
}

// Storing.

void Leaves::store_some() {
  store_some(limits::leaf_batches_at_once);
}

void Leaves::store_some(size_t batches) {
  for (auto& [key, partition] : partitions_) {
    while (partition.storing) {
      if (batches-- == 0 || !store(key, &partition)) return;
    }
  }
}

// One batch. The mark goes before the first row, and comes with the last.
bool Leaves::store(const PartitionKey& key, Partition* partition) {
  Storing& storing = *partition->storing;
  const MerkleTree& tree = *partition->tree;
  WriteBatch batch;
  if (partition->mark != Mark::struck) strike_leaf_mark(key, &batch);
  uint32_t leaf = storing.next;
  for (; leaf < tree.leaf_count() && batch.count() < limits::leaf_rows_a_batch; ++leaf) {
    const LeafSum sum = tree.sum(leaf);
    if (!storing.found || storing.found->sum(leaf) != sum) write_leaf_row(key, leaf, sum, &batch);
  }
  const bool is_last = leaf == tree.leaf_count();
  if (is_last || KV_PLANTED(leaf_mark_before_rows)) write_leaf_mark(key, &batch);
  if (!hooks_.apply(batch)) return false;
  storing.next = leaf;
  partition->mark = is_last ? Mark::there : Mark::struck;
  if (is_last) partition->storing.reset();
  return true;
}

std::vector<uint32_t> Leaves::differing(const MerkleTree& a, const MerkleTree& b) {
  std::vector<uint32_t> leaves;
  for (uint32_t leaf = 0; leaf < a.leaf_count(); ++leaf) {
    if (a.leaf(leaf) != b.leaf(leaf)) leaves.push_back(leaf);
  }
  return leaves;
}

}  // namespace kv
