// The LSM engine's part of dropped ranges: into the log, the active memtable and the view.
#include <algorithm>

#include "libkv/base/planted.h"
#include "libkv/storage/batch_limits.h"
#include "libkv/storage/engines/lsm_engine.h"

namespace kv {

namespace {

/// Whether a table is of no use any more because of it.
bool frees_tables(const Version& version, const RangeDrop& drop) {
  const auto masks = RangeDrops::with(nullptr, drop);
  return version.any_in(drop.range, [&](const TablePtr& table) {
    const TableInfo& info = table->info();
    return masks->masks_all(info.first_key, info.last_key, info.sequence_max);
  });
}

}  // namespace

Result<Sequence> LsmEngine::drop_range(const KeyRange& range, Durability durability) {
  if (closed_) return fail(closed_error());
  if (is_empty(range)) return log_.last_sequence();
  KV_TRY(check_limits(range));
  KV_TRY(log_.ready());
  // It may be what frees a tree that bad tables have stopped.
  retry_if_due();
  KV_TRY(make_memtable_room());
  const RangeDrop drop{range, log_.append_drop(range, durability)};
  view_->active->add_drop(drop);
  auto next = std::make_shared<ReadView>(*view_);
  next->drops = RangeDrops::with(view_->drops, drop);
  view_ = std::move(next);
  drop_frees_tables_ = drop_frees_tables_ || frees_tables(*view_->version, drop);
  start_work();
  return drop.sequence;
}

/// The tables of an ingest may come behind a drop that masks them.
bool LsmEngine::keeps_drops() const {
  return ingest_ != nullptr && !KV_PLANTED(forget_drop_over_ingest);
}

/// The oldest waiting memtable, with its drops, is part of the version now, or needs not be.
void LsmEngine::install_flushed(std::shared_ptr<ReadView> next,
                                const std::vector<RangeDrop>& drops) {
  if (!view_->waiting.back()->drops().empty()) {
    std::vector<RangeDrop> all = next->version->drops();
    all.insert(all.end(), drops.begin(), drops.end());
    next->version = next->version->with_drops(std::move(all));
    next->drops = merge_drops(*next);
  }
  view_ = std::move(next);
}

/// `idle`: drops that the manifest does not name any more.
void LsmEngine::install_compacted(std::shared_ptr<ReadView> next,
                                  const std::vector<Sequence>& idle) {
  if (!idle.empty()) {
    std::vector<RangeDrop> drops = next->version->drops();
    std::erase_if(drops, [&](const RangeDrop& drop) {
      return std::binary_search(idle.begin(), idle.end(), drop.sequence);
    });
    next->version = next->version->with_drops(std::move(drops));
    next->drops = merge_drops(*next);
  }
  view_ = std::move(next);
}

}  // namespace kv
