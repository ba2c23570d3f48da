// Memory handed out in order and freed all at once: what a memtable's entries live in. One thread
// allocates; any thread may read what was published to it and ask for reserved_bytes().
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "libkv/storage/memory_budget.h"

namespace kv {

class Arena {
 public:
  /// Claims what it reserves as a memtable's part of `budget`, if there is one.
  explicit Arena(std::shared_ptr<MemoryBudget> budget = nullptr)
      : claim_(std::move(budget), MemoryHolder::memtables) {}
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
    void operator()(char* block) const { ::operator delete(block, alignment); }
  };

  char* new_block(size_t bytes, size_t alignment);
  void begin_block();
  size_t padding_to(size_t alignment) const;

  MemoryClaim claim_;
  std::vector<std::unique_ptr<char, FreeBlock>> blocks_;
  char* free_begin_ = nullptr;
  size_t free_bytes_ = 0;
  std::atomic<size_t> reserved_bytes_{0};
  std::atomic<size_t> used_bytes_{0};
};

}  // namespace kv
