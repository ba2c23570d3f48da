// Small cluster maps for tests of kv-gossip's machines.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "libkv/model/cluster_map.h"

namespace kv {

/// The store id that a member has before it loses its store.
inline uint64_t first_store_of(MemberNumber member) {
  return 1000u + member;
}

/// Members 1…`members`, the first `voters` of them voting; rack `r<i % racks>`.
inline ClusterMap make_map(size_t members, size_t voters, size_t racks = 1) {
  ClusterMap map;
  map.cluster = {1, 2};
  map.epoch = 1;
  map.partition_bits = 0;
  for (size_t i = 1; i <= members; ++i) {
    MemberInfo info;
    info.number = static_cast<MemberNumber>(i);
    info.labels = {"dc", "r" + std::to_string(i % racks), ""};
    info.store_id = first_store_of(info.number);
    map.members.push_back(info);
    if (i <= voters) map.voters.push_back(info.number);
  }
  map.reason = "first";
  return map;
}

inline MapPointer shared(ClusterMap map) {
  return std::make_shared<const ClusterMap>(std::move(map));
}

inline MapPointer next_of(const ClusterMap& map, const std::string& reason) {
  ClusterMap next = map;
  ++next.epoch;
  next.reason = reason;
  return shared(std::move(next));
}

}  // namespace kv
