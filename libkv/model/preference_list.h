// The preference list of a key: who is to hold it, in which order, and who stands in.
#pragma once

#include <span>

#include "libkv/model/cluster_map.h"
#include "libkv/model/token.h"

namespace kv {

struct PreferenceList {
  Epoch epoch = 0;  ///< Of the map it was made with; travels with every request.
  PartitionKey partition;
  std::span<const Slot> slots;              ///< N, in order. Of the map, which must outlive it.
  std::span<const MemberNumber> fallbacks;  ///< In order; same data centre as the slot first is the
                                            ///< caller's choice (quorum needs the slot to know).
};

/// REQUIRES: the keyspace is in the map.
PreferenceList preference_list(const ClusterMap& map, const Keyspace& keyspace, BytesView key);

}  // namespace kv
