#include "libkv/storage/levels/version.h"

#include <algorithm>
#include <tuple>

#include "libkv/base/assert.h"
#include "libkv/base/planted.h"

namespace kv {

const TablePtr* Version::table_for(const std::vector<TablePtr>& level, BytesView key) {
  const auto at = std::lower_bound(
      level.begin(), level.end(), key,
      [](const TablePtr& table, BytesView k) { return table->info().last_key < k; });
  if (at == level.end() || (*at)->info().first_key > key) return nullptr;
  return &*at;
}

std::vector<std::string> misplaced_tables(const std::vector<TableInfo>& tables) {
  std::vector<std::string> wrong;
  std::vector<const TableInfo*> ordered;  // Below level 0, where tables stand side by side.
  for (const TableInfo& info : tables) {
    if (info.level >= kLevels)
      wrong.push_back("table " + std::to_string(info.number) + ": level " +
                      std::to_string(info.level));
    if (info.level > 0) ordered.push_back(&info);
  }
  std::sort(ordered.begin(), ordered.end(), [](const TableInfo* a, const TableInfo* b) {
    return std::tie(a->level, a->first_key) < std::tie(b->level, b->first_key);
  });
  for (size_t i = 1; i < ordered.size(); ++i) {
    const TableInfo& left = *ordered[i - 1];
    const TableInfo& right = *ordered[i];
    if (left.level == right.level && left.last_key >= right.first_key)
      wrong.push_back("level " + std::to_string(left.level) + ": the keys of tables " +
                      std::to_string(left.number) + " and " + std::to_string(right.number) +
                      " overlap");
  }
  return wrong;
}

Version::Version(Levels levels, std::vector<RangeDrop> drops)
    : Version(std::move(levels), std::move(drops), nullptr) {
  masks_ = RangeDrops::with(nullptr, drops_);
}

Version::Version(Levels levels, std::vector<RangeDrop> drops, RangeDrops::Ptr masks)
    : levels_(std::move(levels)), drops_(std::move(drops)), masks_(std::move(masks)) {
  KV_ASSERT(levels_.size() == kLevels);
  std::sort(levels_[0].begin(), levels_[0].end(), [](const TablePtr& a, const TablePtr& b) {
    const bool is_newer = a->info().sequence_max > b->info().sequence_max;
    return is_newer != KV_PLANTED(oldest_table_first);
  });
  for (size_t level = 1; level < kLevels; ++level) {
    std::vector<TablePtr>& tables = levels_[level];
    std::sort(tables.begin(), tables.end(), [](const TablePtr& a, const TablePtr& b) {
      return a->info().first_key < b->info().first_key;
    });
    for (size_t i = 1; i < tables.size(); ++i)
      KV_ASSERT(tables[i - 1]->info().last_key < tables[i]->info().first_key);
  }
}

uint64_t Version::level_bytes(size_t level) const {
  uint64_t bytes = 0;
  for (const TablePtr& table : levels_[level]) bytes += table->info().file_bytes;
  return bytes;
}

size_t Version::table_count() const {
  size_t count = 0;
  for (const auto& level : levels_) count += level.size();
  return count;
}

std::vector<TablePtr> Version::overlapping(size_t level, BytesView first, BytesView last) const {
  std::vector<TablePtr> tables;
  for (const TablePtr& table : levels_[level])
    if (table->info().first_key <= last && first <= table->info().last_key) tables.push_back(table);
  return tables;
}

bool Version::may_be_below(size_t level, BytesView key) const {
  for (size_t below = level + 1; below < kLevels; ++below)
    if (table_for(levels_[below], key) != nullptr) return true;
  return false;
}

bool Version::holds_below(size_t level, BytesView first, BytesView last) const {
  for (size_t below = level + 1; below < kLevels; ++below)
    if (!overlapping(below, first, last).empty()) return true;
  return false;
}

std::shared_ptr<const Version> Version::changed(const std::vector<TablePtr>& added,
                                                const std::vector<TablePtr>& removed) const {
  Levels levels = levels_;
  for (auto& level : levels)
    std::erase_if(level, [&](const TablePtr& table) {
      return std::find(removed.begin(), removed.end(), table) != removed.end();
    });
  for (const TablePtr& table : added) levels[table->info().level].push_back(table);
  return std::shared_ptr<const Version>(new Version(std::move(levels), drops_, masks_));
}

std::shared_ptr<const Version> Version::with_drops(std::vector<RangeDrop> drops) const {
  return std::make_shared<const Version>(levels_, std::move(drops));
}

}  // namespace kv
