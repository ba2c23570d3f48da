// Which tables to merge: those that cost least, and those worth it when there is nothing else to
// do.
#include <algorithm>

#include "libkv/storage/levels/compaction.h"

namespace kv {

namespace {

/// When nothing else is to do: level 0 is merged unless that rewrites so many times its bytes.
constexpr uint64_t kIdleRewriteMax = 8;
/// And a table of which one in so many entries is a removal.
constexpr uint64_t kRemovalsOneIn = 4;

uint64_t file_bytes(const std::vector<TablePtr>& tables) {
  uint64_t bytes = 0;
  for (const TablePtr& table : tables) bytes += table->info().file_bytes;
  return bytes;
}

/// A sorted level's bytes in the tables that hold keys in [first, last], looking from `*from` on,
/// which is moved to the first of them: so that a walk over ascending ranges is one walk.
uint64_t overlapped_bytes(const std::vector<TablePtr>& level, const TableInfo& table,
                          size_t* from) {
  while (*from < level.size() && level[*from]->info().last_key < table.first_key) ++*from;
  uint64_t bytes = 0;
  for (size_t i = *from; i < level.size() && level[i]->info().first_key <= table.last_key; ++i)
    bytes += level[i]->info().file_bytes;
  return bytes;
}

}  // namespace

/// The tables of a sorted level, in the order of what each of their bytes rewrites below.
std::vector<TablePtr> CompactionPicker::cheapest_first(const Version& version, size_t level) {
  struct Priced {
    double price;
    TablePtr table;
  };
  std::vector<Priced> priced;
  size_t from = 0;
  for (const TablePtr& table : version.level(level)) {
    const uint64_t below = overlapped_bytes(version.level(level + 1), table->info(), &from);
    const auto own = static_cast<double>(std::max<uint64_t>(1, table->info().file_bytes));
    priced.push_back({static_cast<double>(below) / own, table});
  }
  std::stable_sort(priced.begin(), priced.end(),
                   [](const Priced& a, const Priced& b) { return a.price < b.price; });
  std::vector<TablePtr> tables;
  for (Priced& one : priced) tables.push_back(std::move(one.table));
  return tables;
}

/// Whether a merge of level 0 would write more of level 1 again than half of what it brings.
bool CompactionPicker::rewrites_much(const Version& version) const {
  const auto all = plan(version, 0);
  return all && file_bytes(all->lower) > file_bytes(all->upper) / 2;
}

std::optional<CompactionPlan> CompactionPicker::pick_idle(const Version& version) const {
  if (auto upper = plan(version, 0);
      upper && file_bytes(upper->lower) <= kIdleRewriteMax * file_bytes(upper->upper))
    return upper;
  for (size_t level = 1; level + 1 < kLevels; ++level) {
    for (const TablePtr& table : version.level(level)) {
      const TableInfo& info = table->info();
      if (info.removals * kRemovalsOneIn < info.entries) continue;
      if (!version.holds_below(level, info.first_key, info.last_key)) continue;
      CompactionPlan one = plan_of(version, level, {table});
      if (is_readable(one)) return one;
    }
  }
  return std::nullopt;
}

}  // namespace kv
