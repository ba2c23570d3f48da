// Pages of a keyspace: which partitions and hints this member has to look at by its map, then a
// merge over them on Lane::read. A merge has an iterator for each partition, and so a block of each
// source of each partition: few run at a time, as many as keep the reading threads busy, or as
// there is memory for. The others wait, in the order of their coming; those of an asker that has
// yet to take what it was told, until it has. Lives on the loop's thread.
#pragma once

#include <deque>
#include <memory>

#include "libkv/replica/replica_core.h"
#include "libkv/replica/scan_merge.h"

namespace kv {

class Scans {
 public:
  explicit Scans(ReplicaCore& core) : core_(core) {}

  void page(Asker asker, const msg::ScanPage& request, Instant deadline);
  /// Askers have taken answers, or time has passed.
  void go_on() { begin_waiting(); }

 private:
  struct Asked {
    Asker asker;
    msg::ScanPage request;
    Instant deadline;
  };
  void refuse(const Asked& asked, Answer why);
  void begin_waiting();
  bool can_begin(const Asked& asked) const;
  bool has_taken(Asker asker) const;
  bool waits_in_vain(Asker asker) const;
  /// Begins to read the page, or refuses it.
  void begin(const Asked& asked);
  /// The member's partitions of the keyspace's placement; stale_epoch if one of them has changed
  /// since the map that the asker planned with.
  Answer plan(const msg::ScanPage& request, std::shared_ptr<ScanMerge>* merge,
              std::vector<PartitionId>* refilling);
  void add(const msg::ScanPage& request, Space space, const PartitionKey& partition,
           ScanMerge* merge);
  void finish(Asker asker, const msg::ScanPage& request, Result<ScanMerge::Page>* page,
              const std::vector<PartitionId>& refilling, Instant deadline);

  ReplicaCore& core_;
  std::deque<Asked> waiting_;
  size_t running_ = 0;
};

}  // namespace kv
