// Blocks kept in memory after they were read and verified, by (table, offset). Each shard has two
// lists: a block enters the first, and moves to the second when it is asked for again, so that a
// scan, which asks for each block once, pushes out no block that is really in use (after 2Q:
// Johnson, Shasha, 1994).
//
// Thread-safe: readers on several threads share it, so each shard has a lock, held for a look-up.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "libkv/storage/block.h"

namespace kv {

class BlockCache {
 public:
  struct Key {
    uint64_t table;
    uint64_t offset;
    friend bool operator==(const Key&, const Key&) = default;
  };

  explicit BlockCache(uint64_t capacity_bytes);

  std::shared_ptr<const Block> find(Key key);
  void insert(Key key, std::shared_ptr<const Block> block);
  uint64_t memory_bytes() const;

 private:
  struct KeyHash {
    size_t operator()(const Key& key) const;
  };
  struct Slot {
    Key key;
    std::shared_ptr<const Block> block;
    size_t bytes;
    bool is_protected;
  };
  using List = std::list<Slot>;  // Most recently used first.
  struct Shard {
    mutable std::mutex mutex;
    List probation, protected_list;
    uint64_t probation_bytes = 0, protected_bytes = 0;
    std::unordered_map<Key, List::iterator, KeyHash> by_key;
  };
  static constexpr size_t kShards = 16;

  Shard& shard_of(Key key);
  void protect(Shard& shard, List::iterator slot) const;
  void evict(Shard& shard) const;

  const uint64_t shard_capacity_;
  std::array<Shard, kShards> shards_;
};

}  // namespace kv
