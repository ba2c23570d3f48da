#include "libkv/storage/levels/drop_tidying.h"

#include <algorithm>

#include "libkv/base/planted.h"

namespace kv {

namespace {

bool may_mask_in(const TableInfo& info, const RangeDrop& drop) {
  return info.sequence_min < drop.sequence && overlaps(drop.range, info.first_key, info.last_key);
}

/// Calls `visit(table)` for each until it returns true; whether one did.
template <typename Visit>
bool any_table(const Version& version, const Visit& visit) {
  for (size_t level = 0; level < kLevels; ++level)
    for (const TablePtr& table : version.level(level))
      if (visit(table)) return true;
  return false;
}

}  // namespace

bool may_mask(const Version& version, const RangeDrop& drop) {
  return version.any_in(drop.range,
                        [&](const TablePtr& table) { return may_mask_in(table->info(), drop); });
}

std::vector<Sequence> idle_drops(const Version& version, const std::vector<TablePtr>& removed,
                                 const std::vector<TableInfo>& added) {
  std::vector<Sequence> idle;
  if (version.drops().empty()) return idle;
  const std::vector<Sequence> shown = version.masks()->sequences();
  for (const RangeDrop& drop : version.drops()) {
    // What newer ones cover as a whole, they mask as well.
    const bool shows = std::binary_search(shown.begin(), shown.end(), drop.sequence);
    if (!shows || (KV_PLANTED(release_half_covered_drop) && drop.sequence != shown.back())) {
      idle.push_back(drop.sequence);
      continue;
    }
    const bool masks_old = version.any_in(drop.range, [&](const TablePtr& table) {
      return may_mask_in(table->info(), drop) && !KV_PLANTED(release_drop_early) &&
             std::find(removed.begin(), removed.end(), table) == removed.end();
    });
    const bool masks_new = std::any_of(
        added.begin(), added.end(), [&](const TableInfo& info) { return may_mask_in(info, drop); });
    if (!masks_old && !masks_new) idle.push_back(drop.sequence);
  }
  return idle;
}

std::optional<CompactionPlan> plan_discard(const Version& version) {
  if (version.drops().empty()) return std::nullopt;
  const RangeDrops::Ptr& masks = version.masks();
  CompactionPlan plan;
  plan.kind = CompactionKind::discard;
  any_table(version, [&](const TablePtr& table) {
    const TableInfo& info = table->info();
    if (masks->masks_all(info.first_key, info.last_key, info.sequence_max))
      plan.upper.push_back(table);
    return false;
  });
  if (plan.upper.empty() && idle_drops(version, {}, {}).empty()) return std::nullopt;
  return plan;
}

bool is_level0_masked(const Version& version, const std::function<bool(uint64_t)>& has_stayed) {
  const std::vector<TablePtr>& tables = version.level(0);
  return std::any_of(version.drops().begin(), version.drops().end(), [&](const RangeDrop& drop) {
    return std::any_of(tables.begin(), tables.end(), [&](const TablePtr& table) {
      return !has_stayed(table->info().number) && may_mask_in(table->info(), drop);
    });
  });
}

std::optional<CompactionPlan> plan_rewrite(const Version& version,
                                           const std::function<bool(uint64_t)>& is_readable) {
  std::optional<CompactionPlan> plan;
  for (const RangeDrop& drop : version.drops()) {
    version.any_in(drop.range, [&](const TablePtr& table) {
      const TableInfo& info = table->info();
      if (info.level == 0 || !may_mask_in(info, drop) || !is_readable(info.number)) return false;
      plan = CompactionPlan{info.level, {table}, {}, CompactionKind::rewrite, {}};
      return true;
    });
    if (plan) break;
  }
  return plan;
}

}  // namespace kv
