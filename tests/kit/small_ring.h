// A small cluster for tests of the coordinator's machines: members with labels, one keyspace `t`,
// every partition with the same row.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "libkv/model/view.h"
#include "libkv/protocol/coordinator_plan.h"

namespace kv::testing {

struct SmallRing {
  ClusterMap map;
  View view;

  /// Members 1…`members`, each on a host of its own in dc1; slots 1…n, the rest fallbacks.
  SmallRing(MemberNumber members, uint8_t n, uint8_t r, uint8_t w, bool strict = false) {
    map.epoch = 41;
    map.partition_bits = 1;
    for (MemberNumber member = 1; member <= members; ++member) {
      MemberInfo info;
      info.number = member;
      info.labels.dc = "dc1";
      info.labels.host = "h" + std::to_string(member);
      map.members.push_back(info);
      set_up(member, true);
    }
    PartitionRow row;
    for (MemberNumber member = 1; member <= members; ++member) {
      if (member <= n) {
        row.slots.push_back({member, 0, SlotStage::stable});
      } else {
        row.fallbacks.push_back(member);
      }
    }
    Placement placement;
    placement.id = 1;
    placement.n = n;
    placement.table.assign(map.partitions(), row);
    map.placements.push_back(placement);
    Keyspace keyspace;
    keyspace.id = 7;
    keyspace.name = "t";
    keyspace.placement = 1;
    keyspace.r = r;
    keyspace.w = w;
    keyspace.strict = strict;
    map.keyspaces.push_back(keyspace);
  }

  MemberInfo& member(MemberNumber number) { return map.members[number - 1u]; }
  Slot& slot(size_t index) {
    // Tests change the first row and then publish(), which copies it to the others.
    return map.placements[0].table[0].slots[index];
  }
  void set_up(MemberNumber member, bool up) {
    MemberLiveness& liveness = view.liveness[member];
    liveness.liveness = up ? Liveness::alive : Liveness::down;
    liveness.daemons_up = up ? 0x0f : 0;
  }
  /// Makes the map as it stands the view's.
  const View& publish() {
    auto& table = map.placements[0].table;
    for (PartitionRow& row : table) row = table[0];
    view.map = std::make_shared<const ClusterMap>(map);
    return view;
  }
  Plan plan(const Routing& routing, Instant now, BytesView key = "k") const {
    return plan_for(view.map, view.map->keyspaces[0], key, routing, now);
  }
};

}  // namespace kv::testing
