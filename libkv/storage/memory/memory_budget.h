// The one memory budget of an engine, from which everything lives that grows with its data:
//
//   | memtables, up to 5/8      | filters and indexes  | block cache:   |
//   | then writers are answered | of tables, 1/4, then | what the       |
//   | busy                      | sections give way    | others leave   |
//
// Who holds memory claims it here, and the cache has what is left: it grows into what nobody uses
// and gives way as the others grow (TableCache::balance()). Memtables and tables are measured by
// what their bytes take from the system, also while a reader alone still keeps them.
//
// Filters and indexes come and go by sections (table_section.h), the longest unused first. They are
// a fiftieth of the data, so that a quarter of the budget serves a store of twelve times the budget
// with one read a get; beyond that a get may have to read a section first.
//
// Where what stands beside the budget takes more than its place, the cache gives way to that, too
// (withhold()).
//
// Beside the budget stand: free pieces and slabs of what blocks, filters and indexes are cut from
// (block_pool.h: as much as these have, at worst, until trim()), log records on their way to the
// disk and the room that they had, what a batch takes in the memtable before the cache has given
// way, the one memtable that is written while another waits, one section larger than the tables'
// share, sections that gets and walks hold when they have given way, blocks whose values somebody
// still reads, memtables that an old snapshot keeps while writes go on, what the log replays of a
// time of a larger budget, two of its segments while it is replayed, the page and the group that
// the log writes through (log_tail.h), and the blocks that are on their way from the disk.
//
// Thread-safe. Held by shared_ptr: a value that was handed out keeps its memtable, which may
// outlive the engine.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace kv {

struct EngineOptions;

/// `options` with memtable_bytes and block_cache_bytes set where they were to follow from
/// memory_bytes.
EngineOptions with_memory_shares(const EngineOptions& options);

/// What the log's records may have that wait for the disk: it stands beside the budget, and so must
/// not be much against a small one.
uint64_t log_forming_bytes_max(const EngineOptions& options);

enum class MemoryHolder { memtables, filters, indexes };

class MemoryBudget {
 public:
  /// The cache has no more than `cache_bytes_max`, however much is left.
  MemoryBudget(uint64_t bytes, uint64_t cache_bytes_max)
      : bytes_(bytes), cache_bytes_max_(cache_bytes_max) {}

  uint64_t bytes() const { return bytes_; }
  uint64_t used(MemoryHolder holder) const {
    return used_[static_cast<size_t>(holder)].load(std::memory_order_relaxed);
  }
  uint64_t tables_used() const { return used(MemoryHolder::filters) + used(MemoryHolder::indexes); }

  uint64_t memtables_max() const { return bytes_ / 8 * 5; }
  uint64_t tables_max() const { return bytes_ / 4; }
  /// The cache does without so much, from its next balance on. Any thread.
  void withhold(uint64_t bytes) { withheld_.store(bytes, std::memory_order_relaxed); }
  uint64_t withheld() const { return withheld_.load(std::memory_order_relaxed); }
  /// What the block cache may hold now.
  uint64_t cache_max() const;

 private:
  friend class MemoryClaim;
  std::atomic<uint64_t>& counter(MemoryHolder holder) { return used_[static_cast<size_t>(holder)]; }

  const uint64_t bytes_;
  const uint64_t cache_bytes_max_;
  std::array<std::atomic<uint64_t>, 3> used_{};
  std::atomic<uint64_t> withheld_{0};
};

/// What one holder has of a budget; given back by its destructor. Without a budget it counts
/// nothing. One thread's.
class MemoryClaim {
 public:
  MemoryClaim(std::shared_ptr<MemoryBudget> budget, MemoryHolder holder)
      : budget_(std::move(budget)), holder_(holder) {}
  ~MemoryClaim() {
    if (budget_ != nullptr) budget_->counter(holder_).fetch_sub(bytes_, std::memory_order_relaxed);
  }
  MemoryClaim(const MemoryClaim&) = delete;
  MemoryClaim& operator=(const MemoryClaim&) = delete;

  void grow(uint64_t bytes) {
    bytes_ += bytes;
    if (budget_ != nullptr) budget_->counter(holder_).fetch_add(bytes, std::memory_order_relaxed);
  }
  void shrink(uint64_t bytes) {
    bytes_ -= bytes;
    if (budget_ != nullptr) budget_->counter(holder_).fetch_sub(bytes, std::memory_order_relaxed);
  }
  uint64_t bytes() const { return bytes_; }

 private:
  const std::shared_ptr<MemoryBudget> budget_;
  const MemoryHolder holder_;
  uint64_t bytes_ = 0;
};

}  // namespace kv
