#include "libkv/storage/flush.h"

#include "libkv/base/planted.h"

namespace kv {

Status Flush::write() {
  const auto entries = memtable_->iterator();
  // Only the newest version of a key: readers of older ones hold the memtable itself.
  BytesView last_key;
  bool first = true;
  for (entries->seek_to_first(); entries->valid(); entries->next()) {
    const Entry& entry = entries->entry();
    if (!first && entry.key == last_key) continue;
    KV_TRY(output_.add(entry));
    last_key = entry.key;
    first = false;
  }
  KV_TRY(output_.finish());
  ManifestChange change;
  change.flushed = flushed();
  if (KV_PLANTED(flush_in_two_commits)) KV_TRY(manifest_.commit(change));
  change.added = output_.tables();
  const Status committed = manifest_.commit(change);
  // The files stay also where it is not known whether the commit reached the disk.
  if (committed || !Manifest::is_undone(committed.error())) output_.keep();
  return committed;
}

}  // namespace kv
