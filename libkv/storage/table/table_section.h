// A section of an open table in memory: index and filter of some hundreds of its data blocks. What
// is to be known of a table before a block is read comes and goes by sections, so that a get of a
// store whose filters and indexes have no room in memory takes one small read more, whatever the
// table's size.
//
// Immutable; any thread may read. It keeps the file open.
#pragma once

#include <memory>

#include "libkv/storage/memory/memory_budget.h"
#include "libkv/storage/table/bloom_filter.h"
#include "libkv/storage/table/table_blocks.h"
#include "libkv/storage/table/table_index.h"

namespace kv {

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

class TableSection {
 public:
  /// `filter` and `index`: their bytes. What they take is claimed of `budget`, if there is one.
  /// Errors: corrupt (the index does not parse, or is empty), without the place.
  static Result<std::shared_ptr<const TableSection>> parse(
      std::shared_ptr<const TableBlocks> blocks, BytesView filter, BytesView index,
      const std::shared_ptr<MemoryBudget>& budget);

  /// The newest version of a key at or below a sequence. Errors: corrupt, io.
  Result<TableLookup> find(const TableKey& key, ReadMode mode, LookupCounts& counts) const;

  // The steps of find(), for who takes them for many keys at once. What is prefetched comes
  // into the processor's cache meanwhile. Blocks are numbered from 0 within the section.
  void prefetch_filter(uint64_t key_hash) const { filter_.prefetch(key_hash); }
  bool may_hold(uint64_t key_hash, LookupCounts& counts) const;
  size_t blocks() const { return index_.blocks(); }
  /// The block that holds the first version of `key` at or below `at`, if any does; or blocks().
  size_t block_for(BytesView key, Sequence at) const { return index_.find(key, at); }
  void prefetch_block(size_t block) const { blocks_->prefetch(index_.handle(block)); }
  /// Null: only the disk has it. Errors: corrupt, io.
  Result<std::shared_ptr<const Block>> cached_block(size_t block, LookupCounts& counts) const;
  /// Errors: corrupt.
  Result<TableLookup> find_in(const std::shared_ptr<const Block>& block, const TableKey& key,
                              LookupCounts& counts) const;

  // As TableBlocks has them.
  Result<TableBlocks::DataRead> read_block(size_t block, ReadMode mode) const {
    return blocks_->read_data(index_.handle(block), mode);
  }
  std::shared_ptr<FileRead> read_of(size_t block) const {
    return blocks_->read_of(index_.handle(block));
  }
  Result<std::shared_ptr<const Block>> take_read(size_t block, const FileRead& read) const {
    return blocks_->take_read(index_.handle(block), read);
  }
  BlockCache::Key cache_key(size_t block) const { return blocks_->cache_key(index_.handle(block)); }

  uint64_t memory_bytes() const { return filter_claim_.bytes() + index_claim_.bytes(); }

 private:
  TableSection(std::shared_ptr<const TableBlocks> blocks, BytesView filter, TableIndex index,
               const std::shared_ptr<MemoryBudget>& budget);

  const TableIndex index_;
  const BloomFilter filter_;
  const std::shared_ptr<const TableBlocks> blocks_;
  MemoryClaim filter_claim_, index_claim_;
};

}  // namespace kv
