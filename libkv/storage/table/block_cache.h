// Blocks kept in memory after they were read and verified, by (table, offset). Two queues, first in
// first out (after S3-FIFO: Yang et al., "FIFO Queues are All You Need for Cache Eviction", 2023):
//
//   read ──▶ newcomers (a tenth) ──asked for again──▶ main ──▶ out, or round again if it was
//                 └─ not asked for ─▶ out, its name kept a while: should it come back, to main
//
// So a scan, which asks for each block once, pushes out no block that is really in use; and a hit
// only counts: it moves nothing. A shard finds its blocks in one flat table.
//
// A block that the system's page cache had costs little to read again, and pushing another one out
// for it costs about as much: where there is no room it leaves only its name at first, and comes to
// main when it is read again while that is known.
//
// Thread-safe: readers on several threads share it, so each shard has a lock, held for a look-up.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "libkv/storage/table/block.h"
#include "libkv/storage/table/ghost_names.h"

namespace kv {

class BlockCache {
 public:
  struct Key {
    uint64_t table = 0;  ///< From 1.
    uint64_t offset = 0;
    friend bool operator==(const Key&, const Key&) = default;
  };

  explicit BlockCache(uint64_t capacity_bytes);

  /// From now on it holds no more than `capacity_bytes`; what is beyond goes at once.
  void resize(uint64_t capacity_bytes);
  uint64_t capacity_bytes() const { return shard_capacity_.load() * kShards; }
  /// What capacity_bytes() says after resize(bytes): the same for all shards.
  static uint64_t capacity_for(uint64_t bytes) { return bytes / kShards * kShards; }

  std::shared_ptr<const Block> find(Key key);
  /// Prefetches what find() will look at.
  void prefetch(Key key);
  /// Whether somebody waited for the block, maybe for the disk; or the system had it at once.
  enum class Source { disk, page_cache };
  void insert(Key key, std::shared_ptr<const Block> block, Source source);
  uint64_t memory_bytes() const;

 private:
  class Shard {
   public:
    void prefetch(uint64_t hash);
    std::shared_ptr<const Block> find(Key key, uint64_t hash);
    void insert(Key key, uint64_t hash, std::shared_ptr<const Block> block, Source source,
                const std::atomic<uint64_t>& capacity);
    void resize(uint64_t capacity);
    uint64_t memory_bytes() const;

   private:
    struct Slot {
      Key key;  // Table 0: free.
      std::shared_ptr<const Block> block;
      uint32_t bytes = 0;
      uint8_t asked = 0;
    };
    Slot* slot_of(Key key, uint64_t hash);
    void grow();
    void make_room(uint64_t capacity);
    bool newcomers_are_next(uint64_t capacity) const;
    void prefetch_victims(uint64_t capacity);
    void pass_newcomer();
    void pass_main();
    void remove(Slot* slot);

    mutable std::mutex mutex_;
    std::vector<Slot> slots_;  // Open addressing, linear; a power of two.
    size_t used_ = 0;
    std::deque<Key> newcomers_, main_;  // The oldest in front.
    uint64_t newcomer_bytes_ = 0, main_bytes_ = 0;
    GhostNames gone_;  // Of blocks that were asked for once.
  };
  static constexpr size_t kShards = 16;

  std::atomic<uint64_t> shard_capacity_;
  std::array<Shard, kShards> shards_;
};

}  // namespace kv
