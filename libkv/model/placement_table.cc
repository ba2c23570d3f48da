#include "libkv/model/placement_table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <optional>
#include <utility>

#include "libkv/base/limits.h"
#include "libkv/model/placement_exchange.h"
#include "libkv/model/placement_labels.h"
#include "libkv/model/placement_order.h"
#include "libkv/model/placement_shares.h"

namespace kv {

namespace {

using Index = PlacementLabels::Index;
using Numbering = std::map<MemberNumber, Index>;

Numbering number_members(const PlacementLabels& labels) {
  Numbering numbering;
  for (Index i = 0; i < labels.size(); ++i) numbering.emplace(labels.member(i).number, i);
  return numbering;
}

MemberNumber holder_of(const Slot& slot) {
  return slot.successor != 0 ? slot.successor : slot.owner;
}

// Who of the present table may still own, row by row in order.
std::vector<PlacementRow> present_slots(const std::vector<PartitionRow>& present,
                                        const Numbering& numbering) {
  std::vector<PlacementRow> rows;
  for (const PartitionRow& row : present) {
    PlacementRow& members = rows.emplace_back();
    for (const Slot& slot : row.slots) {
      const auto found = numbering.find(holder_of(slot));
      if (found != numbering.end()) members.push_back(found->second);
    }
  }
  return rows;
}

std::vector<PlacementRow> present_fallbacks(const std::vector<PartitionRow>& present,
                                            const Numbering& numbering) {
  std::vector<PlacementRow> rows;
  for (const PartitionRow& row : present) {
    PlacementRow& members = rows.emplace_back();
    for (const MemberNumber number : row.fallbacks) {
      const auto found = numbering.find(number);
      if (found != numbering.end()) members.push_back(found->second);
    }
  }
  return rows;
}

std::vector<uint32_t> count_slots(const std::vector<PlacementRow>& rows, size_t members) {
  std::vector<uint32_t> counts(members);
  for (const PlacementRow& row : rows) {
    for (const Index member : row) ++counts[member];
  }
  return counts;
}

// Who stays keeps the place; who is new takes one that became free.
PlacementRow in_present_order(PlacementRow row, const PartitionRow& present,
                              const Numbering& numbering) {
  std::vector<std::optional<Index>> places(row.size());
  for (size_t i = 0; i < std::min(places.size(), present.slots.size()); ++i) {
    const auto known = numbering.find(holder_of(present.slots[i]));
    if (known == numbering.end()) continue;
    const auto kept = std::find(row.begin(), row.end(), known->second);
    if (kept == row.end()) continue;
    places[i] = *kept;
    row.erase(kept);
  }
  PlacementRow ordered;
  auto newcomer = row.begin();
  for (const auto& place : places) ordered.push_back(place ? *place : *newcomer++);
  return ordered;
}

size_t count_moved(const std::vector<PlacementRow>& rows, const std::vector<PlacementRow>& before) {
  size_t moved = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    for (const Index member : rows[i]) {
      if (std::find(before[i].begin(), before[i].end(), member) == before[i].end()) ++moved;
    }
  }
  return moved;
}

std::string rounded(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f", value);
  return text;
}

// Where bounds keep members from their proportion of the weight: how many, and who is furthest off.
std::optional<std::string> weight_warning(const PlacementLabels& labels,
                                          const std::vector<uint32_t>& slots, uint32_t partitions) {
  double weight = 0;
  for (Index i = 0; i < labels.size(); ++i) weight += labels.member(i).weight;
  size_t off = 0;
  Index worst = 0;
  double worst_by = 0;
  const auto ideal = [&](Index i) {
    return labels.member(i).weight / weight * labels.copies() * partitions;
  };
  for (Index i = 0; i < labels.size(); ++i) {
    const double by = std::fabs(slots[i] - ideal(i));
    if (by > 1.0) ++off;
    if (by <= worst_by) continue;
    worst = i;
    worst_by = by;
  }
  if (off == 0) return std::nullopt;
  return "slots in proportion to weight: the labels keep " + std::to_string(off) + " of " +
         std::to_string(labels.size()) + " members from it; member " +
         std::to_string(labels.member(worst).number) + " has " + std::to_string(slots[worst]) +
         " slots instead of " + rounded(ideal(worst));
}

// By how many slots the table misses the shares that the bounds would allow.
std::optional<std::string> share_warning(const std::vector<uint32_t>& slots,
                                         const std::vector<uint32_t>& shares) {
  uint32_t missing = 0;
  for (size_t i = 0; i < slots.size(); ++i) missing += shares[i] - std::min(shares[i], slots[i]);
  if (missing == 0) return std::nullopt;
  return "slots in proportion to weight: " + std::to_string(missing) +
         " slots could not be moved to members that have too few";
}

std::vector<PartitionRow> to_table(const PlacementLabels& labels,
                                   const std::vector<PlacementRow>& rows,
                                   const std::vector<PlacementRow>& fallbacks) {
  std::vector<PartitionRow> table(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    for (const Index member : rows[i]) {
      table[i].slots.push_back({labels.member(member).number, 0, SlotStage::stable});
    }
    for (const Index member : fallbacks[i]) {
      table[i].fallbacks.push_back(labels.member(member).number);
    }
  }
  return table;
}

Status check_request(const Placement& placement, uint8_t partition_bits,
                     const std::vector<PartitionRow>& present) {
  if (partition_bits > limits::partition_bits_max || placement.n > limits::copies_max) {
    return fail(ErrorKind::invalid, "placement: too many partitions or copies");
  }
  if (!present.empty() && present.size() != size_t{1} << partition_bits) {
    return fail(ErrorKind::invalid, "placement: the present table has " +
                                        std::to_string(present.size()) + " partitions");
  }
  return {};
}

}  // namespace

Result<PlacementPlan> compute_table(const Placement& placement, uint8_t partition_bits,
                                    const std::vector<MemberInfo>& members,
                                    const std::vector<PartitionRow>& present,
                                    size_t fallback_count) {
  KV_TRY(check_request(placement, partition_bits, present));
  auto made = PlacementLabels::make(placement, members);
  if (!made) return fail(made.error());
  const PlacementLabels& labels = *made;
  const Numbering numbering = number_members(labels);
  const uint32_t partitions = 1u << partition_bits;

  const std::vector<PlacementRow> before = present_slots(present, numbering);
  const std::vector<uint32_t> shares =
      slot_shares(labels, partitions, count_slots(before, labels.size()));
  std::vector<PlacementRow> rows;
  if (present.empty()) {
    rows = PlacementExchange::deal(labels, partitions, shares);
  } else {
    PlacementExchange exchange(labels, before, shares);
    exchange.settle();  // Where it falls short, share_warning() tells.
    rows = exchange.rows();
    for (size_t i = 0; i < rows.size(); ++i) {
      rows[i] = in_present_order(std::move(rows[i]), present[i], numbering);
    }
  }
  spread_first_slots(labels, &rows);

  PlacementPlan plan;
  plan.slots_moved = count_moved(rows, before);
  const std::vector<uint32_t> slots = count_slots(rows, labels.size());
  for (auto& warning : {weight_warning(labels, slots, partitions), share_warning(slots, shares)}) {
    if (warning) plan.warnings.push_back(*warning);
  }
  plan.table = to_table(
      labels, rows,
      choose_fallbacks(labels, rows, present_fallbacks(present, numbering), fallback_count));
  return plan;
}

}  // namespace kv
