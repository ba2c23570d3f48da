#include "libkv/storage/engines/flush.h"

#include "libkv/base/planted.h"
#include "libkv/storage/levels/drop_tidying.h"

namespace kv {

Status Flush::write() {
  const RangeDrops::Ptr masks = RangeDrops::with(nullptr, memtable_->drops());
  const auto entries = memtable_->iterator();
  // Only the newest version of a key: readers of older ones hold the memtable itself.
  BytesView last_key;
  bool first = true;
  for (entries->seek_to_first(); entries->valid(); entries->next()) {
    const Entry& entry = entries->entry();
    if (!first && entry.key == last_key) continue;
    last_key = entry.key;
    first = false;
    if (masks != nullptr && masks->masks(entry.key, entry.sequence)) continue;
    KV_TRY(output_.add(entry));
  }
  KV_TRY(output_.finish());
  // Older memtables are in the version already, and of newer ones it masks nothing.
  for (const RangeDrop& drop : memtable_->drops())
    if ((keeps_drops_ || may_mask(*version_, drop)) && !KV_PLANTED(forget_drop_at_flush))
      drops_.push_back(drop);
  ManifestChange change;
  change.flushed = flushed();
  if (KV_PLANTED(flush_in_two_commits)) KV_TRY(manifest_.commit(change));
  change.added = output_.tables();
  change.drops_added = drops_;
  const Status committed = manifest_.commit(change);
  // The files stay also where it is not known whether the commit reached the disk.
  if (committed || (!Manifest::is_undone(committed.error()) && !KV_PLANTED(remove_tables_in_doubt)))
    output_.keep();
  return committed;
}

}  // namespace kv
