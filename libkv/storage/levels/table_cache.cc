#include "libkv/storage/levels/table_cache.h"

#include "libkv/base/planted.h"

namespace kv {

struct TableCache::Pin {
  Pin(std::shared_ptr<Pins> all, std::shared_ptr<SstableReader> table)
      : pins(std::move(all)), reader(std::move(table)) {
    pins->tables.fetch_add(1, std::memory_order_relaxed);
    pins->bytes.fetch_add(reader->memory_bytes(), std::memory_order_relaxed);
  }
  ~Pin() {
    pins->tables.fetch_sub(1, std::memory_order_relaxed);
    pins->bytes.fetch_sub(reader->memory_bytes(), std::memory_order_relaxed);
  }
  Pin(const Pin&) = delete;
  Pin& operator=(const Pin&) = delete;

  const std::shared_ptr<Pins> pins;
  const std::shared_ptr<SstableReader> reader;
};

OpenTable TableCache::find(const TableFile& table) {
  if (const SstableReader* pinned = table.pinned()) return {pinned};
  const std::lock_guard lock(mutex_);
  const auto found = by_number_.find(table.info().number);
  if (found == by_number_.end()) return {table.pinned()};
  open_.splice(open_.begin(), open_, found->second);
  return {found->second->reader.get(), found->second->reader};
}

Result<OpenTable> TableCache::open(const TableFile& table) {
  if (OpenTable found = find(table)) return found;
  const TableInfo& info = table.info();
  const OpenMode mode = options_.direct_reads ? OpenMode::read_direct : OpenMode::read;
  KV_ASSIGN(auto reader, SstableReader::open(files_, path_of(info.number), info, blocks_, counters_,
                                             {mode, budget_}));
  OpenTable opened{reader.get(), reader};
  Slots closed;
  {
    const std::lock_guard lock(mutex_);
    // Another thread may have been faster; then its reader stays and this one goes with its user.
    if (table.pinned() == nullptr && by_number_.count(info.number) == 0) {
      if (may_pin(*reader)) {
        table.pin(reader.get(), std::make_shared<const Pin>(pins_, reader));
        opened.held = nullptr;
      } else {
        open_.push_front({info.number, reader});
        by_number_[info.number] = open_.begin();
        open_bytes_ += reader->memory_bytes();
      }
      closed = make_room();
    }
  }
  closed.clear();
  balance();
  return opened;
}

bool TableCache::may_pin(const SstableReader& reader) const {
  return pins_->tables.load() < options_.open_tables_max / 2 &&
         pins_->bytes.load() + reader.memory_bytes() <= budget_->tables_max() / 2;
}

bool TableCache::is_over() const {
  return (open_.size() + pins_->tables.load() > options_.open_tables_max &&
          !KV_PLANTED(open_any_number)) ||
         (open_bytes_ + pins_->bytes.load() > budget_->tables_max() && !KV_PLANTED(close_no_table));
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
  return open_.size() + pins_->tables.load();
}

}  // namespace kv
