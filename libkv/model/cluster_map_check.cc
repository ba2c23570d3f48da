#include <algorithm>
#include <string>

#include "libkv/base/limits.h"
#include "libkv/model/cluster_map.h"

namespace kv {

namespace {

tl::unexpected<Error> breach(std::string what) {
  return fail(ErrorKind::invalid, "cluster map: " + std::move(what));
}

template <typename T>
bool has_duplicate(std::vector<T> values) {
  std::sort(values.begin(), values.end());
  return std::adjacent_find(values.begin(), values.end()) != values.end();
}

bool contains(const std::vector<MemberNumber>& numbers, MemberNumber number) {
  return std::find(numbers.begin(), numbers.end(), number) != numbers.end();
}

Status check_texts(const MemberInfo& info) {
  for (const std::string* label : {&info.labels.dc, &info.labels.rack, &info.labels.host}) {
    if (label->size() > limits::label_bytes_max) {
      return breach("a label of member " + std::to_string(info.number) + " is too long");
    }
  }
  for (const std::string& endpoint : info.endpoints) {
    if (endpoint.size() > limits::endpoint_bytes_max) {
      return breach("an endpoint of member " + std::to_string(info.number) + " is too long");
    }
  }
  return {};
}

Status check_members(const ClusterMap& map) {
  if (map.members.empty()) return breach("no members");
  if (map.members.size() > limits::members_max) {
    return breach(std::to_string(map.members.size()) + " members, more than " +
                  std::to_string(limits::members_max));
  }
  MemberNumber before = 0;
  for (const MemberInfo& info : map.members) {
    if (info.number <= before) {
      return breach("member " + std::to_string(info.number) + " follows member " +
                    std::to_string(before));
    }
    before = info.number;
    KV_TRY(check_texts(info));
  }
  return {};
}

Status check_voters(const ClusterMap& map) {
  if (map.voters.empty() || map.voters.size() > limits::voters_max) {
    return breach(std::to_string(map.voters.size()) + " voters, not 1 to " +
                  std::to_string(limits::voters_max));
  }
  MemberNumber before = 0;
  for (const MemberNumber voter : map.voters) {
    const std::string name = "voter " + std::to_string(voter);
    if (voter <= before) return breach(name + " follows voter " + std::to_string(before));
    if (map.member(voter) == nullptr) return breach(name + " is not a member");
    before = voter;
  }
  return {};
}

// The members that hold a slot, now or after its move.
std::vector<MemberNumber> holders(const Slot& slot) {
  if (slot.successor == 0) return {slot.owner};
  return {slot.owner, slot.successor};
}

// Members without a host label are taken to stand on hosts of their own. Host names count within
// their data centre.
bool share_host(const ClusterMap& map, MemberNumber a, MemberNumber b) {
  const Labels& one = map.member(a)->labels;
  const Labels& other = map.member(b)->labels;
  return !one.host.empty() && one.host == other.host && one.dc == other.dc;
}

Status check_slot(const ClusterMap& map, const Slot& slot) {
  const bool moves = slot.stage != SlotStage::stable;
  if (moves != (slot.successor != 0)) return breach("a slot's successor contradicts its stage");
  if (slot.owner == slot.successor) return breach("a slot's successor is its owner");
  for (const MemberNumber number : holders(slot)) {
    if (map.member(number) == nullptr) {
      return breach("a slot names member " + std::to_string(number) + ", who is none");
    }
  }
  return {};
}

Status check_apart(const ClusterMap& map, const Slot& one, const Slot& other) {
  for (const MemberNumber a : holders(one)) {
    for (const MemberNumber b : holders(other)) {
      if (a == b) return breach("two slots on member " + std::to_string(a));
      if (share_host(map, a, b)) {
        return breach("two slots on host " + map.member(a)->labels.host + " (members " +
                      std::to_string(a) + " and " + std::to_string(b) + ")");
      }
    }
  }
  return {};
}

Status check_slots(const ClusterMap& map, const PartitionRow& row) {
  for (size_t i = 0; i < row.slots.size(); ++i) {
    KV_TRY(check_slot(map, row.slots[i]));
    for (size_t j = 0; j < i; ++j) KV_TRY(check_apart(map, row.slots[j], row.slots[i]));
  }
  return {};
}

Status check_stand_ins(const ClusterMap& map, const PartitionRow& row) {
  for (const auto* list : {&row.fallbacks, &row.leaving}) {
    if (has_duplicate(*list)) return breach("a member is listed twice");
    for (const MemberNumber number : *list) {
      if (map.member(number) == nullptr) {
        return breach("member " + std::to_string(number) + " is listed, who is none");
      }
    }
  }
  for (const Slot& slot : row.slots) {
    for (const MemberNumber number : holders(slot)) {
      if (contains(row.fallbacks, number)) {
        return breach("fallback " + std::to_string(number) + " has a slot");
      }
    }
  }
  return {};
}

Status check_counts(const Placement& placement) {
  if (placement.counts.empty()) return {};
  size_t copies = 0;
  std::vector<std::string> names;
  for (const DataCentreCount& count : placement.counts) {
    if (count.copies == 0) return breach("no copies asked for in data centre " + count.dc);
    copies += count.copies;
    names.push_back(count.dc);
  }
  if (has_duplicate(names)) return breach("a data centre is counted twice");
  if (copies != placement.n) {
    return breach("the data centres' counts make " + std::to_string(copies) + ", not " +
                  std::to_string(placement.n));
  }
  return {};
}

Status check_row(const ClusterMap& map, const Placement& placement, const PartitionRow& row) {
  if (row.slots.size() != placement.n) {
    return breach(std::to_string(row.slots.size()) + " slots, not " + std::to_string(placement.n));
  }
  if (row.changed > map.epoch) return breach("changed at a later epoch than the map's");
  KV_TRY(check_slots(map, row));
  return check_stand_ins(map, row);
}

Status check_placement(const ClusterMap& map, const Placement& placement) {
  if (placement.n < 1 || placement.n > limits::copies_max) {
    return breach("N is " + std::to_string(placement.n));
  }
  KV_TRY(check_counts(placement));
  if (placement.table.size() != map.partitions()) {
    return breach(std::to_string(placement.table.size()) + " partitions, not " +
                  std::to_string(map.partitions()));
  }
  for (size_t i = 0; i < placement.table.size(); ++i) {
    if (Status status = check_row(map, placement, placement.table[i]); !status) {
      return fail(status.error().kind, status.error().what + " (partition " + std::to_string(i) +
                                           " of placement " + std::to_string(placement.id) + ")");
    }
  }
  return {};
}

Status check_keyspace(const ClusterMap& map, const Keyspace& keyspace) {
  if (!is_keyspace_name(keyspace.name)) return breach("a keyspace's name is not one");
  const std::string name = "keyspace " + keyspace.name;
  const Placement* placement = map.placement(keyspace.placement);
  if (placement == nullptr) return breach(name + " names an unknown placement");
  if (keyspace.r < 1 || keyspace.r > placement->n || keyspace.w < 1 || keyspace.w > placement->n) {
    return breach(name + " has R " + std::to_string(keyspace.r) + " and W " +
                  std::to_string(keyspace.w) + " with N " + std::to_string(placement->n));
  }
  if (keyspace.ttl < Duration::zero()) return breach(name + " has a negative time to live");
  if (keyspace.kind == KeyspaceKind::cp && keyspace.last_write_wins) {
    return breach(name + " is linearizable and last-write-wins at once");
  }
  return {};
}

Status check_unique(const ClusterMap& map) {
  if (map.placements.size() > limits::placements_max) return breach("too many placements");
  std::vector<PlacementId> placements;
  for (const Placement& placement : map.placements) placements.push_back(placement.id);
  if (has_duplicate(placements)) return breach("two placements of one number");
  if (map.keyspaces.size() > limits::keyspaces_max) return breach("too many keyspaces");
  std::vector<KeyspaceId> ids;
  std::vector<std::string> names;
  for (const Keyspace& keyspace : map.keyspaces) {
    ids.push_back(keyspace.id);
    names.push_back(keyspace.name);
  }
  if (has_duplicate(ids)) return breach("two keyspaces of one number");
  if (has_duplicate(names)) return breach("two keyspaces of one name");
  return {};
}

}  // namespace

Status check(const ClusterMap& map) {
  if (map.cluster.is_none()) return breach("no cluster id");
  if (map.epoch == 0) return breach("epoch 0");
  if (map.partition_bits > limits::partition_bits_max) {
    return breach("2^" + std::to_string(map.partition_bits) + " partitions");
  }
  if (map.reason.size() > limits::reason_bytes_max) return breach("the reason is too long");
  KV_TRY(check_members(map));
  KV_TRY(check_voters(map));
  KV_TRY(check_unique(map));
  for (const Placement& placement : map.placements) KV_TRY(check_placement(map, placement));
  for (const Keyspace& keyspace : map.keyspaces) KV_TRY(check_keyspace(map, keyspace));
  return {};
}

}  // namespace kv
