#include "libkv/protocol/scan_plan.h"

#include <algorithm>

#include "libkv/base/assert.h"
#include "libkv/protocol/quorum.h"

namespace kv {

namespace {

bool is_live(const ScanPlan& plan, const ScanQuorum& quorum, MemberNumber member) {
  return plan.candidates.at(member).live && quorum.gone.count(member) == 0;
}

void ask_of_row(const ScanPlan& plan, const ScanQuorum& quorum, const PartitionRow& row,
                std::set<MemberNumber>* asked) {
  size_t counted = 0;
  size_t down = 0;
  for (const Slot& slot : row.slots) {
    const MemberNumber reader = reader_of(slot);
    if (is_live(plan, quorum, reader)) {
      asked->insert(reader);
      ++counted;
    } else {
      ++down;
    }
  }
  if (down == 0) return;
  size_t standing_in = 0;
  for (MemberNumber fallback : row.fallbacks) {
    if (!quorum.hints_count || !is_live(plan, quorum, fallback)) continue;
    asked->insert(fallback);
    ++standing_in;
  }
  for (const bool up : {true, false}) {
    if (counted + std::min(standing_in, down) >= quorum.needed) return;
    for (const Slot& slot : row.slots) {
      const MemberNumber reader = reader_of(slot);
      const Candidate& candidate = plan.candidates.at(reader);
      if (candidate.live || candidate.up != up || quorum.gone.count(reader) != 0) continue;
      asked->insert(reader);
      ++standing_in;
    }
  }
}

bool counts_for(const Answering& answering, MemberNumber member, PartitionId partition) {
  const auto found = answering.find(member);
  return found != answering.end() && found->second->count(partition) == 0;
}

}  // namespace

ScanPlan scan_plan_for(const MapPointer& map, const Keyspace& keyspace, const Routing& routing,
                       Instant now) {
  ScanPlan plan;
  plan.map = map;
  plan.keyspace = map->keyspace(keyspace.id);
  KV_ASSERT(plan.keyspace != nullptr);
  plan.placement = map->placement(plan.keyspace->placement);
  KV_ASSERT(plan.placement != nullptr && plan.placement->table.size() == map->partitions());
  const auto add = [&](MemberNumber member) {
    if (plan.candidates.count(member) != 0) return;
    plan.candidates.emplace(member, routing.candidate(member, now));
  };
  for (const PartitionRow& row : plan.placement->table) {
    for (const Slot& slot : row.slots) add(reader_of(slot));
    for (MemberNumber fallback : row.fallbacks) add(fallback);
  }
  return plan;
}

std::set<MemberNumber> members_to_ask(const ScanPlan& plan, const ScanQuorum& quorum) {
  std::set<MemberNumber> asked;
  for (const PartitionRow& row : plan.placement->table) ask_of_row(plan, quorum, row, &asked);
  return asked;
}

size_t partitions_lacking(const ScanPlan& plan, const ScanQuorum& quorum,
                          const Answering& answering) {
  size_t lacking = 0;
  for (PartitionId partition = 0; partition < plan.placement->table.size(); ++partition) {
    const PartitionRow& row = plan.placement->table[partition];
    size_t slots = 0;
    for (const Slot& slot : row.slots) {
      if (counts_for(answering, reader_of(slot), partition)) ++slots;
    }
    size_t fallbacks = 0;
    for (MemberNumber fallback : row.fallbacks) {
      if (quorum.hints_count && counts_for(answering, fallback, partition)) ++fallbacks;
    }
    // A fallback stands in for a slot that did not answer, not beside those that did.
    const size_t standing_in = std::min(fallbacks, row.slots.size() - slots);
    if (slots + standing_in < quorum.needed) ++lacking;
  }
  return lacking;
}

bool speaks_for(const ScanPlan& plan, MemberNumber member, PartitionId partition,
                bool hints_count) {
  const PartitionRow& row = plan.placement->table[partition];
  const bool reads = std::any_of(row.slots.begin(), row.slots.end(),
                                 [member](const Slot& s) { return reader_of(s) == member; });
  if (reads || !hints_count) return reads;
  return std::find(row.fallbacks.begin(), row.fallbacks.end(), member) != row.fallbacks.end();
}

}  // namespace kv
