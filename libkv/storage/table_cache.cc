#include "libkv/storage/table_cache.h"

#include "libkv/base/planted.h"

namespace kv {

std::shared_ptr<SstableReader> TableCache::find(uint64_t number) {
  const std::lock_guard lock(mutex_);
  const auto found = by_number_.find(number);
  if (found == by_number_.end()) return nullptr;
  open_.splice(open_.begin(), open_, found->second);
  return found->second->reader;
}

Result<std::shared_ptr<SstableReader>> TableCache::open(const TableInfo& info) {
  if (auto reader = find(info.number)) return reader;
  const OpenMode mode = options_.direct_reads ? OpenMode::read_direct : OpenMode::read;
  KV_ASSIGN(auto reader, SstableReader::open(files_, path_of(info.number), info, blocks_, counters_,
                                             {mode, budget_}));
  Slots closed;
  {
    const std::lock_guard lock(mutex_);
    // Another thread may have been faster; then its reader stays and this one goes with its user.
    if (by_number_.count(info.number) == 0) {
      open_.push_front({info.number, reader});
      by_number_[info.number] = open_.begin();
      open_bytes_ += reader->memory_bytes();
      closed = make_room();
    }
  }
  closed.clear();
  balance();
  return reader;
}

bool TableCache::is_over() const {
  return open_.size() > options_.open_tables_max ||
         (open_bytes_ > budget_->tables_max() && !KV_PLANTED(close_no_table));
}

// The newest one stays, whatever its size: somebody is about to read it.
TableCache::Slots TableCache::make_room() {
  Slots closed;
  while (open_.size() > 1 && is_over()) {
    open_bytes_ -= open_.back().reader->memory_bytes();
    by_number_.erase(open_.back().number);
    closed.splice(closed.begin(), open_, std::prev(open_.end()));
  }
  return closed;
}

void TableCache::forget(uint64_t number) {
  Slots closed;  // Ends after the lock does.
  const std::lock_guard lock(mutex_);
  const auto found = by_number_.find(number);
  if (found == by_number_.end()) return;
  open_bytes_ -= found->second->reader->memory_bytes();
  closed.splice(closed.begin(), open_, found->second);
  by_number_.erase(found);
}

void TableCache::balance() {
  if (blocks_.capacity_bytes() == BlockCache::capacity_for(budget_->cache_max())) return;
  const std::lock_guard lock(balance_mutex_);
  blocks_.resize(budget_->cache_max());
}

size_t TableCache::open_tables() {
  const std::lock_guard lock(mutex_);
  return open_.size();
}

}  // namespace kv
