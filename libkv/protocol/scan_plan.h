// What one page of a scan is planned with: the whole ring of a keyspace's placement, and how its
// members look from here. Whom to ask, and whether those who answered are enough.
//
// A page is complete where, for every partition, R of its slots answered; where hints count, a
// fallback stands in for each slot that is down. Pure.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "libkv/model/view.h"
#include "libkv/protocol/routing.h"

namespace kv {

struct ScanPlan {
  MapPointer map;  ///< Keeps the others alive.
  const Keyspace* keyspace = nullptr;
  const Placement* placement = nullptr;
  std::map<MemberNumber, Candidate> candidates;
};

/// REQUIRES: the keyspace is one of the map's, which has its placement's whole table.
ScanPlan scan_plan_for(const MapPointer& map, const Keyspace& keyspace, const Routing& routing,
                       Instant now);

struct ScanQuorum {
  size_t needed = 1;
  bool hints_count = false;
  const std::set<MemberNumber>& gone;  ///< Asked, and failed to answer.
};

/// All live readers; for partitions with a slot that is down (or gone) the live fallbacks; for
/// partitions that would lack R, the readers that only this coordinator doubts; for those that
/// would lack it still, the readers that are not up.
std::set<MemberNumber> members_to_ask(const ScanPlan& plan, const ScanQuorum& quorum);

/// Who answers now, each with the partitions it must not be counted for.
using Answering = std::map<MemberNumber, const std::set<PartitionId>*>;
/// How many partitions lack R.
size_t partitions_lacking(const ScanPlan& plan, const ScanQuorum& quorum,
                          const Answering& answering);

/// Whether what the member says of the partition is to be believed: it is a reader of it, or, where
/// hints count, a fallback.
bool speaks_for(const ScanPlan& plan, MemberNumber member, PartitionId partition, bool hints_count);

}  // namespace kv
