// The SSTables that are open: at most so many at a time, and their filters and indexes within the
// tables' share of the memory budget. And the block cache, which has what the rest of the budget
// leaves.
//
//   pinned      the first half of what may be open: found by a pointer in the TableFile, without
//               a lock, and open until that ends (compacted away, or the engine closed)
//   in a list   the others: the one longest unused is closed first (whoever still reads it keeps
//               it)
//
// Thread-safe: one lock around the list, not held while a file is being opened or closed.
#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "libkv/storage/levels/version.h"
#include "libkv/storage/memory/memory_budget.h"
#include "libkv/storage/table/sstable_reader.h"

namespace kv {

/// An open table, or none. It stays open as long as this and the TableFile live.
struct OpenTable {
  const SstableReader* reader = nullptr;
  std::shared_ptr<const SstableReader> held = nullptr;  ///< Null if it is pinned.

  explicit operator bool() const { return reader != nullptr; }
  const SstableReader* operator->() const { return reader; }
};

class TableCache {
 public:
  struct Options {
    size_t open_tables_max = 0;
    bool direct_reads = false;
  };
  TableCache(FileSystem& files, std::string directory, std::shared_ptr<MemoryBudget> budget,
             const Options& options)
      : files_(files),
        directory_(std::move(directory)),
        budget_(std::move(budget)),
        options_(options),
        blocks_(budget_->cache_max()) {}

  /// The table, opened if needed. Errors: those of SstableReader::open.
  Result<OpenTable> open(const TableFile& table);
  /// The table if it is open. Touches no file.
  OpenTable find(const TableFile& table);
  void forget(uint64_t number);

  /// The engine closes: a get that waits for its turn on a lane need not open tables any more.
  void give_up_gets() { gets_given_up_.store(true, std::memory_order_relaxed); }
  bool gets_are_given_up() const { return gets_given_up_.load(std::memory_order_relaxed); }

  /// Gives the block cache what the others leave of the budget. To be called when they have grown:
  /// open() does it for the tables.
  void balance();

  std::string path_of(uint64_t number) const { return directory_ + "/" + table_file_name(number); }
  ReadCounters& counters() { return counters_; }
  FileSystem& files() { return files_; }
  const std::shared_ptr<MemoryBudget>& budget() const { return budget_; }
  uint64_t block_cache_bytes() const { return blocks_.memory_bytes(); }
  size_t open_tables();

 private:
  struct Slot {
    uint64_t number;
    std::shared_ptr<SstableReader> reader;
  };
  using Slots = std::list<Slot>;
  /// What is pinned; outlives the cache with the last TableFile.
  struct Pins {
    std::atomic<size_t> tables{0};
    std::atomic<uint64_t> bytes{0};
  };
  struct Pin;
  bool may_pin(const SstableReader& reader) const;
  bool is_over() const;
  /// Takes those out that are too many.
  Slots make_room();

  FileSystem& files_;
  const std::string directory_;
  const std::shared_ptr<MemoryBudget> budget_;
  const Options options_;
  BlockCache blocks_;
  ReadCounters counters_;
  std::atomic<bool> gets_given_up_{false};
  std::mutex balance_mutex_;  // So that who balances last knows all that was claimed.
  std::mutex mutex_;
  const std::shared_ptr<Pins> pins_ = std::make_shared<Pins>();
  Slots open_;               // Most recently used first.
  uint64_t open_bytes_ = 0;  // Of their filters and indexes.
  std::unordered_map<uint64_t, Slots::iterator> by_number_;
};

}  // namespace kv
