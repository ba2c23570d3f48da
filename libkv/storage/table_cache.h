// The SSTables that are open: at most so many at a time, and their filters and indexes within the
// tables' share of the memory budget. The one longest unused is closed first (whoever still reads
// it keeps it). And the block cache, which has what the rest of the budget leaves.
//
// Thread-safe: one lock around the list, not held while a file is being opened or closed.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "libkv/storage/memory_budget.h"
#include "libkv/storage/sstable_reader.h"

namespace kv {

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
  Result<std::shared_ptr<SstableReader>> open(const TableInfo& info);
  /// The table if it is open, else null. Touches no file.
  std::shared_ptr<SstableReader> find(uint64_t number);
  void forget(uint64_t number);

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
  bool is_over() const;
  /// Takes those out that are too many.
  Slots make_room();

  FileSystem& files_;
  const std::string directory_;
  const std::shared_ptr<MemoryBudget> budget_;
  const Options options_;
  BlockCache blocks_;
  ReadCounters counters_;
  std::mutex balance_mutex_;  // So that who balances last knows all that was claimed.
  std::mutex mutex_;
  Slots open_;               // Most recently used first.
  uint64_t open_bytes_ = 0;  // Of their filters and indexes.
  std::unordered_map<uint64_t, Slots::iterator> by_number_;
};

}  // namespace kv
