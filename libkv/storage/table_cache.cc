#include "libkv/storage/table_cache.h"

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
  KV_ASSIGN(auto reader,
            SstableReader::open(files_, path_of(info.number), info, blocks_, counters_));
  const std::lock_guard lock(mutex_);
  // Another thread may have been faster; then its reader stays and this one goes with its user.
  if (by_number_.count(info.number) != 0) return reader;
  open_.push_front({info.number, reader});
  by_number_[info.number] = open_.begin();
  while (open_.size() > open_tables_max_) {
    by_number_.erase(open_.back().number);
    open_.pop_back();
  }
  return reader;
}

void TableCache::forget(uint64_t number) {
  const std::lock_guard lock(mutex_);
  const auto found = by_number_.find(number);
  if (found == by_number_.end()) return;
  open_.erase(found->second);
  by_number_.erase(found);
}

}  // namespace kv
