// The tree of data centres, racks, hosts and members, with the bounds that the placement's rules
// set on each row (see placement_table.h). Pure. Internal to compute_table.
//
// A host without a label is one of its own. Host names count within their data centre.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "libkv/base/result.h"
#include "libkv/model/cluster_map.h"

namespace kv {

class PlacementLabels {
 public:
  using Index = uint32_t;  ///< Of a member here, in the tree's order; or of a group.
  enum Level : size_t { dc = 0, rack = 1, host = 2 };
  static constexpr size_t kLevels = 3;

  struct Group {
    Index parent = 0;      ///< In the level above; 0 for a data centre.
    uint32_t lower = 0;    ///< Slots of a row that must lie here.
    uint32_t upper = 0;    ///< Slots of a row that may lie here.
    uint32_t members = 0;  ///< How many there are, …
    Index first = 0;       ///< … from this one on.
  };

  /// Errors: invalid (see compute_table).
  static Result<PlacementLabels> make(const Placement& placement,
                                      const std::vector<MemberInfo>& members);

  size_t size() const { return members_.size(); }
  uint32_t copies() const { return copies_; }
  const MemberInfo& member(Index index) const { return *members_[index]; }
  Index group_of(Index member, Level level) const { return group_of_[member][level]; }
  const std::vector<Group>& groups(Level level) const { return groups_[level]; }

  /// Whether the row stays within all bounds if `row[position]` gives way to `other`, who is not in
  /// the row. REQUIRES: the row is full and within bounds.
  bool may_exchange(const std::vector<Index>& row, size_t position, Index other) const;
  /// Whether a row that holds `row` and `other` can still be completed within all bounds.
  /// REQUIRES: that is so for `row` alone.
  bool may_add(const std::vector<Index>& row, Index other) const;

 private:
  Status collect(const std::vector<MemberInfo>& members);
  Status set_bounds(const Placement& placement);
  Status set_counted_bounds(const Placement& placement);
  void bound_racks(Index data_centre, uint32_t copies);
  std::vector<uint32_t> racks_by_dc() const;

  uint32_t copies_ = 0;
  std::vector<const MemberInfo*> members_;
  std::vector<std::array<Index, kLevels>> group_of_;
  std::array<std::vector<Group>, kLevels> groups_;
};

}  // namespace kv
