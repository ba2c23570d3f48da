// Partitions in which this member lost durable data and is not yet level with the other slots: it
// takes merges there, but neither mints nor counts for strict reads.
//
// Durable rows. Damage that is not bound to partitions (a wiped disk, a lost log) is kept as one
// row "everything", until a map says which partitions that is; hints that were lost likewise, until
// the map says to whom they are to be owed as repairs. Marks count in memory at once; they end only
// when their removal was applied.
//
// Lives on the loop's thread; load() reads the rows.
#pragma once

#include <set>
#include <vector>

#include "libkv/model/ids.h"
#include "libkv/replica/start_rows.h"
#include "libkv/storage/engine.h"

namespace kv {

class Refilling {
 public:
  /// Errors: corrupt (a row), io.
  static Result<Refilling> load(Engine& engine, UnreadableRows* unreadable);

  void mark(const PartitionKey& partition, WriteBatch* batch);
  /// Everything that the next map makes this member hold.
  void mark_all(WriteBatch* batch);
  /// The map is known: turns "everything" into these partitions. Nothing to do unless pending,
  /// which it is until all_was_named().
  void name_all(const std::vector<PartitionKey>& partitions, WriteBatch* batch);
  void all_was_named() { all_ = false; }
  bool all_is_pending() const { return all_; }

  void mark_hints_lost(WriteBatch* batch);
  bool hints_lost_is_pending() const { return hints_lost_; }
  /// Their repairs are owed by the same batch. Pending until hints_were_owed().
  void hints_are_owed(WriteBatch* batch) const;
  void hints_were_owed() { hints_lost_ = false; }

  bool contains(const PartitionKey& partition) const {
    return all_ || partitions_.count(partition) != 0;
  }
  /// Adds the row's removal to `batch`; false if it is not marked.
  bool end(const PartitionKey& partition, WriteBatch* batch) const;
  /// Forgets a mark whose removal was applied.
  void forget(const PartitionKey& partition) { partitions_.erase(partition); }

  std::vector<PartitionKey> list() const {
    return std::vector<PartitionKey>(partitions_.begin(), partitions_.end());
  }

 private:
  bool all_ = false;
  bool hints_lost_ = false;
  std::set<PartitionKey> partitions_;
};

}  // namespace kv
