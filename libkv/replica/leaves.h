// The Merkle trees of the partitions this member holds, kept up to date by each write to own data:
// minus the hash of the old record, plus the new.
//
// After a start, or when the map gives the member a partition, a tree is built from the data while
// writes go on. The walk sees the partition as of its beginning; writes from then on are added as
// they come. Sums commute, so that the two together are exact:
//
//     tree = Σ (snapshot)  +  Σ (new − old, for each write since)
//
// The background check is the same: it builds a second tree beside the first, tells of leaves that
// differ, and puts the computed one in its place.
//
// Lives on the loop's thread; walks run on Lane::read, one partition at a time.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "libkv/model/merkle_tree.h"
#include "libkv/storage/engine.h"
#include "libkv/storage/lane_tasks.h"

namespace kv {

class Leaves {
 public:
  /// Tells that a partition's data could not be read through.
  using Unreadable = std::function<void(const PartitionKey&, const Error&)>;

  Leaves(Engine& engine, LaneTasks& tasks, Unreadable unreadable);

  /// The partitions that the map makes this member hold: trees of others are dropped, missing ones
  /// are built. `partition_bits` never changes in a cluster's life.
  void set_partitions(unsigned partition_bits, const std::vector<PartitionKey>& partitions);

  /// A record of own data was written. Absent: there was none, or there is none any more.
  void changed(const PartitionKey& partition, KeyspaceId keyspace, BytesView name,
               const std::optional<Hash128>& before, const std::optional<Hash128>& after);

  enum class State { unknown, building, ready, unreadable };
  State state(const PartitionKey& partition) const;
  /// Null unless ready. Until the next call that is not const.
  const MerkleTree* tree(const PartitionKey& partition) const;

  /// Recomputes the partition's leaves beside the writes; then `done` gets those that differed from
  /// the tree kept by the writes (or the error). False: it is not ready, or being checked already.
  using Checked = std::function<void(Result<std::vector<uint32_t>> differing)>;
  bool check(const PartitionKey& partition, Checked done);

  /// Walks those that could not be read through once more: what failed may have been mended, or
  /// compacted away. Call it now and then.
  void retry_unreadable();

  size_t unreadable() const;
  size_t building() const { return wanted_.size() + (running_ ? 1 : 0); }
  size_t ready() const { return ready_; }
  uint64_t memory_bytes() const;

 private:
  struct Partition {
    State state = State::building;
    std::optional<MerkleTree> tree;   // While ready.
    std::optional<MerkleTree> fresh;  // The sum of the changes since the walk began.
    uint64_t walk = 0;                // Which walk `fresh` belongs to.
    Checked checked;
  };
  void begin_next();
  void begin_build(const PartitionKey& key);
  void end_build(const PartitionKey& key, uint64_t walk, const MerkleTree& scanned,
                 const Status& status);
  static std::vector<uint32_t> differing(const MerkleTree& a, const MerkleTree& b);

  Engine& engine_;
  LaneTasks& tasks_;
  Unreadable unreadable_;
  unsigned partition_bits_ = 0;
  std::map<PartitionKey, Partition> partitions_;
  std::deque<PartitionKey> wanted_;  // To be walked, one after another.
  bool running_ = false;
  uint64_t walks_ = 0;
  size_t ready_ = 0;
};

/// Which leaf of its partition a key falls in.
uint32_t leaf_of_key(unsigned partition_bits, KeyspaceId keyspace, BytesView name);

}  // namespace kv
