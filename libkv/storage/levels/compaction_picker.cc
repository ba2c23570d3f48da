#include "libkv/storage/levels/compaction_picker.h"

#include <algorithm>
#include <utility>

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

double CompactionPicker::score(const Version& version, size_t level) const {
  if (level == 0) return level0_score(version);
  return static_cast<double>(version.level_bytes(level)) / target_bytes(level);
}

// Each merge of level 0 rewrites what it overlaps of level 1: the more tables wait for it, the less
// that is for each of them.
double CompactionPicker::level0_score(const Version& version) const {
  const size_t tables = version.level(0).size();
  if (tables < options_.level0_tables) return 0;
  if (tables < options_.level0_tables_lazy && rewrites_much(version)) return 0;
  return static_cast<double>(tables) / static_cast<double>(options_.level0_tables);
}

double CompactionPicker::target_bytes(size_t level) const {
  double target = static_cast<double>(options_.level1_bytes);
  for (size_t i = 1; i < level; ++i) target *= static_cast<double>(options_.level_ratio);
  return target;
}

uint64_t CompactionPicker::excess_bytes(const Version& version) const {
  double excess = 0;
  for (size_t level = 1; level + 1 < kLevels; ++level)
    excess += std::max(0.0, static_cast<double>(version.level_bytes(level)) - target_bytes(level));
  return static_cast<uint64_t>(excess);
}

std::optional<CompactionPlan> CompactionPicker::pick(const Version& version) const {
  std::vector<std::pair<double, size_t>> levels;
  for (size_t level = 0; level + 1 < kLevels; ++level) {
    const double level_score = score(version, level);
    if (level_score >= 1) levels.emplace_back(level_score, level);
  }
  // Of equal ones the upper: what is above shadows what is below.
  std::stable_sort(levels.begin(), levels.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  for (const auto& [level_score, level] : levels) {
    if (auto found = plan(version, level)) return found;
  }
  return std::nullopt;
}

std::optional<CompactionPlan> CompactionPicker::plan(const Version& version, size_t level) const {
  if (level == 0) {
    auto sink = plan_sink(version);
    return sink ? std::move(sink) : plan_gather(version);
  }
  for (const TablePtr& table : cheapest_first(version, level)) {
    CompactionPlan one = plan_of(version, level, {table});
    if (is_readable(one)) return one;
  }
  return std::nullopt;
}

/// Around a table that is bad only for the sake of what is new: what stayed would stay again. So no
/// plan is found again and again.
std::optional<CompactionPlan> CompactionPicker::plan_sink(const Version& version) const {
  auto upper = mergeable_of_level0(version);
  if (upper.empty()) return std::nullopt;
  CompactionPlan all = plan_of(version, 0, std::move(upper));
  const auto bad = std::stable_partition(
      all.lower.begin(), all.lower.end(),
      [this](const TablePtr& table) { return is_readable(table->info().number); });
  all.around.assign(bad, all.lower.end());
  all.lower.erase(bad, all.lower.end());
  if (!all.around.empty() && !has_new(all.upper)) return std::nullopt;
  return all;
}

/// The newest tables of level 0, as long as the next is about as large as all before it: so that an
/// entry is rewritten a logarithm's times (tiered merging). Where the level fills up, whatever
/// their sizes.
std::optional<CompactionPlan> CompactionPicker::plan_gather(const Version& version) const {
  const bool is_pressing = version.level(0).size() >= 2 * options_.level0_tables_lazy;
  CompactionPlan plan;
  plan.kind = CompactionKind::gather;
  uint64_t bytes = 0;
  for (const TablePtr& table : version.level(0)) {
    const TableInfo& info = table->info();
    if (!is_readable(info.number)) break;
    if (info.file_bytes >= options_.staying_file_bytes_max / 2) break;
    if (bytes > 0 && info.file_bytes > 2 * bytes && !is_pressing) break;
    bytes += info.file_bytes;
    plan.upper.push_back(table);
  }
  if (plan.upper.size() < options_.level0_tables || !has_new(plan.upper)) return std::nullopt;
  return plan;
}

bool CompactionPicker::has_new(const std::vector<TablePtr>& tables) const {
  return std::any_of(tables.begin(), tables.end(),
                     [this](const TablePtr& table) { return !has_stayed(table->info().number); });
}

// A newer table must not sink below an older one that stays: only those older than all that stay.
std::vector<TablePtr> CompactionPicker::mergeable_of_level0(const Version& version) const {
  std::vector<TablePtr> upper;
  for (const TablePtr& table : version.level(0)) {
    upper.push_back(table);
    if (!is_readable(table->info().number)) upper.clear();
  }
  return upper;
}

CompactionPlan CompactionPicker::plan_of(const Version& version, size_t level,
                                         std::vector<TablePtr> upper) const {
  CompactionPlan plan;
  plan.level = level;
  plan.upper = std::move(upper);
  std::string first = plan.upper.front()->info().first_key;
  std::string last = plan.upper.front()->info().last_key;
  for (const TablePtr& table : plan.upper) {
    first = std::min(first, table->info().first_key);
    last = std::max(last, table->info().last_key);
  }
  plan.lower = version.overlapping(level + 1, first, last);
  return plan;
}

bool CompactionPicker::is_readable(const CompactionPlan& plan) const {
  const auto readable = [this](const TablePtr& table) { return is_readable(table->info().number); };
  return std::all_of(plan.upper.begin(), plan.upper.end(), readable) &&
         std::all_of(plan.lower.begin(), plan.lower.end(), readable);
}

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
