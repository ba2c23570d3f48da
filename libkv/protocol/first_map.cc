#include "libkv/protocol/first_map.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "libkv/base/limits.h"
#include "libkv/model/placement_table.h"

namespace kv {

namespace {

constexpr uint32_t kPartitionsDefault = 256;

Result<std::vector<MemberInfo>> take_members(const std::vector<msg::Introduced>& introduced) {
  std::vector<MemberInfo> members;
  for (const msg::Introduced& one : introduced) {
    const std::string name = "member " + std::to_string(one.member.number);
    if (!one.cluster.is_none() || one.epoch != 0)
      return fail(ErrorKind::invalid, name + " is in a cluster already: " + one.cluster.to_hex());
    members.push_back(one.member);
  }
  if (members.empty()) return fail(ErrorKind::invalid, "a cluster needs at least one member");
  std::sort(members.begin(), members.end(),
            [](const MemberInfo& a, const MemberInfo& b) { return a.number < b.number; });
  for (size_t i = 1; i < members.size(); ++i)
    if (members[i].number == members[i - 1].number)
      return fail(ErrorKind::invalid,
                  "two members call themselves member " + std::to_string(members[i].number));
  return members;
}

Result<uint8_t> partition_bits_of(uint32_t partitions) {
  if (partitions == 0) partitions = kPartitionsDefault;
  for (unsigned bits = 0; bits <= limits::partition_bits_max; ++bits)
    if (partitions == 1u << bits) return static_cast<uint8_t>(bits);
  return fail(ErrorKind::invalid, "the number of partitions must be a power of 2 up to " +
                                      std::to_string(1u << limits::partition_bits_max) + ", and " +
                                      std::to_string(partitions) + " is not");
}

/// The placement of that N, made on first use.
Result<PlacementId> placement_of(uint8_t n, FirstMap* first) {
  ClusterMap& map = first->map;
  for (const Placement& placement : map.placements)
    if (placement.n == n) return placement.id;
  Placement placement;
  placement.id = static_cast<PlacementId>(map.placements.size() + 1);
  placement.n = n;
  std::vector<MemberInfo> owners;
  for (const MemberInfo& member : map.members)
    if (member.state == MemberState::active) owners.push_back(member);
  KV_ASSIGN(PlacementPlan plan,
            compute_table(placement, map.partition_bits, owners, {}, limits::fallbacks_default));
  placement.table = std::move(plan.table);
  for (PartitionRow& row : placement.table) row.changed = map.epoch;
  for (std::string& warning : plan.warnings) first->warnings.push_back(std::move(warning));
  map.placements.push_back(std::move(placement));
  return map.placements.back().id;
}

Status add_keyspace(const FirstKeyspace& wanted, FirstMap* first) {
  ClusterMap& map = first->map;
  if (!is_keyspace_name(wanted.name) || map.keyspace(wanted.name) != nullptr)
    return fail(ErrorKind::invalid, "'" + wanted.name +
                                        "' is no keyspace's name, or that of two: 1 to 64 of A-Z "
                                        "a-z 0-9 _ . - not beginning with . or -");
  const size_t n = wanted.n != 0 ? wanted.n : std::min<size_t>(3, map.members.size());
  if (n > limits::copies_max)
    return fail(ErrorKind::invalid, "keyspace " + wanted.name + ": N must be at most " +
                                        std::to_string(limits::copies_max));
  const auto majority = static_cast<uint8_t>(n / 2 + 1);
  Keyspace keyspace;
  keyspace.id = static_cast<KeyspaceId>(map.keyspaces.size() + 1);
  keyspace.name = wanted.name;
  keyspace.r = wanted.r != 0 ? wanted.r : majority;
  keyspace.w = wanted.w != 0 ? wanted.w : majority;
  keyspace.strict = wanted.strict;
  keyspace.created = map.epoch;
  if (keyspace.r > n || keyspace.w > n)
    return fail(ErrorKind::invalid,
                "keyspace " + wanted.name + ": R and W must be at most N=" + std::to_string(n));
  KV_ASSIGN(keyspace.placement, placement_of(static_cast<uint8_t>(n), first));
  map.keyspaces.push_back(std::move(keyspace));
  return {};
}

}  // namespace

Result<FirstMap> first_map(const std::vector<msg::Introduced>& members,
                           const FirstMapOptions& options) {
  FirstMap first;
  ClusterMap& map = first.map;
  map.cluster = options.cluster;
  map.epoch = 1;
  map.reason = "created";
  KV_ASSIGN(map.members, take_members(members));
  KV_ASSIGN(map.partition_bits, partition_bits_of(options.partitions));
  map.voters = choose_voters(map.members);
  for (const FirstKeyspace& keyspace : options.keyspaces) KV_TRY(add_keyspace(keyspace, &first));
  KV_TRY(check(map));
  return first;
}

std::vector<MemberNumber> choose_voters(const std::vector<MemberInfo>& members) {
  size_t count = std::min(limits::voters_max, members.size());
  if (count != 0 && count % 2 == 0) --count;
  // How many were chosen already of each data centre, rack and host: who has the fewest is next.
  std::map<std::string, size_t> of_dc;
  std::map<std::pair<std::string, std::string>, size_t> of_rack, of_host;
  std::vector<MemberInfo> left = members;
  std::sort(left.begin(), left.end(),
            [](const MemberInfo& a, const MemberInfo& b) { return a.number < b.number; });
  const auto cost = [&](const MemberInfo& member) {
    const Labels& labels = member.labels;
    return std::tuple(of_dc[labels.dc], of_rack[{labels.dc, labels.rack}],
                      labels.host.empty() ? 0 : of_host[{labels.dc, labels.host}], member.number);
  };
  std::vector<MemberNumber> voters;
  while (voters.size() < count) {
    const auto next = std::min_element(
        left.begin(), left.end(),
        [&](const MemberInfo& a, const MemberInfo& b) { return cost(a) < cost(b); });
    const Labels& labels = next->labels;
    ++of_dc[labels.dc];
    ++of_rack[{labels.dc, labels.rack}];
    if (!labels.host.empty()) ++of_host[{labels.dc, labels.host}];
    voters.push_back(next->number);
    left.erase(next);
  }
  std::sort(voters.begin(), voters.end());
  return voters;
}

}  // namespace kv
