// What of the SSTables is in memory: the tables that are open, at most so many at a time, and their
// sections (filters and indexes), within the tables' share of the memory budget. And the block
// cache, which has what the rest of the budget leaves.
//
//   pinned      the first half of what may be there: found by pointers in the TableFile and in the
//               open table, without a lock, and there until the TableFile ends (compacted away, or
//               the engine closed)
//   in a list   the others: what was longest unused goes first (whoever still reads it keeps it)
//
// Thread-safe: one lock around the lists, not held while a file is being opened, read or closed.
#pragma once

#include <atomic>
#include <compare>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "libkv/storage/file_names.h"
#include "libkv/storage/levels/version.h"
#include "libkv/storage/memory/memory_budget.h"
#include "libkv/storage/table/sstable_reader.h"

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

  /// The section of the table where `key` would be found as of `at`; null if it is not in memory.
  /// Touches no file. What this and open() return lives as long as it and the TableFile do.
  SectionPtr find(const TableFile& table, BytesView key, Sequence at);
  /// The same, read if needed; the reads that took are added to `reads`. Errors: those of
  /// SstableReader::open and load.
  Result<SectionPtr> open(const TableFile& table, BytesView key, Sequence at, uint64_t* reads);
  // Or in two steps, by a get that does not wait for it.
  struct Place {
    std::shared_ptr<const SstableReader> reader;
    size_t section = 0;
  };
  /// Where that section is; nothing if the table is not open. Touches no file.
  std::optional<Place> place_of(const TableFile& table, BytesView key, Sequence at);
  /// What reader->read_of(section) brought; null: that was too little. The same errors.
  Result<SectionPtr> take_read(const TableFile& table, const Place& place, const FileRead& read);
  /// Opens the table, without a section of it. The same errors.
  Status open(const TableFile& table);
  /// A walk over the table. It and `table` must outlive the walk. The same errors.
  Result<std::unique_ptr<EntryIterator>> iterate(const TableFile& table, ReadMode mode);
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
  using ReaderPtr = std::shared_ptr<const SstableReader>;
  struct OpenTable {
    uint64_t number;
    ReaderPtr reader;
  };
  struct SectionName {
    uint64_t table;
    size_t section;
    auto operator<=>(const SectionName&) const = default;
  };
  struct KeptSection {
    SectionName name;
    SectionPtr section;
  };
  /// What has gone from the lists. To be let go of without the lock: that may close files.
  struct Gone {
    std::list<OpenTable> tables;
    std::list<KeptSection> sections;
  };
  /// What is pinned; outlives the cache with the last TableFile.
  struct Pins {
    std::atomic<size_t> tables{0};
    std::atomic<uint64_t> bytes{0};
  };
  struct Pin;

  ReaderPtr find_table(const TableFile& table);
  Result<ReaderPtr> open_table(const TableFile& table, uint64_t* reads);
  SectionPtr find_section(const TableFile& table, const SstableReader& reader, size_t section);
  /// `is_kept`: for later, too.
  Result<SectionPtr> open_section(const TableFile& table, const SstableReader& reader,
                                  size_t section, bool is_kept, uint64_t* reads);
  void keep(const TableFile& table, const ReaderPtr& reader);
  void keep(const TableFile& table, const SstableReader& reader, size_t number,
            const SectionPtr& section);
  bool may_pin(uint64_t bytes) const;
  bool has_too_many() const;
  bool has_too_much() const;
  void make_room(Gone& gone);
  void remove_table(std::list<OpenTable>::iterator table, Gone& gone);
  void remove_section(std::list<KeptSection>::iterator section, Gone& gone);
  void remove_sections_of(uint64_t number, Gone& gone);

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
  // Most recently used first.
  std::list<OpenTable> tables_;
  std::list<KeptSection> sections_;
  uint64_t listed_bytes_ = 0;  // Of both.
  std::unordered_map<uint64_t, std::list<OpenTable>::iterator> table_by_number_;
  std::map<SectionName, std::list<KeptSection>::iterator> section_by_name_;
};

}  // namespace kv
