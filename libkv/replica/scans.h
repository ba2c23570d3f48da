// Pages of a keyspace: which partitions and hints this member has to look at by its map, then a
// merge over them on Lane::read. Lives on the loop's thread.
#pragma once

#include <memory>

#include "libkv/replica/replica_core.h"
#include "libkv/replica/scan_merge.h"

namespace kv {

class Scans {
 public:
  explicit Scans(ReplicaCore& core) : core_(core) {}

  void page(Asker asker, const msg::ScanPage& request, Instant deadline);

 private:
  /// The member's partitions of the keyspace's placement; stale_epoch if one of them has changed
  /// since the map that the asker planned with.
  Answer plan(const msg::ScanPage& request, std::shared_ptr<ScanMerge>* merge,
              std::vector<PartitionId>* refilling);
  void add(const msg::ScanPage& request, Space space, const PartitionKey& partition,
           ScanMerge* merge);
  void finish(Asker asker, const msg::ScanPage& request, Result<ScanMerge::Page>* page,
              const std::vector<PartitionId>& refilling, Instant deadline);

  ReplicaCore& core_;
};

}  // namespace kv
