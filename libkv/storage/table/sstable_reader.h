// An open SSTable: its index and filter in memory, its data blocks read on demand through the block
// cache. Every block is verified when it is read; one that fails makes the read fail with
// `corrupt`, file and offset: never "no such key".
//
// Immutable once open; any thread may read. Iterators are one thread's and hold the reader.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "libkv/base/environment.h"
#include "libkv/storage/memory/memory_budget.h"
#include "libkv/storage/table/block.h"
#include "libkv/storage/table/block_cache.h"
#include "libkv/storage/table/bloom_filter.h"
#include "libkv/storage/table/table_format.h"
#include "libkv/storage/table/table_index.h"

namespace kv {

/// What one look-up met. It joins the counters when there is an answer: what stops for the disk may
/// begin anew, and would count twice.
struct LookupCounts {
  uint64_t cache_hits = 0;
  uint64_t bloom_checks = 0, bloom_negatives = 0, bloom_false_positives = 0;
};

/// Counted by readers on any thread.
struct ReadCounters {
  std::atomic<uint64_t> gets{0}, memtable_hits{0}, cache_hits{0}, cache_misses{0};
  std::atomic<uint64_t> bloom_checks{0}, bloom_negatives{0}, bloom_false_positives{0};
  std::atomic<uint64_t> tables_opened{0};
  std::atomic<uint64_t> disk_reads{0}, disk_reads_of_gets{0}, disk_read_bytes{0};

  void add(const LookupCounts& counts);
};

enum class ReadMode {
  cached_only,  ///< Waits for no disk.
  fill_cache,
  bypass_cache,  ///< For compaction, which reads each block once.
};

/// What is looked for, and its hash by which filters and blocks know it.
struct TableKey {
  BytesView key;
  uint64_t hash = 0;
  Sequence at = kNewest;
};

struct TableLookup {
  enum class Outcome { absent, found, needs_disk };
  Outcome outcome = Outcome::absent;
  size_t block = 0;  ///< Where it needs the disk: for this one.
  Sequence sequence = 0;
  EntryKind kind = EntryKind::value;
  SharedBytes value;
  bool from_disk = false;
};

/// How many reads open() takes: footer, filter, index.
inline constexpr uint64_t kReadsToOpenTable = 3;

class SstableReader : public std::enable_shared_from_this<SstableReader> {
 public:
  struct Options {
    OpenMode mode = OpenMode::read;
    std::shared_ptr<MemoryBudget> budget = nullptr;  ///< Filter and index are claimed of it.
  };
  /// `cache` and `counters` outlive it. Errors: corrupt (footer, index or filter, or it is not the
  /// table that `info` speaks of), format, io.
  static Result<std::shared_ptr<SstableReader>> open(FileSystem& files, const std::string& path,
                                                     const TableInfo& info, BlockCache& cache,
                                                     ReadCounters& counters,
                                                     const Options& options);

  /// The newest version of a key at or below a sequence. Errors: corrupt, io.
  Result<TableLookup> find(const TableKey& key, ReadMode mode, LookupCounts& counts) const;

  // The steps of find(), for who takes them for many keys at once. What is `expect`ed is fetched
  // into the processor's cache meanwhile.
  void expect_filter(uint64_t key_hash) const;
  bool may_hold(uint64_t key_hash, LookupCounts& counts) const;
  size_t blocks() const { return index_.blocks(); }
  /// The block that holds the first version of `key` at or below `at`, if any does; or blocks().
  size_t block_for(BytesView key, Sequence at) const { return index_.find(key, at); }
  void expect_block(size_t block) const;
  /// Null: only the disk has it. Errors: corrupt, io.
  Result<std::shared_ptr<const Block>> cached_block(size_t block, LookupCounts& counts) const;
  /// Errors: corrupt.
  Result<TableLookup> find_in(const std::shared_ptr<const Block>& block, const TableKey& key,
                              LookupCounts& counts) const;

  // A block is read in two steps by a get that does not wait for it.
  /// The read that brings it. Null: it takes too long to unpack for that.
  std::shared_ptr<FileRead> read_of(size_t block) const;
  /// The block that is in what was read, which the cache now has, too. Null: too little was read,
  /// for whatever reason. Errors: corrupt, format, io.
  Result<std::shared_ptr<const Block>> take_read(size_t block, const FileRead& read) const;
  BlockCache::Key cache_key(size_t block) const { return {number_, index_.handle(block).offset}; }

  std::unique_ptr<EntryIterator> iterator(ReadMode mode) const;

  /// Of index and filter.
  uint64_t memory_bytes() const { return filter_claim_.bytes() + index_claim_.bytes(); }

 private:
  friend class SstableIterator;
  struct BlockRead {
    std::shared_ptr<const Block> block;  ///< Null: only the disk has it.
    bool from_disk = false;
    bool from_cache = false;
  };
  SstableReader(BlockCache& cache, ReadCounters& counters, const Options& options)
      : cache_(cache),
        counters_(counters),
        filter_claim_(options.budget, MemoryHolder::filters),
        index_claim_(options.budget, MemoryHolder::indexes) {}
  Status load(const TableInfo& info);
  Result<BlockRead> read_block(BlockHandle handle, ReadMode mode) const;
  Result<std::shared_ptr<const Block>> read_from_file(BlockHandle handle, ReadMode mode) const;
  void count_reads(uint64_t reads, uint64_t bytes) const;
  void keep(BlockCache::Key key, const std::shared_ptr<const Block>& block,
            BlockCache::Source source) const;
  /// `status` with the file's name before it.
  Error located(const Error& error) const;

  BlockCache& cache_;
  ReadCounters& counters_;
  std::string path_;
  std::shared_ptr<File> file_;
  uint64_t number_ = 0;
  uint64_t salt_ = 0;
  Sequence given_sequence_ = 0;
  TableIndex index_;
  BloomFilter filter_;
  MemoryClaim filter_claim_, index_claim_;
};

}  // namespace kv
