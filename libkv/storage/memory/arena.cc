#include "libkv/storage/memory/arena.h"

#include <cstdlib>

#include "libkv/base/assert.h"
#include "libkv/storage/memory/huge_page.h"

namespace kv {

namespace {
constexpr size_t kSmallBlockBytes = 64 << 10;
constexpr size_t kPieceBytesMax = kSmallBlockBytes / 4;
/// Every block begins at a multiple of it. So what padding costs depends on the pieces alone, not
/// on where the system puts a block: a memtable is full after the same writes each time.
constexpr size_t kAlignmentMax = 64;
constexpr size_t kSmallPageBytes = 4096;

/// The first write to a page is what the system clears it at: all of a huge one at once.
void touch(char* block) {
  for (size_t at = 0; at < kHugePageBytes; at += kSmallPageBytes)
    *static_cast<volatile char*>(block + at) = 0;
}
}  // namespace

char* ArenaBlocks::take() {
  const std::lock_guard lock(mutex_);
  wants_ready_ = blocks_.size() <= ready_min_ && ready_min_ > 0;
  if (blocks_.empty()) return nullptr;
  char* const block = blocks_.back();
  blocks_.pop_back();
  claim_.shrink(kHugePageBytes);
  return block;
}

void ArenaBlocks::make_ready() {
  if (!wants_ready()) return;
  char* const block = new_huge_pages(1);
  touch(block);
  if (!give(block)) ::operator delete(block, kHugePageAlignment);
}

bool ArenaBlocks::give(char* block) {
  const std::lock_guard lock(mutex_);
  if (blocks_.size() >= blocks_max_) return false;
  blocks_.push_back(block);
  claim_.grow(kHugePageBytes);
  if (blocks_.size() >= ready_min_) wants_ready_ = false;
  return true;
}

void ArenaBlocks::clear() {
  const std::lock_guard lock(mutex_);
  for (char* block : blocks_) ::operator delete(block, kHugePageAlignment);
  claim_.shrink(claim_.bytes());
  blocks_.clear();
  wants_ready_ = false;
}

uint64_t ArenaBlocks::kept_bytes() {
  const std::lock_guard lock(mutex_);
  return claim_.bytes();
}

char* Arena::allocate(size_t bytes, size_t alignment) {
  KV_ASSERT(alignment <= kAlignmentMax);
  bytes = (bytes + alignof(void*) - 1) & ~(alignof(void*) - 1);
  // A large piece gets a block of its own, so that the rest of the current one is not wasted.
  if (bytes > kPieceBytesMax) {
    used_bytes_.fetch_add(bytes, std::memory_order_relaxed);
    return new_block(bytes, kAlignmentMax);
  }
  size_t padding = padding_to(alignment);
  if (padding + bytes > free_bytes_) {
    begin_block();
    padding = padding_to(alignment);
  }
  used_bytes_.fetch_add(padding + bytes, std::memory_order_relaxed);
  char* piece = free_begin_ + padding;
  free_begin_ += padding + bytes;
  free_bytes_ -= padding + bytes;
  return piece;
}

/// Small blocks until there is enough that a huge one is not mostly air; at once for a memtable
/// that will fill some: small ones would leave holes in the heap that hardly anything fits in.
void Arena::begin_block() {
  const bool huge = reserved_bytes() >= kHugePageBytes || (recycled_ && recycled_->keeps_any());
  free_bytes_ = huge ? kHugePageBytes : kSmallBlockBytes;
  free_begin_ = huge ? huge_block() : new_block(free_bytes_, kAlignmentMax);
}

char* Arena::huge_block() {
  const FreeBlock free{kHugePageAlignment, recycled_.get()};
  if (char* again = recycled_ ? recycled_->take() : nullptr)
    return keep(again, free, kHugePageBytes);
  return keep(new_huge_pages(1), free, kHugePageBytes);
}

size_t Arena::padding_to(size_t alignment) const {
  return -reinterpret_cast<uintptr_t>(free_begin_) & (alignment - 1);
}

char* Arena::new_block(size_t bytes, size_t alignment) {
  const auto align = std::align_val_t{alignment};
  return keep(static_cast<char*>(::operator new(bytes, align)), {align, nullptr}, bytes);
}

char* Arena::keep(char* block, FreeBlock free, size_t bytes) {
  blocks_.emplace_back(block, free);
  reserved_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  claim_.grow(bytes);
  return blocks_.back().get();
}

}  // namespace kv
