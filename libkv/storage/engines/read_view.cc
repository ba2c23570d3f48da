#include "libkv/storage/engines/read_view.h"

#include <algorithm>
#include <deque>
#include <span>
#include <utility>

#include "libkv/base/planted.h"
#include "libkv/storage/levels/level_iterator.h"
#include "libkv/storage/levels/merging_iterator.h"
#include "libkv/storage/table/bloom_filter.h"

namespace kv {

namespace {

/// True if `table` answers; then `lookup` is set.
bool look_up_in_memtable(const ReadView& view, const std::shared_ptr<Memtable>& table,
                         BytesView key, Sequence at, Lookup* lookup) {
  const auto entry = table->find(key, at);
  if (!entry) return false;
  lookup->found_in = FoundIn::memtable;
  if (entry->kind == EntryKind::value && !view.masks(key, entry->sequence))
    lookup->value = SharedBytes(table, entry->value);
  return true;
}

/// A table that may hold the key, and its section where it would be, if that is pinned.
struct Candidate {
  const TableFile* table;
  int level;
  SectionPtr section;
};

/// Newest first, the filters of sections that are pinned on their way to the processor. Until the
/// thread's next call.
std::span<const Candidate> candidates_for(const Version& version, const TableKey& key) {
  thread_local std::vector<Candidate> candidates;
  candidates.clear();
  version.each_candidate(key.key, [&key](const TablePtr& table, int level) {
    const SstableReader* reader = table->pinned();
    SectionPtr section =
        reader == nullptr ? nullptr : reader->pinned(reader->section_for(key.key, key.at));
    if (section != nullptr) section->prefetch_filter(key.hash);
    candidates.push_back({table.get(), level, std::move(section)});
    return true;
  });
  return candidates;
}

std::nullopt_t stopped(LookupStop* stop, const TableFile& file, SectionPtr section, size_t block) {
  if (stop != nullptr) *stop = {&file, std::move(section), block, {}, nullptr};
  return std::nullopt;
}

/// Nothing if `mode` is cached_only and the disk is needed.
std::optional<Result<TableLookup>> look_up_in_section(const TableFile& file, SectionPtr section,
                                                      const TableKey& key, ReadMode mode,
                                                      LookupStop* stop, LookupCounts& counts) {
  auto found = section->find(key, mode, counts);
  if (found && found->outcome == TableLookup::Outcome::needs_disk)
    return stopped(stop, file, std::move(section), found->block);
  return found;
}

/// The same.
std::optional<Result<TableLookup>> look_up_in_table(TableCache& cache, const Candidate& candidate,
                                                    const TableKey& key, ReadMode mode,
                                                    LookupStop* stop, LookupCounts& counts) {
  const TableFile& file = *candidate.table;
  uint64_t reads = 0;
  SectionPtr section = candidate.section;
  if (section == nullptr) section = cache.find(file, key.key, key.at);
  if (section == nullptr) {
    if (mode == ReadMode::cached_only) return stopped(stop, file, nullptr, 0);
    auto opened = cache.open(file, key.key, key.at, &reads);
    if (!opened) return Result<TableLookup>(fail(opened.error()));
    section = std::move(*opened);
  }
  auto found = look_up_in_section(file, section, key, mode, stop, counts);
  if (found && *found && (*found)->from_disk) ++reads;
  if (reads > 0) cache.counters().disk_reads_of_gets.fetch_add(reads, std::memory_order_relaxed);
  return found;
}

/// In the table where it stopped, whose section or block has come.
std::optional<Result<TableLookup>> go_on_from(LookupStop& stop, const TableKey& key, ReadMode mode,
                                              LookupCounts& counts) {
  if (KV_PLANTED(skip_the_stop)) return Result<TableLookup>();
  if (stop.block == nullptr)
    return look_up_in_section(*stop.file, stop.section, key, mode, &stop, counts);
  auto found = stop.section->find_in(stop.block, key, counts);
  if (found) found->from_disk = true;
  return found;
}

/// As look_up(), of a key that no memtable has.
std::optional<Result<Lookup>> look_up_in_tables(const ReadView& view, TableCache& cache,
                                                const TableKey& key, ReadMode mode,
                                                LookupStop* stop, LookupCounts& counts) {
  bool goes_on = stop != nullptr && stop->file != nullptr;
  Lookup lookup;
  for (const Candidate& candidate : candidates_for(*view.version, key)) {
    if (goes_on && candidate.table != stop->file) continue;
    if (view.masks_in(candidate.table->info(), key.key)) continue;
    auto found = std::exchange(goes_on, false)
                     ? go_on_from(*stop, key, mode, counts)
                     : look_up_in_table(cache, candidate, key, mode, stop, counts);
    if (!found) return std::nullopt;
    if (!*found) return Result<Lookup>(fail(found->error()));
    if ((*found)->from_disk) lookup.found_in = FoundIn::disk;
    if ((*found)->outcome != TableLookup::Outcome::found) continue;
    if (!(*found)->from_disk) lookup.found_in = FoundIn::cache;
    lookup.level = candidate.level;
    if ((*found)->kind == EntryKind::value && !view.masks(key.key, (*found)->sequence))
      lookup.value = std::move((*found)->value);
    break;
  }
  return Result<Lookup>(std::move(lookup));
}

}  // namespace

RangeDrops::Ptr merge_drops(const ReadView& view) {
  RangeDrops::Ptr drops = view.version->masks();
  for (auto memtable = view.waiting.rbegin(); memtable != view.waiting.rend(); ++memtable)
    drops = RangeDrops::with(std::move(drops), (*memtable)->drops());
  return RangeDrops::with(std::move(drops), view.active->drops());
}

std::optional<Lookup> look_up_in_memtables(const ReadView& view, BytesView key, Sequence at) {
  Lookup lookup;
  if (look_up_in_memtable(view, view.active, key, at, &lookup)) return lookup;
  for (const auto& memtable : view.waiting)
    if (look_up_in_memtable(view, memtable, key, at, &lookup)) return lookup;
  return std::nullopt;
}

std::optional<Result<Lookup>> look_up(const ReadView& view, TableCache& cache, BytesView key,
                                      Sequence at, ReadMode mode, LookupStop* stop) {
  const bool goes_on = stop != nullptr && stop->file != nullptr;
  if (auto known = goes_on ? std::nullopt : look_up_in_memtables(view, key, at)) {
    cache.counters().memtable_hits.fetch_add(1, std::memory_order_relaxed);
    return std::move(*known);
  }
  LookupCounts counts = goes_on ? stop->counts : LookupCounts();
  auto answer = look_up_in_tables(view, cache, {key, key_hash(key), at}, mode, stop, counts);
  if (answer) {
    cache.counters().add(counts);
  } else if (stop != nullptr) {
    stop->counts = counts;
  }
  return answer;
}

namespace {

class ViewIterator final : public EngineIterator {
 public:
  ViewIterator(std::shared_ptr<const ReadView> view, TableCache& cache, KeyRange range, Sequence at,
               bool reverse)
      : view_(std::move(view)),
        range_(std::move(range)),
        at_(KV_PLANTED(walk_shows_later_writes) ? kNewest : at),
        reverse_(reverse),
        entries_(merge_iterators(sources(cache))) {}

