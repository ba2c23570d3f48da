// Memory handed out in order and freed all at once: what a memtable's entries live in. One thread
// allocates; any thread may read what was published to it and ask for reserved_bytes().
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

#include "libkv/storage/memory/memory_budget.h"

namespace kv {

/// Large blocks for arenas to come, of those that are gone or made ready ahead: the system takes
/// milliseconds to give a block, cleared, which the loop would wait for. Thread-safe.
class ArenaBlocks {
 public:
  /// Keeps so many, and claims them of `budget`, if not null.
  explicit ArenaBlocks(size_t blocks_max, std::shared_ptr<MemoryBudget> budget = nullptr)
      : blocks_max_(blocks_max),
        ready_min_(std::min(kReady, blocks_max)),
        budget_(std::move(budget)),
        claim_(budget_, MemoryHolder::memtables) {}
  ~ArenaBlocks() { clear(); }
  ArenaBlocks(const ArenaBlocks&) = delete;
  ArenaBlocks& operator=(const ArenaBlocks&) = delete;

  /// A block that was given, or null. It holds whatever it held.
  char* take();
  /// False if there are enough: it stays the caller's.
  bool give(char* block);
  /// Gives all of them back to the system.
  void clear();

  /// Blocks are being taken and hardly any is left: somebody should make some ready.
  bool wants_ready() const { return wants_ready_.load(std::memory_order_relaxed); }
  /// Takes a block from the system and has it cleared, if one is wanted.
  void make_ready();

  /// Arenas that use it are to be as large as a block or more.
  bool keeps_any() const { return blocks_max_ > 0; }
  /// What it keeps.
  uint64_t kept_bytes();
  const std::shared_ptr<MemoryBudget>& budget() const { return budget_; }

 private:
  /// So many shall be there while blocks are taken: some 50,000 small writes.
  static constexpr size_t kReady = 4;

  const size_t blocks_max_, ready_min_;
  const std::shared_ptr<MemoryBudget> budget_;
  std::atomic<bool> wants_ready_ = false;
  MemoryClaim claim_;
  std::mutex mutex_;  // The loop takes; whoever lets go of a memtable last gives.
  std::vector<char*> blocks_;
};

class Arena {
 public:
  /// Claims what it reserves as a memtable's part of the budget of `recycled`, if not null. Large
  /// blocks come from there, if it has any, and go back there.
  explicit Arena(std::shared_ptr<ArenaBlocks> recycled = nullptr)
      : claim_(recycled != nullptr ? recycled->budget() : nullptr, MemoryHolder::memtables),
        recycled_(std::move(recycled)) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  /// `bytes` of memory aligned for pointers, valid as long as the arena; a power of two up to 64
  /// may be asked for as another `alignment`.
  char* allocate(size_t bytes, size_t alignment = alignof(void*));
  /// Memory taken from the system, including what is not handed out yet.
  size_t reserved_bytes() const { return reserved_bytes_.load(std::memory_order_relaxed); }
  /// Memory handed out.
  size_t used_bytes() const { return used_bytes_.load(std::memory_order_relaxed); }

 private:
  struct FreeBlock {
    std::align_val_t alignment;
    ArenaBlocks* recycled;
    void operator()(char* block) const {
      if (recycled == nullptr || !recycled->give(block)) ::operator delete(block, alignment);
    }
  };

  char* huge_block();
  char* keep(char* block, FreeBlock free, size_t bytes);
  char* new_block(size_t bytes, size_t alignment);
  void begin_block();
  size_t padding_to(size_t alignment) const;

  MemoryClaim claim_;
  const std::shared_ptr<ArenaBlocks> recycled_;
  std::vector<std::unique_ptr<char, FreeBlock>> blocks_;
  char* free_begin_ = nullptr;
  size_t free_bytes_ = 0;
  std::atomic<size_t> reserved_bytes_{0};
  std::atomic<size_t> used_bytes_{0};
};

}  // namespace kv
