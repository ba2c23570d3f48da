#include "libkv/replica/standing.h"

#include <algorithm>

namespace kv {

namespace {

bool contains(const std::vector<MemberNumber>& members, MemberNumber member) {
  return std::find(members.begin(), members.end(), member) != members.end();
}

}  // namespace

Standing standing_of(const PartitionRow& row, MemberNumber member) {
  Standing standing;
  for (const Slot& slot : row.slots) {
    if (slot.owner == member) {
      standing.slot = standing.mints = true;
    } else if (slot.successor == member && slot.stage != SlotStage::stable) {
      standing.slot = true;
      standing.mints = slot.stage == SlotStage::read_new;
      standing.filling = slot.stage == SlotStage::write_both;
    }
  }
  standing.fallback = contains(row.fallbacks, member);
  standing.leaving = contains(row.leaving, member);
  return standing;
}

bool is_slot(const PartitionRow& row, MemberNumber member) {
  return standing_of(row, member).slot;
}

}  // namespace kv
