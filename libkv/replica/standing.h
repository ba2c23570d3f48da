// What the map makes of this member for one partition: what it may be asked, and what it refuses.
// Pure.
#pragma once

#include "libkv/model/cluster_map.h"

namespace kv {

struct Standing {
  bool slot = false;      ///< Owner, or successor from write-both on: takes every write.
  bool mints = false;     ///< Owner, or successor from read-new on.
  bool filling = false;   ///< Successor before read-new: does not count for reads.
  bool fallback = false;  ///< Holds hints, and only hints.
  bool leaving = false;   ///< Takes no new writes; what it has is still compared and fetched.

  bool holds_own() const { return slot || leaving; }
  bool any() const { return slot || fallback || leaving; }
};

Standing standing_of(const PartitionRow& row, MemberNumber member);

/// Whether `member` is an owner or a successor of the partition.
bool is_slot(const PartitionRow& row, MemberNumber member);

}  // namespace kv