  bool valid() const override {
    start_once();
    return valid_;
  }
  void next() override {
    start_once();
    if (reverse_) return find_backward();
    key_.assign(entries_->entry().key);
    pending_ = true;
    entries_->next();
    find_forward();
  }
  // Forward nothing is copied: the merged entry stands still until next().
  BytesView key() const override { return reverse_ ? BytesView(key_) : entries_->entry().key; }
  BytesView value() const override {
    return reverse_ ? BytesView(value_) : entries_->entry().value;
  }
  Status status() const override {
    start_once();
    return valid_ ? Status{} : entries_->status();
  }
  bool pass_over() override {
    if (valid_ || !entries_->pass_over()) return false;
    reverse_ ? find_backward() : find_forward();
    return true;
  }

 private:
  /// They refer to the view and the range.
  std::vector<std::unique_ptr<EntryIterator>> sources(TableCache& cache) const {
    std::vector<std::unique_ptr<EntryIterator>> sources;
    sources.push_back(view_->active->iterator());
    for (const auto& memtable : view_->waiting) sources.push_back(memtable->iterator());
    for (const TablePtr& table : view_->version->level(0))
      if (!view_->masks_all(table->info()))
        sources.push_back(iterate_level(cache, {&table, 1}, ReadMode::fill_cache, &range_));
    for (size_t level = 1; level < kLevels; ++level) {
      const auto& tables = unmasked(view_->version->level(level));
      if (tables.empty()) continue;
      sources.push_back(iterate_level(cache, tables, ReadMode::fill_cache, &range_));
    }
    return sources;
  }

