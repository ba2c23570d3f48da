// A Bloom filter whose probes of one key all fall into one cache line (Putze, Sanders, Singler,
// "Cache-, Hash- and Space-Efficient Bloom Filters", 2007). No false negatives.
//
//   bytes := kind (u8 = 1) | probes (u8) | 0 (u16) | lines (u32) | lines × 64 bytes
// On disk: never change; another layout gets another kind, and readers take an unknown kind for
// "may contain". Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "libkv/base/bytes.h"
#include "libkv/storage/memory/block_pool.h"

namespace kv {

/// Collects keys and builds the filter's bytes.
class BloomFilterBuilder {
 public:
  explicit BloomFilterBuilder(uint32_t bits_per_key) : bits_per_key_(bits_per_key) {}
  void add(uint64_t key_hash);
  /// The filter's bytes; the builder is empty afterwards.
  std::string finish();

 private:
  const uint32_t bits_per_key_;
  std::vector<uint64_t> hashes_;
};

/// The hash by which filters, and the blocks' own indexes, know a key. On disk: never change.
uint64_t key_hash(BytesView key);
/// What a filter's header says; nothing if its kind is unknown or its length does not fit.
struct BloomShape {
  uint32_t probes = 0;
  uint32_t lines = 0;
};
std::optional<BloomShape> bloom_shape(BytesView filter);
/// False only if the key was never added. Hostile `filter` bytes give true.
bool bloom_may_contain(BytesView filter, uint64_t key_hash);

/// A filter in memory, its lines where the processor's begin. Immutable; any thread may read.
class BloomFilter {
 public:
  BloomFilter() = default;
  /// `bytes` need not be a filter: then it may contain everything.
  explicit BloomFilter(BytesView bytes);

  /// Prefetches what may_contain() will look at.
  void prefetch(uint64_t key_hash) const;
  bool may_contain(uint64_t key_hash) const;
  size_t memory_bytes() const;

 private:
  struct alignas(64) Line {
    char bytes[64];
  };
  BloomShape shape_;
  PoolVector<Line> lines_;
};

}  // namespace kv
