// Which tables make up the tree at one time, and which drops of ranges may still mask some of what
// they hold. Immutable: a flush or a compaction makes a new one, and readers keep theirs, with its
// files, as long as they hold it.
//
//   level 0   tables as flushed, newest first, key ranges overlap
//   level 1…  tables in key order, key ranges do not overlap; each level about 10 × the one above
//
// Thread-safe to read.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "libkv/base/planted.h"
#include "libkv/storage/range_drops.h"
#include "libkv/storage/table/table_format.h"

namespace kv {

inline constexpr size_t kLevels = 7;

/// What is wrong with where the tables are said to be: on a level that there is not, or beside one
/// that they overlap. A phrase for each.
std::vector<std::string> misplaced_tables(const std::vector<TableInfo>& tables);

/// Numbers of tables whose files nobody needs any more, put there by whichever thread let go last.
class ObsoleteTables {
 public:
  void add(uint64_t number) {
    const std::lock_guard lock(mutex_);
    numbers_.push_back(number);
  }
  std::vector<uint64_t> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(numbers_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<uint64_t> numbers_;
};

/// How long a table's file is needed: by all the TableFiles of its number (a table that moves to
/// another level gets a new one). When the last goes and the manifest no longer names the table,
/// its number goes to `obsolete`.
class TableLife {
 public:
  TableLife(uint64_t number, std::shared_ptr<ObsoleteTables> obsolete)
      : number_(number), obsolete_(std::move(obsolete)) {}
  ~TableLife() {
    if (dropped_) obsolete_->add(number_);
  }
  TableLife(const TableLife&) = delete;
  TableLife& operator=(const TableLife&) = delete;

  /// The manifest no longer names it. REQUIRES: the loop's thread.
  void drop() {
    dropped_ = true;
    if (KV_PLANTED(remove_tables_in_use)) obsolete_->add(number_);
  }

 private:
  const uint64_t number_;
  std::shared_ptr<ObsoleteTables> obsolete_;
  bool dropped_ = false;
};

class SstableReader;

/// A table at its level, as versions share it. Immutable, but that it may be found open.
class TableFile {
 public:
  TableFile(TableInfo info, std::shared_ptr<TableLife> life)
      : info_(std::move(info)), life_(std::move(life)) {}
  /// The same file at another level.
  TableFile(TableInfo info, const TableFile& moved) : info_(std::move(info)), life_(moved.life_) {
    if (const SstableReader* reader = moved.pinned()) pin(reader, moved.holder_);
  }
  const TableInfo& info() const { return info_; }
  const std::shared_ptr<TableLife>& life() const { return life_; }

  /// The open table, if it stays open as long as this lives; else null, and TableCache has it.
  const SstableReader* pinned() const { return pinned_.load(std::memory_order_acquire); }
  /// `holder` keeps `reader` open. REQUIRES: one caller at a time; once.
  void pin(const SstableReader* reader, std::shared_ptr<const void> holder) const {
    holder_ = std::move(holder);
    pinned_.store(reader, std::memory_order_release);
  }

 private:
  const TableInfo info_;
  const std::shared_ptr<TableLife> life_;
  mutable std::shared_ptr<const void> holder_;
  mutable std::atomic<const SstableReader*> pinned_{nullptr};
};
using TablePtr = std::shared_ptr<const TableFile>;

class Version {
 public:
  using Levels = std::vector<std::vector<TablePtr>>;

  Version() : levels_(kLevels) {}
  /// Sorts each level as it must be.
  explicit Version(Levels levels, std::vector<RangeDrop> drops = {});

  /// As the manifest names them, oldest first.
  const std::vector<RangeDrop>& drops() const { return drops_; }
  /// The same, merged; null: none.
  const RangeDrops::Ptr& masks() const { return masks_; }
  const std::vector<TablePtr>& level(size_t level) const { return levels_[level]; }
  uint64_t level_bytes(size_t level) const;
  size_t table_count() const;

  /// Calls `visit(table, level)` for each table that may hold `key`, newest first, until it
  /// returns false.
  template <typename Visit>
  void each_candidate(BytesView key, const Visit& visit) const;
  /// The tables of `level` that hold keys in [first, last].
  std::vector<TablePtr> overlapping(size_t level, BytesView first, BytesView last) const;
  /// Calls `visit(table)` for each that holds, or may hold, keys of the range, until it returns
  /// true; whether one did. Of a sorted level only those are looked at.
  template <typename Visit>
  bool any_in(const KeyRange& range, const Visit& visit) const;
  /// Whether a level below `level` may hold `key`.
  bool may_be_below(size_t level, BytesView key) const;
  /// Whether a level below `level` has a table with keys in [first, last].
  bool holds_below(size_t level, BytesView first, BytesView last) const;
  /// A version without `removed` and with `added`.
  std::shared_ptr<const Version> changed(const std::vector<TablePtr>& added,
                                         const std::vector<TablePtr>& removed) const;
  std::shared_ptr<const Version> with_drops(std::vector<RangeDrop> drops) const;

 private:
  Version(Levels levels, std::vector<RangeDrop> drops, RangeDrops::Ptr masks);
  /// The table of a sorted level that may hold `key`, or null.
  static const TablePtr* table_for(const std::vector<TablePtr>& level, BytesView key);

  Levels levels_;
  std::vector<RangeDrop> drops_;
  RangeDrops::Ptr masks_;
};

/// Whether the key lies between a table's ends. (clang 14 cannot compare strings in a template.)
inline bool spans(const TableInfo& info, BytesView key) {
  return BytesView(info.first_key) <= key && key <= BytesView(info.last_key);
}

template <typename Visit>
void Version::each_candidate(BytesView key, const Visit& visit) const {
  for (const TablePtr& table : levels_[0]) {
    if (spans(table->info(), key) && !visit(table, 0)) return;
  }
  for (size_t level = 1; level < kLevels; ++level) {
    const TablePtr* table = table_for(levels_[level], key);
    if (table != nullptr && !visit(*table, static_cast<int>(level))) return;
  }
}

template <typename Visit>
bool Version::any_in(const KeyRange& range, const Visit& visit) const {
  for (const TablePtr& table : levels_[0])
    if (overlaps(range, table->info().first_key, table->info().last_key) && visit(table))
      return true;
  for (size_t level = 1; level < kLevels; ++level) {
    const std::vector<TablePtr>& tables = levels_[level];
    auto at = std::partition_point(tables.begin(), tables.end(), [&](const TablePtr& table) {
      return is_behind(range, table->info().last_key);
    });
    for (; at != tables.end(); ++at) {
      if (!overlaps(range, (*at)->info().first_key, (*at)->info().last_key)) break;
      if (visit(*at)) return true;
    }
  }
  return false;
}

}  // namespace kv
