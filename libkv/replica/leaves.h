// The Merkle trees of the partitions this member holds, kept up to date by each write to own data:
// minus the hash of the old record, plus the new; in memory, and as rows on the disk.
//
//   a start, ─▶ read its rows ─┬─ marked ──────────────────▶ ready
//   a map                      └─ else ─▶ walk over its data ─▶ ready ─▶ store what rows lack, mark
//
// A tree is read or built while writes go on. The walk sees the partition as of one moment, all
// rows of a start as of the same; writes from then on are added as they come. Sums commute, so that
// the two together are exact:
//
//     tree = Σ (snapshot)  +  Σ (new − old, for each write since)
//
// The check is the same: it builds a second tree beside the first, tells of leaves that differ, and
// puts the computed one in its place.
//
// Lives on the loop's thread; walks run on Lane::read, one partition at a time.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "libkv/base/lane_tasks.h"
#include "libkv/model/merkle_tree.h"
#include "libkv/replica/leaf_rows.h"
#include "libkv/storage/engine.h"

namespace kv {

class Leaves {
 public:
  struct Hooks {
    /// Writes rows. Errors: those of Engine::apply().
    std::function<Status(const WriteBatch&)> apply;
    /// A partition's data could not be read through.
    std::function<void(const PartitionKey&, const Error&)> unreadable;
    /// Its rows could not, and so its data are.
    std::function<void(const PartitionKey&, const Error&)> rows_unreadable;
  };

  Leaves(Engine& engine, LaneTasks& tasks, Hooks hooks);

  /// From now on rows may be read: if data was lost, all of them were dropped. Before the first
  /// write.
  void start();
  /// The partitions that the map makes this member hold: trees of others are dropped, missing ones
  /// are read or built. `partition_bits` never changes in a cluster's life.
  void set_partitions(unsigned partition_bits, const std::vector<PartitionKey>& partitions);

  /// What a write to a record of own data does to the leaf it belongs to.
  struct Change {
    PartitionKey partition;
    uint32_t leaf = 0;
    LeafSum difference;
  };
  /// Adds to the write's batch what must be atomic with it. Absent: there was no record.
  Change plan(const PartitionKey& partition, KeyspaceId keyspace, BytesView name,
              const std::optional<Hash128>& before, const Hash128& after, WriteBatch* batch) const;
  /// The batch was applied, and nothing else since the change was planned.
  void changed(const Change& change);

  enum class State { unknown, building, ready, unreadable };
  State state(const PartitionKey& partition) const;
  /// Null unless ready. Until the next call that is not const.
  const MerkleTree* tree(const PartitionKey& partition) const;

  /// Recomputes the partition's leaves beside the writes; then `done` gets those that differed from
  /// the tree kept by the writes (or the error). False: it is being built, stored or walked over.
  using Checked = std::function<void(Result<std::vector<uint32_t>> differing)>;
  bool check(const PartitionKey& partition, Checked done);

  /// Walks those that could not be read through once more: what failed may have been mended, or
  /// compacted away. Call it now and then.
  void retry_unreadable();
  /// Goes on with rows that are still to be stored, a bounded number. Call it every 100 ms or so.
  void store_some();

  size_t unreadable() const;
  size_t building() const;
  /// Walks that run or wait: of those that are being built, and of those that are checked.
  size_t walks() const { return wanted_.size() + (running_ ? 1 : 0); }
  size_t ready() const { return ready_; }
  /// Of all ready partitions.
  uint64_t keys() const;
  size_t stored() const;  ///< Those whose leaves are on the disk, or on their way there.
  uint64_t memory_bytes() const;

 private:
  /// The rows of a ready tree that may be stale or missing: those from `next` on, where the tree is
  /// not what was found on the disk. Writes write theirs meanwhile. Without it a ready tree's rows
  /// are the tree.
  struct Storing {
    uint32_t next = 0;
    std::optional<MerkleTree> found;  // Absent: not known.
  };
  enum class Mark { unknown, there, struck };
  struct Partition {
    State state = State::building;
    std::optional<MerkleTree> tree;   // While ready.
    std::optional<MerkleTree> fresh;  // The sum of the changes since what the walk sees.
    /// Where its rows are read, if they are still to be.
    std::shared_ptr<const EngineSnapshot> rows;
    uint64_t walk = 0;    // Which walk `fresh` belongs to.
    bool walked = false;  // Now.
    Mark mark = Mark::unknown;
    std::optional<Storing> storing;
    Checked checked;
  };
  void begin_reading();
  void begin_next();
  void begin_walk_over_rows(const PartitionKey& key);
  void end_walk_over_rows(const PartitionKey& key, uint64_t walk, StoredLeaves& rows,
                          const Status& status);
  void begin_walk_over_data(const PartitionKey& key, std::optional<MerkleTree> rows);
  void end_walk_over_data(const PartitionKey& key, uint64_t walk, const MerkleTree& scanned,
                          std::optional<MerkleTree> rows, const Status& status);
  void go_on();
  void store_some(size_t batches);
  bool is_wanted(const PartitionKey& key) const;
  void became_ready(Partition* partition, const MerkleTree& scanned);
  void became_unreadable(const PartitionKey& key, Partition* partition, const Error& error);
  bool store(const PartitionKey& key, Partition* partition);
  /// Of which leaves the hashes differ.
  static std::vector<uint32_t> differing(const MerkleTree& a, const MerkleTree& b);

  Engine& engine_;
  LaneTasks& tasks_;
  const Hooks hooks_;
  unsigned partition_bits_ = 0;
  bool started_ = false;
  std::map<PartitionKey, Partition> partitions_;
  std::deque<PartitionKey> wanted_;  // To be walked, one after another.
  bool running_ = false;
  uint64_t walks_ = 0;
  size_t ready_ = 0;
};

/// Which leaf of its partition a key falls in.
uint32_t leaf_of_key(unsigned partition_bits, KeyspaceId keyspace, BytesView name);

}  // namespace kv