  const std::vector<TablePtr>& unmasked(const std::vector<TablePtr>& tables) const {
    const auto is_masked = [this](const TablePtr& table) {
      return view_->masks_all(table->info());
    };
    if (view_->drops == nullptr || std::none_of(tables.begin(), tables.end(), is_masked))
      return tables;
    std::vector<TablePtr>& kept = unmasked_.emplace_back(tables);
    std::erase_if(kept, is_masked);
    return kept;
  }

  // The first read happens where the iterator is used, which may be off the loop.
  void start_once() const {
    if (started_) return;
    auto* self = const_cast<ViewIterator*>(this);
    self->started_ = true;
    self->start();
  }
  void start() {
    if (!reverse_) {
      entries_->seek(range_.from, kNewest);
      find_forward();
    } else {
      range_.to.empty() ? entries_->seek_to_last() : entries_->seek_before(range_.to);
      find_backward();
    }
  }

  bool shows(const Entry& entry) const {
    return entry.kind == EntryKind::value && !view_->masks(entry.key, entry.sequence);
  }

  /// Skips the older versions of key_, then finds the next key that has a value.
  void find_forward() {
    valid_ = false;
    for (; entries_->valid(); entries_->next()) {
      const Entry& entry = entries_->entry();
      if (!range_.to.empty() && entry.key >= BytesView(range_.to)) return;
      if (entry.sequence > at_ || (pending_ && entry.key == key_)) continue;
      valid_ = shows(entry);
      if (valid_) return;
      key_.assign(entry.key);
      pending_ = true;
    }
  }

  /// Backward a key's versions come oldest first: its newest is the last seen before the key
  /// changes.
  void find_backward() {
    if (std::exchange(valid_, false)) pending_ = false;
    for (; entries_->valid(); entries_->prev()) {
      const Entry& entry = entries_->entry();
      if (entry.key < BytesView(range_.from)) break;
      if (entry.sequence > at_) continue;
      if (pending_ && pending_is_value_ && entry.key != key_) break;
      pending_ = true;
      pending_is_value_ = shows(entry);
      key_.assign(entry.key);
      value_.assign(entry.value);
    }
    valid_ = pending_ && pending_is_value_ && entries_->status().has_value();
  }

  const std::shared_ptr<const ReadView> view_;
  const KeyRange range_;
  const Sequence at_;
  const bool reverse_;
  mutable std::deque<std::vector<TablePtr>> unmasked_;  // Levels without what is masked.
  const std::unique_ptr<EntryIterator> entries_;
  mutable bool started_ = false;
  bool valid_ = false;
  // Forward: key_ is done with, but for its older versions. Backward: key_ and value_ are the
  // newest seen of it, and newer ones may follow. Either survives a block that is passed over.
  bool pending_ = false;
  bool pending_is_value_ = false;
  std::string key_;
  std::string value_;
};

}  // namespace

std::unique_ptr<EngineIterator> iterate_view(std::shared_ptr<const ReadView> view,
                                             TableCache& cache, const KeyRange& range, Sequence at,
                                             bool reverse) {
  return std::make_unique<ViewIterator>(std::move(view), cache, range, at, reverse);
}

namespace {

class ViewSnapshot final : public EngineSnapshot {
 public:
  ViewSnapshot(std::shared_ptr<const ReadView> view, std::shared_ptr<TableCache> cache, Sequence at)
      : view_(std::move(view)), cache_(std::move(cache)), at_(at) {}

  Sequence sequence() const override { return at_; }
  Result<Lookup> get(BytesView key) const override {
    cache_->counters().gets.fetch_add(1, std::memory_order_relaxed);
    return *look_up(*view_, *cache_, key, at_, ReadMode::fill_cache);
  }
  std::unique_ptr<EngineIterator> iterate(const KeyRange& range, bool reverse) const override {
    return iterate_view(view_, *cache_, range, at_, reverse);
  }

 private:
  const std::shared_ptr<const ReadView> view_;
  const std::shared_ptr<TableCache> cache_;
  const Sequence at_;
};

}  // namespace

std::shared_ptr<const EngineSnapshot> make_snapshot(std::shared_ptr<const ReadView> view,
                                                    std::shared_ptr<TableCache> cache,
                                                    Sequence at) {
  return std::make_shared<ViewSnapshot>(std::move(view), std::move(cache), at);
}

}  // namespace kv
