// The engine on disk: what it does when nothing has been written for a while, so that what lies
// idle takes little room and is quick to read and to open:
//
//     the log    is flushed, if that gives whole segments back; spares are removed
//     level 0    is merged down, if that does not rewrite much for little
//     removals   sink to where they can be dropped, where a table has many of them
//     memory     that waits for the next memtable, or for log records, goes back to the system
//
// One step at a time, and none while other work runs. A write ends it.
#include <algorithm>

#include "libkv/base/limits.h"
#include "libkv/base/planted.h"
#include "libkv/storage/engines/lsm_engine.h"

namespace kv {

void LsmEngine::tidy_on_tick(Instant now) {
  if (tidied_at_ != log_.last_sequence()) {
    tidied_at_ = log_.last_sequence();
    tidy_at_ = now + options_.idle_after;
  }
  if (!tidy_at_ || now < *tidy_at_) return;
  if (resting_ || !log_.is_sound()) {
    tidy_at_ = now + options_.idle_after;
  } else if (flush_running_ || compaction_ != nullptr || ingest_ != nullptr || tidy_one_thing()) {
    tidy_at_ = now + limits::tidy_interval;
  } else {
    tidy_at_.reset();
  }
}

/// False: there is nothing left to do.
bool LsmEngine::tidy_one_thing() {
  if (KV_PLANTED(never_tidy)) return false;
  if (!view_->active->empty() && log_.segment_count() > 1) {
    rotate_memtable();
    start_work();
    return true;
  }
  if (compact_at_) return true;
  if (auto plan = picker_.pick_idle(*view_->version)) {
    begin_compaction(std::move(*plan));
    return true;
  }
  if (log_.remove_spares(limits::log_spare_segments_idle)) return true;
  blocks_->clear();
  log_.forget_room();
  return false;
}

}  // namespace kv
