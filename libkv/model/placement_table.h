// Computing a placement's table: deterministic, checked, and the one that moves least.
//
// Rules, in this order: never two slots of a partition on one member or one host; the exact data
// centre counts where asked for, else as many distinct data centres, then racks, as the labels
// allow; partitions in proportion to weight, within one of the ideal; as few changes from
// `present` as these allow. The first slots (which mint) are spread evenly as well.
//
// How it is done. Data centres, racks, hosts and members form a tree, and every rule about a row
// is a bound on how many of its N slots lie below a node of that tree (placement_labels.h):
//
//        cluster  N                        N = 3, two data centres, four racks:
//       /        \          .                each data centre at least 1,
//     dc1 ≥1     dc2 ≥1                      each rack at most 1 (there are enough),
//    /    \      /    \     .                each host at most 1
//  r1 ≤1 r2 ≤1  r3 ≤1 r4 ≤1
//
// 1. Shares (placement_shares.h). Q times the bounds hold for the whole table. Within them slots
//    are poured over the tree in proportion to weight, and rounded from the top down, so that each
//    member's number is within one of its share, and each group's too.
// 2. A first table. Lay the members in the tree's order on a line, each as often as its share says,
//    and deal them to the rows in turn, again and again: a group is an unbroken stretch, so every
//    row gets the group's average, rounded down or up, and each integer bound holds by itself.
//    Random exchanges between rows that keep all rules then mix it, so that a member that dies
//    leaves its work to many others.
// 3. A changed table (placement_exchange.h). Keep of each present row what the rules allow, fill it
//    up, then move slots along the cheapest chain of exchanges from a member with too many to one
//    with too few, until every share is met: a flow by cheapest augmenting paths (Ahuja, Magnanti,
//    Orlin, "Network Flows", 1993, chapter 9), in which a step "x leaves row r for y" costs 1 if y
//    is new to the row, and gives 1 back if x was.
// 4. First slots: the order within a row moves no data, so members with too many first places hand
//    one on along a chain of rows that hold both.
//
// At the end no cycle of exchanges is left that saves a move. The bounds form a laminar family, so
// the rows are bases of a matroid, and for those this means that no table with the same shares
// moves less (Murota, "Discrete Convex Analysis", 2003, on valuated matroid intersection). Without
// labels that is what each member lacks and no more; labels may force exchanges besides.
#pragma once

#include <string>
#include <vector>

#include "libkv/base/result.h"
#include "libkv/model/cluster_map.h"

namespace kv {

struct PlacementPlan {
  /// Stable rows. `changed` and `leaving` are left empty: who turns the plan into moves knows them.
  std::vector<PartitionRow> table;
  /// Rules that the labels make impossible, and how close this table comes. Empty: none.
  std::vector<std::string> warnings;
  /// Slots on a member that had none of that partition in `present`; 0 for a new table.
  size_t slots_moved = 0;
};

/// `members`: those that may own (active), in any order; those of weight 0 get nothing.
/// `present`: the table so far (where a slot moves, its successor counts), empty for a new one.
/// `fallback_count`: F; fewer where there are not enough members.
/// Errors: invalid (fewer members or hosts than N, counts that cannot be met, a host labelled with
/// two racks).
Result<PlacementPlan> compute_table(const Placement& placement, uint8_t partition_bits,
                                    const std::vector<MemberInfo>& members,
                                    const std::vector<PartitionRow>& present,
                                    size_t fallback_count = 4);

}  // namespace kv
