#include "libkv/storage/table/table_blocks.h"

namespace kv {

void ReadCounters::add(const LookupCounts& counts) {
  const auto add = [](std::atomic<uint64_t>& to, uint64_t count) {
    if (count > 0) to.fetch_add(count, std::memory_order_relaxed);
  };
  add(cache_hits, counts.cache_hits);
  add(bloom_checks, counts.bloom_checks);
  add(bloom_negatives, counts.bloom_negatives);
  add(bloom_false_positives, counts.bloom_false_positives);
}

Result<BlockBytes> TableBlocks::read_meta_block(BlockHandle handle) const {
  auto bytes = read_stored_block(*origin_.file, origin_.path, handle, origin_.salt);
  if (bytes) count_read(stored_bytes(handle));
  return bytes;
}

Result<TableBlocks::DataRead> TableBlocks::read_data(BlockHandle handle, ReadMode mode) const {
  if (mode != ReadMode::bypass_cache) {
    if (auto cached = cache_.find(cache_key(handle)))
      return DataRead{std::move(cached), false, true};
  }
  KV_ASSIGN(auto block, read_from_file(handle, mode));
  if (block == nullptr) return DataRead{};
  if (mode != ReadMode::bypass_cache)
    keep(handle, block,
         mode == ReadMode::cached_only ? BlockCache::Source::page_cache : BlockCache::Source::disk);
  return DataRead{std::move(block), mode != ReadMode::cached_only};
}

Result<std::shared_ptr<const Block>> TableBlocks::read_from_file(BlockHandle handle,
                                                                 ReadMode mode) const {
  std::shared_ptr<const Block> block;
  if (mode != ReadMode::cached_only) {
    KV_ASSIGN(BlockBytes bytes,
              read_stored_block(*origin_.file, origin_.path, handle, origin_.salt));
    block = std::make_shared<const Block>(std::move(bytes));
    if (mode != ReadMode::bypass_cache) count_read(stored_bytes(handle));
  } else if (handle.payload_bytes <= kReadAtOnceBytesMax) {
    KV_ASSIGN(auto bytes, read_cached_block(*origin_.file, origin_.path, handle, origin_.salt));
    if (bytes) block = std::make_shared<const Block>(std::move(*bytes));
  }
  return block;
}

void TableBlocks::keep(BlockHandle handle, const std::shared_ptr<const Block>& block,
                       BlockCache::Source source) const {
  counters_.cache_misses.fetch_add(1, std::memory_order_relaxed);
  cache_.insert(cache_key(handle), block, source);
}

std::shared_ptr<FileRead> TableBlocks::read_of(BlockHandle handle) const {
  if (handle.payload_bytes > kReadAtOnceBytesMax) return nullptr;
  auto read = std::make_shared<FileRead>();
  read->file = origin_.file;
  read->offset = handle.offset;
  read->length = stored_bytes(handle);
  return read;
}

Result<std::optional<BlockBytes>> TableBlocks::take_meta_block(BlockHandle handle,
                                                               const FileRead& read) const {
  if (!read.bytes) return fail(unreadable(origin_.path, handle.offset, read.bytes.error()));
  if (read.bytes->size() != stored_bytes(handle)) return std::optional<BlockBytes>();
  KV_ASSIGN(BlockBytes bytes,
            open_read_block(read.bytes->view(), origin_.path, handle, origin_.salt));
  count_read(stored_bytes(handle));
  counters_.disk_reads_of_gets.fetch_add(1, std::memory_order_relaxed);
  return std::optional<BlockBytes>(std::move(bytes));
}

Result<std::shared_ptr<const Block>> TableBlocks::take_read(BlockHandle handle,
                                                            const FileRead& read) const {
  KV_ASSIGN(auto bytes, take_meta_block(handle, read));
  if (!bytes) return nullptr;
  auto opened = std::make_shared<const Block>(std::move(*bytes));
  keep(handle, opened, BlockCache::Source::disk);
  return opened;
}

void TableBlocks::count_read(uint64_t bytes) const {
  counters_.disk_reads.fetch_add(1, std::memory_order_relaxed);
  counters_.disk_read_bytes.fetch_add(bytes, std::memory_order_relaxed);
}

}  // namespace kv
