// Everything a read needs, as of one instant: the memtables and the version of the tree. Whoever
// holds a view can read on any thread while writes, flushes and compactions go on: they make new
// views and never change an old one, but for the active memtable, which only gains entries of
// higher sequences.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "libkv/storage/levels/table_cache.h"
#include "libkv/storage/levels/version.h"
#include "libkv/storage/memtable/memtable.h"

namespace kv {

struct ReadView {
  std::shared_ptr<Memtable> active;
  std::vector<std::shared_ptr<Memtable>> waiting;  ///< For their flush; newest first.
  std::shared_ptr<const Version> version;
  RangeDrops::Ptr drops;  ///< Of all of these, merged. Null: none.

  bool masks(BytesView key, Sequence sequence) const {
    return drops != nullptr && drops->masks(key, sequence);
  }
  /// Of a key, all that the table may have. It must not cost a read, and what ails it not matter.
  bool masks_in(const TableInfo& info, BytesView key) const {
    return drops != nullptr && info.sequence_max < drops->newest_over(key);
  }
  /// Whether every entry of the table is masked: it need not be looked into.
  bool masks_all(const TableInfo& info) const {
    return drops != nullptr && drops->masks_all(info.first_key, info.last_key, info.sequence_max);
  }
};

/// The drops of the memtables and the version, merged anew.
RangeDrops::Ptr merge_drops(const ReadView& view);

/// Where a look-up stopped because it needs the disk, and what it needs there.
struct LookupStop {
  const TableFile* file = nullptr;     ///< Of the view. Null: it has not stopped yet.
  SectionPtr section;                  ///< None: it needs that first. Set by who has read it.
  size_t block_number = 0;             ///< Of the section.
  LookupCounts counts{};               ///< Until here.
  std::shared_ptr<const Block> block;  ///< Set by who has read it.
};

/// The newest value of `key` at or below `at`. Nothing if `mode` is cached_only and the disk is
/// needed; then `stop`, if there is one, says for what. Called again with a stop whose section or
/// block has been filled in, it goes on from there. Errors: corrupt, io.
std::optional<Result<Lookup>> look_up(const ReadView& view, TableCache& cache, BytesView key,
                                      Sequence at, ReadMode mode, LookupStop* stop = nullptr);

/// What the memtables say of `key`, a removal included; nothing if they do not know it.
std::optional<Lookup> look_up_in_memtables(const ReadView& view, BytesView key, Sequence at);

/// Everything as of sequence `at`, which is not below any of the view's drops.
std::shared_ptr<const EngineSnapshot> make_snapshot(std::shared_ptr<const ReadView> view,
                                                    std::shared_ptr<TableCache> cache, Sequence at);

/// The newest value of each key of the range, as of sequence `at`. The iterator holds the view.
std::unique_ptr<EngineIterator> iterate_view(std::shared_ptr<const ReadView> view,
                                             TableCache& cache, const KeyRange& range, Sequence at,
                                             bool reverse);

}  // namespace kv
