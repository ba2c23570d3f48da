#include "libkv/storage/memory/memory_budget.h"

#include <algorithm>

#include "libkv/base/limits.h"
#include "libkv/base/planted.h"
#include "libkv/storage/engine.h"

namespace kv {

namespace {

/// One that is written, and four that wait for their flush, fill the memtables' share.
constexpr uint64_t kMemtablesInBudget = 8;
constexpr uint64_t kMemtableBytesMin = 64u << 10;
constexpr uint64_t kMemtableBytesMax = 64u << 20;
/// Who asks for less gets this: smaller ones would be full before anything is in them.
constexpr uint64_t kMemtableBytesLeast = 2u << 10;

}  // namespace

EngineOptions with_memory_shares(const EngineOptions& options) {
  EngineOptions shared = options;
  if (shared.memtable_bytes == 0)
    shared.memtable_bytes =
        std::clamp(options.memory_bytes / kMemtablesInBudget, kMemtableBytesMin, kMemtableBytesMax);
  shared.memtable_bytes = std::max(shared.memtable_bytes, kMemtableBytesLeast);
  if (shared.block_cache_bytes == 0) shared.block_cache_bytes = options.memory_bytes;
  return shared;
}

uint64_t log_forming_bytes_max(const EngineOptions& options) {
  return std::clamp<uint64_t>(options.memory_bytes / 8, limits::log_unsynced_bytes_max,
                              limits::log_forming_bytes_max);
}

uint64_t MemoryBudget::cache_max() const {
  const uint64_t others =
      KV_PLANTED(cache_alone_counts) ? 0 : used(MemoryHolder::memtables) + tables_used();
  return std::min(cache_bytes_max_, bytes_ - std::min(bytes_, others + withheld()));
}

}  // namespace kv
