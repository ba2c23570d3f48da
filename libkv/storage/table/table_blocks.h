// The blocks of one open table, read on demand: data blocks through the block cache, others past
// it. Every block is verified when it is read; one that fails makes the read fail with `corrupt`,
// file and offset: never "no such key".
//
// Immutable; any thread may read. `cache` and `counters` outlive it.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "libkv/base/environment.h"
#include "libkv/storage/table/block.h"
#include "libkv/storage/table/block_cache.h"
#include "libkv/storage/table/table_format.h"

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
  std::atomic<uint64_t> tables_opened{0}, sections_read{0};
  std::atomic<uint64_t> disk_reads{0}, disk_reads_of_gets{0}, disk_read_bytes{0};

  void add(const LookupCounts& counts);
};

enum class ReadMode {
  cached_only,  ///< Waits for no disk.
  fill_cache,
  bypass_cache,  ///< For compaction, which reads each block once.
};

class TableBlocks {
 public:
  struct Origin {
    std::shared_ptr<File> file;
    std::string path;
    uint64_t number = 0;
    uint64_t salt = 0;
    Sequence given_sequence = 0;  ///< As in TableInfo.
  };
  TableBlocks(Origin origin, BlockCache& cache, ReadCounters& counters)
      : origin_(std::move(origin)), cache_(cache), counters_(counters) {}

  /// A block that is not data. Errors: corrupt, format, io.
  Result<BlockBytes> read_meta_block(BlockHandle handle) const;
  /// The same, of what read_of() brought; nothing if that was too little, for whatever reason.
  Result<std::optional<BlockBytes>> take_meta_block(BlockHandle handle, const FileRead& read) const;

  struct DataRead {
    std::shared_ptr<const Block> block;  ///< Null: only the disk has it.
    bool from_disk = false;
    bool from_cache = false;
  };
  /// The same errors.
  Result<DataRead> read_data(BlockHandle handle, ReadMode mode) const;
  BlockCache::Key cache_key(BlockHandle handle) const { return {origin_.number, handle.offset}; }
  /// Prefetches into the processor's cache what read_data() will look at.
  void prefetch(BlockHandle handle) const { cache_.prefetch(cache_key(handle)); }

  // A block is read in two steps by a get that does not wait for it.
  /// The read that brings it. Null: it takes too long to unpack for that.
  std::shared_ptr<FileRead> read_of(BlockHandle handle) const;
  /// The data block that is in what was read, which the cache now has, too. Null: too little was
  /// read. The same errors.
  Result<std::shared_ptr<const Block>> take_read(BlockHandle handle, const FileRead& read) const;

  /// The sequence of an entry that the file says has this one.
  Sequence sequence_of(Sequence written) const {
    return origin_.given_sequence == 0 ? written : origin_.given_sequence;
  }
  Sequence given_sequence() const { return origin_.given_sequence; }
  ReadCounters& counters() const { return counters_; }
  /// With the file's name before it, and the block's offset.
  Error located(const Error& error) const { return {error.kind, origin_.path + ": " + error.what}; }
  Error located(const Error& error, BlockHandle handle) const {
    return located({error.kind, "offset " + std::to_string(handle.offset) + ": " + error.what});
  }

 private:
  Result<std::shared_ptr<const Block>> read_from_file(BlockHandle handle, ReadMode mode) const;
  void count_read(uint64_t bytes) const;
  void keep(BlockHandle handle, const std::shared_ptr<const Block>& block,
            BlockCache::Source source) const;

  const Origin origin_;
  BlockCache& cache_;
  ReadCounters& counters_;
};

}  // namespace kv
