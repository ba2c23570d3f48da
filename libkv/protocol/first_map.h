// The first map of a cluster, from what its members say of themselves: what kv-init proposes, and
// the simulator.
//
// Pure.
#pragma once

#include <string>
#include <vector>

#include "libkv/base/result.h"
#include "libkv/protocol/gossip_messages.h"

namespace kv {

/// A keyspace of the first map. A number that is 0 takes its default: N min(3, members), R and W
/// its majority.
struct FirstKeyspace {
  std::string name = "default";
  uint8_t n = 0;
  uint8_t r = 0;
  uint8_t w = 0;
  bool strict = false;
};

struct FirstMapOptions {
  ClusterId cluster;        ///< Drawn by the caller.
  uint32_t partitions = 0;  ///< A power of 2; 0: 256.
  std::vector<FirstKeyspace> keyspaces = {FirstKeyspace{}};
};

struct FirstMap {
  ClusterMap map;                     ///< Of epoch 1.
  std::vector<std::string> warnings;  ///< Of compute_table().
};

/// `members`: what the kv-gossip of each answered, in any order. Keyspaces of one N share a table.
/// Voters: choose_voters().
/// Errors: invalid (nobody; a number given twice; a member that is in a cluster already; a number
/// of partitions that is no power of 2; a keyspace that cannot be; whatever compute_table() and
/// check() find).
Result<FirstMap> first_map(const std::vector<msg::Introduced>& members,
                           const FirstMapOptions& options);

/// Up to limits::voters_max members, an odd number of them (one more would be one more that may
/// fail, and no more that could be missing): data centres in turn, within one its racks in turn,
/// within one its hosts. Sorted.
std::vector<MemberNumber> choose_voters(const std::vector<MemberInfo>& members);

}  // namespace kv
