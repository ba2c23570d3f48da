#include "libkv/model/cluster_map.h"

#include <algorithm>

#include "libkv/base/assert.h"

namespace kv {

namespace {

template <typename Container, typename Id>
auto find_by_id(const Container& container, Id id) -> decltype(&container.front()) {
  const auto found = std::find_if(container.begin(), container.end(),
                                  [id](const auto& element) { return element.id == id; });
  return found == container.end() ? nullptr : &*found;
}

}  // namespace

const char* to_string(DaemonKind kind) {
  switch (kind) {
    case DaemonKind::node:
      return "kv-node";
    case DaemonKind::gossip:
      return "kv-gossip";
    case DaemonKind::coordinator:
      return "kv-coordinator";
    case DaemonKind::repair:
      return "kv-repair";
  }
  KV_ASSERT(false);
}

const MemberInfo* ClusterMap::member(MemberNumber number) const {
  const auto found =
      std::lower_bound(members.begin(), members.end(), number,
                       [](const MemberInfo& info, MemberNumber n) { return info.number < n; });
  return found == members.end() || found->number != number ? nullptr : &*found;
}

const Keyspace* ClusterMap::keyspace(const std::string& name) const {
  const auto found = std::find_if(keyspaces.begin(), keyspaces.end(),
                                  [&name](const Keyspace& k) { return k.name == name; });
  return found == keyspaces.end() ? nullptr : &*found;
}

const Keyspace* ClusterMap::keyspace(KeyspaceId id) const {
  return find_by_id(keyspaces, id);
}

const Placement* ClusterMap::placement(PlacementId id) const {
  return find_by_id(placements, id);
}

const PartitionRow* ClusterMap::row(const PartitionKey& key) const {
  const Placement* found = placement(key.placement);
  return found == nullptr || key.partition >= found->table.size() ? nullptr
                                                                  : &found->table[key.partition];
}

}  // namespace kv
