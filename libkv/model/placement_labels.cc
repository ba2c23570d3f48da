#include "libkv/model/placement_labels.h"

#include <algorithm>
#include <set>
#include <string>
#include <tuple>

namespace kv {

namespace {

using Index = PlacementLabels::Index;

// Neighbours in this order share data centre, rack and host as far as they can.
auto tree_order(const MemberInfo& member) {
  return std::tie(member.labels.dc, member.labels.rack, member.labels.host, member.number);
}

bool share_host(const MemberInfo& a, const MemberInfo& b) {
  return !a.labels.host.empty() && a.labels.host == b.labels.host && a.labels.dc == b.labels.dc;
}

Status refuse(std::string what) {
  return fail(ErrorKind::invalid, "placement: " + std::move(what));
}

}  // namespace

Result<PlacementLabels> PlacementLabels::make(const Placement& placement,
                                              const std::vector<MemberInfo>& members) {
  PlacementLabels labels;
  labels.copies_ = placement.n;
  KV_TRY(labels.collect(members));
  if (placement.n == 0) return fail(ErrorKind::invalid, "placement: no copies asked for");
  if (labels.size() < placement.n || labels.groups(host).size() < placement.n) {
    return fail(ErrorKind::invalid, "placement: " + std::to_string(placement.n) +
                                        " copies need as many members on hosts of their own; " +
                                        std::to_string(labels.size()) + " members on " +
                                        std::to_string(labels.groups(host).size()) +
                                        " hosts may own");
  }
  KV_TRY(labels.set_bounds(placement));
  return labels;
}

Status PlacementLabels::collect(const std::vector<MemberInfo>& members) {
  for (const MemberInfo& member : members) {
    if (member.weight > 0) members_.push_back(&member);
  }
  std::sort(members_.begin(), members_.end(), [](const MemberInfo* a, const MemberInfo* b) {
    return tree_order(*a) < tree_order(*b);
  });
  std::set<MemberNumber> numbers;
  for (const MemberInfo* member : members_) {
    if (!numbers.insert(member->number).second) {
      return refuse("member " + std::to_string(member->number) + " is listed twice");
    }
  }
  for (Index i = 0; i < members_.size(); ++i) {
    const MemberInfo& member = *members_[i];
    const MemberInfo* before = i == 0 ? nullptr : members_[i - 1];
    const bool new_dc = before == nullptr || before->labels.dc != member.labels.dc;
    const bool new_rack = new_dc || before->labels.rack != member.labels.rack;
    const bool new_host = new_rack || !share_host(*before, member);
    const std::array<bool, kLevels> starts = {new_dc, new_rack, new_host};
    std::array<Index, kLevels> path{};
    for (size_t level = 0; level < kLevels; ++level) {
      if (starts[level]) {
        groups_[level].push_back({level == 0 ? 0 : path[level - 1], 0, copies_, 0, i});
      }
      path[level] = static_cast<Index>(groups_[level].size() - 1);
      ++groups_[level].back().members;
    }
    group_of_.push_back(path);
  }
  // A host whose members name different racks would be two hosts in the tree.
  for (const Group& one : groups_[host]) {
    for (const Group& other : groups_[host]) {
      if (&one == &other || !share_host(*members_[one.first], *members_[other.first])) continue;
      return refuse("host " + members_[one.first]->labels.host + " is labelled with two racks");
    }
  }
  return {};
}

std::vector<uint32_t> PlacementLabels::racks_by_dc() const {
  std::vector<uint32_t> racks(groups_[dc].size());
  for (const Group& group : groups_[rack]) ++racks[group.parent];
  return racks;
}

// Enough racks: at most one slot in each. Too few: at least one in each.
void PlacementLabels::bound_racks(Index data_centre, uint32_t copies) {
  const uint32_t racks = racks_by_dc()[data_centre];
  for (Group& group : groups_[rack]) {
    if (group.parent != data_centre) continue;
    group.lower = racks < copies ? 1 : 0;
    group.upper = racks < copies ? copies : 1;
  }
}

Status PlacementLabels::set_counted_bounds(const Placement& placement) {
  for (Group& group : groups_[dc]) group.lower = group.upper = 0;
  uint32_t copies = 0;
  for (const DataCentreCount& count : placement.counts) {
    copies += count.copies;
    const auto found = std::find_if(
        groups_[dc].begin(), groups_[dc].end(),
        [&](const Group& group) { return members_[group.first]->labels.dc == count.dc; });
    if (found == groups_[dc].end()) return refuse("no member may own in data centre " + count.dc);
    if (found->upper != 0) return refuse("data centre " + count.dc + " is counted twice");
    const auto index = static_cast<Index>(found - groups_[dc].begin());
    const auto hosts =
        std::count_if(groups_[host].begin(), groups_[host].end(),
                      [&](const Group& g) { return groups_[rack][g.parent].parent == index; });
    if (static_cast<size_t>(hosts) < count.copies) {
      return refuse(std::to_string(count.copies) + " copies asked for in data centre " + count.dc +
                    ", which has " + std::to_string(hosts) + " hosts");
    }
    found->lower = found->upper = count.copies;
    bound_racks(index, count.copies);
  }
  if (copies != placement.n) {
    return refuse("the data centres' counts make " + std::to_string(copies) + ", not " +
                  std::to_string(placement.n));
  }
  return {};
}

Status PlacementLabels::set_bounds(const Placement& placement) {
  for (Group& group : groups_[host]) group.upper = 1;
  if (!placement.counts.empty()) return set_counted_bounds(placement);
  const bool enough_dcs = groups_[dc].size() >= copies_;
  const bool enough_racks = groups_[rack].size() >= copies_;
  for (Group& group : groups_[dc]) {
    group.lower = enough_dcs ? 0 : 1;
    group.upper = enough_dcs ? 1 : copies_;
  }
  for (Group& group : groups_[rack]) {
    group.lower = enough_racks ? 0 : 1;
    group.upper = enough_racks ? 1 : copies_;
  }
  return {};
}

bool PlacementLabels::may_exchange(const std::vector<Index>& row, size_t position,
                                   Index other) const {
  const auto& leaves = group_of_[row[position]];
  const auto& enters = group_of_[other];
  for (size_t level = 0; level < kLevels; ++level) {
    if (leaves[level] == enters[level]) continue;
    uint32_t at_left = 0;
    uint32_t at_entered = 0;
    for (const Index held : row) {
      at_left += group_of_[held][level] == leaves[level] ? 1 : 0;
      at_entered += group_of_[held][level] == enters[level] ? 1 : 0;
    }
    if (at_left <= groups_[level][leaves[level]].lower) return false;
    if (at_entered >= groups_[level][enters[level]].upper) return false;
  }
  return true;
}

bool PlacementLabels::may_add(const std::vector<Index>& row, Index other) const {
  if (row.size() >= copies_) return false;
  std::array<std::vector<uint32_t>, kLevels> counts;
  for (size_t level = 0; level < kLevels; ++level) {
    counts[level].resize(groups_[level].size());
    for (const Index held : row) ++counts[level][group_of_[held][level]];
    const Index entered = group_of_[other][level];
    if (++counts[level][entered] > groups_[level][entered].upper) return false;
  }
  // What the lower bounds still ask for must fit into what is left, here and in each data centre.
  std::vector<uint32_t> needed(groups_[dc].size());
  for (size_t i = 0; i < groups_[rack].size(); ++i) {
    const Group& group = groups_[rack][i];
    if (counts[rack][i] < group.lower) needed[group.parent] += group.lower - counts[rack][i];
  }
  uint32_t all = 0;
  for (size_t i = 0; i < groups_[dc].size(); ++i) {
    const Group& group = groups_[dc][i];
    if (counts[dc][i] + needed[i] > group.upper) return false;
    all += std::max(needed[i], group.lower - std::min(group.lower, counts[dc][i]));
  }
  return row.size() + 1 + all <= copies_;
}

}  // namespace kv
