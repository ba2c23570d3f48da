#include "libkv/storage/table/table_section.h"

#include <utility>

namespace kv {

Result<std::shared_ptr<const TableSection>> TableSection::parse(
    std::shared_ptr<const TableBlocks> blocks, BytesView filter, BytesView index,
    const std::shared_ptr<MemoryBudget>& budget) {
  auto parsed = TableIndex::parse(std::make_shared<const Block>(index));
  if (!parsed) return fail(parsed.error());
  if (parsed->blocks() == 0) return fail(ErrorKind::corrupt, "a section has no blocks");
  blocks->counters().sections_read.fetch_add(1, std::memory_order_relaxed);
  return std::shared_ptr<const TableSection>(
      new TableSection(std::move(blocks), filter, std::move(*parsed), budget));
}

TableSection::TableSection(std::shared_ptr<const TableBlocks> blocks, BytesView filter,
                           TableIndex index, const std::shared_ptr<MemoryBudget>& budget)
    : index_(std::move(index)),
      filter_(filter),
      blocks_(std::move(blocks)),
      filter_claim_(budget, MemoryHolder::filters),
      index_claim_(budget, MemoryHolder::indexes) {
  filter_claim_.grow(filter_.memory_bytes());
  index_claim_.grow(sizeof(*this) - sizeof(index_) + index_.memory_bytes());
}

bool TableSection::may_hold(uint64_t key_hash, LookupCounts& counts) const {
  ++counts.bloom_checks;
  if (filter_.may_contain(key_hash)) return true;
  ++counts.bloom_negatives;
  return false;
}

Result<std::shared_ptr<const Block>> TableSection::cached_block(size_t block,
                                                                LookupCounts& counts) const {
  KV_ASSIGN(TableBlocks::DataRead read, read_block(block, ReadMode::cached_only));
  counts.cache_hits += read.from_cache;
  return std::move(read.block);
}

Result<TableLookup> TableSection::find_in(const std::shared_ptr<const Block>& block,
                                          const TableKey& key, LookupCounts& counts) const {
  TableLookup lookup;
  bool corrupt = false;
  const auto entry = block->find(key.key, key.hash, key.at, &corrupt);
  if (corrupt) return fail(blocks_->located({ErrorKind::corrupt, "a block does not parse"}));
  if (!entry) {
    ++counts.bloom_false_positives;
    return lookup;
  }
  lookup.outcome = TableLookup::Outcome::found;
  lookup.sequence = blocks_->sequence_of(entry->sequence);
  lookup.kind = entry->kind;
  lookup.value = SharedBytes(block, entry->value);
  return lookup;
}

Result<TableLookup> TableSection::find(const TableKey& key, ReadMode mode,
                                       LookupCounts& counts) const {
  TableLookup lookup;
  if (!may_hold(key.hash, counts)) return lookup;
  const size_t block = block_for(key.key, key.at);
  if (block == blocks()) {
    ++counts.bloom_false_positives;
    return lookup;
  }
  KV_ASSIGN(const TableBlocks::DataRead read, read_block(block, mode));
  counts.cache_hits += read.from_cache;
  if (read.block == nullptr) {
    lookup.outcome = TableLookup::Outcome::needs_disk;
    lookup.block = block;
    return lookup;
  }
  KV_ASSIGN(lookup, find_in(read.block, key, counts));
  lookup.from_disk = read.from_disk;
  return lookup;
}

}  // namespace kv
