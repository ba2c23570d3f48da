#include "libkv/service/keyspace_change.h"

#include <algorithm>

#include "libkv/base/limits.h"
#include "libkv/model/placement_table.h"

namespace kv {

namespace {

uint64_t number_or(const Report& arguments, std::string_view name, uint64_t otherwise) {
  const Report* value = arguments.find(name);
  const auto number = value != nullptr ? value->as_unsigned() : std::nullopt;
  return number ? *number : otherwise;
}

bool flag(const Report& arguments, std::string_view name) {
  const Report* value = arguments.find(name);
  return value != nullptr && value->as_boolean().value_or(false);
}

Result<PlacementId> placement_for(ClusterMap* map, uint8_t n) {
  PlacementId next = 1;
  for (const Placement& placement : map->placements) {
    if (placement.n == n && placement.counts.empty()) return placement.id;
    next = std::max<PlacementId>(next, static_cast<PlacementId>(placement.id + 1));
  }
  Placement placement;
  placement.id = next;
  placement.n = n;
  std::vector<MemberInfo> owners;
  for (const MemberInfo& member : map->members)
    if (member.state == MemberState::active) owners.push_back(member);
  KV_ASSIGN(PlacementPlan plan, compute_table(placement, map->partition_bits, owners, {}));
  placement.table = std::move(plan.table);
  for (PartitionRow& row : placement.table) row.changed = map->epoch;
  map->placements.push_back(std::move(placement));
  return next;
}

}  // namespace

Result<ClusterMap> with_keyspace(const ClusterMap& map, const Report& arguments) {
  const Report* name_value = arguments.find("name");
  const std::string name(name_value != nullptr ? name_value->as_text().value_or("") : "");
  if (!is_keyspace_name(name))
    return fail(ErrorKind::invalid,
                "a keyspace's name has 1 to 64 of A-Z a-z 0-9 _ . - and does "
                "not begin with . or -");
  if (map.keyspace(name) != nullptr)
    return fail(ErrorKind::invalid, "there is a keyspace " + name + " already");
  if (map.keyspaces.size() >= limits::keyspaces_max)
    return fail(ErrorKind::invalid, "there are " + std::to_string(map.keyspaces.size()) +
                                        " keyspaces, which is the limit");
  const uint64_t n = number_or(arguments, "n", std::min<uint64_t>(3, map.members.size()));
  if (n < 1 || n > limits::copies_max)
    return fail(ErrorKind::invalid,
                "N must be between 1 and " + std::to_string(limits::copies_max));
  const uint64_t majority = n / 2 + 1;
  const uint64_t r = number_or(arguments, "r", majority);
  const uint64_t w = number_or(arguments, "w", majority);
  if (r < 1 || r > n || w < 1 || w > n)
    return fail(ErrorKind::invalid, "R=" + std::to_string(r) + " and W=" + std::to_string(w) +
                                        " must be between 1 and N=" + std::to_string(n));
  ClusterMap next = map;
  next.epoch = map.epoch + 1;
  next.reason = "keyspace " + name + " created";
  Keyspace keyspace;
  keyspace.id = 1;
  for (const Keyspace& other : map.keyspaces) keyspace.id = std::max(keyspace.id, other.id + 1);
  keyspace.name = name;
  KV_ASSIGN(keyspace.placement, placement_for(&next, static_cast<uint8_t>(n)));
  keyspace.r = static_cast<uint8_t>(r);
  keyspace.w = static_cast<uint8_t>(w);
  keyspace.strict = flag(arguments, "strict");
  keyspace.created = next.epoch;
  next.keyspaces.push_back(std::move(keyspace));
  KV_TRY(check(next));
  return next;
}

Report report_of(const ClusterMap& map, const Keyspace& keyspace) {
  const Placement* placement = map.placement(keyspace.placement);
  Report report = Report::object();
  report.set("name", keyspace.name).set("id", keyspace.id);
  report.set("kind", keyspace.kind == KeyspaceKind::cp ? "cp" : "ap");
  report.set("n", placement != nullptr ? placement->n : 0);
  report.set("r", keyspace.r).set("w", keyspace.w).set("strict", keyspace.strict);
  report.set("lww", keyspace.last_write_wins).set("created_epoch", keyspace.created);
  return report;
}

}  // namespace kv
