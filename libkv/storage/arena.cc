#include "libkv/storage/arena.h"

#include <cstdlib>

#include <sys/mman.h>

#include "libkv/base/assert.h"

namespace kv {

namespace {
constexpr size_t kSmallBlockBytes = 64 << 10;
constexpr size_t kPieceBytesMax = kSmallBlockBytes / 4;
/// What the kernel may back with one page: one fault to clear it all, and one entry of the
/// translation buffers for what otherwise takes 512.
constexpr size_t kHugeBlockBytes = 2 << 20;
/// Every block begins at a multiple of it. So what padding costs depends on the pieces alone, not
/// on where the system puts a block: a memtable is full after the same writes each time.
constexpr size_t kAlignmentMax = 64;
}  // namespace

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

/// Small blocks until there is enough that a huge one is not mostly air.
void Arena::begin_block() {
  const bool huge = reserved_bytes() >= kHugeBlockBytes;
  free_bytes_ = huge ? kHugeBlockBytes : kSmallBlockBytes;
  free_begin_ = new_block(free_bytes_, huge ? kHugeBlockBytes : kAlignmentMax);
#ifdef MADV_HUGEPAGE
  // A wish: the memory is as good without.
  if (huge) static_cast<void>(madvise(free_begin_, free_bytes_, MADV_HUGEPAGE));
#endif
}

size_t Arena::padding_to(size_t alignment) const {
  return -reinterpret_cast<uintptr_t>(free_begin_) & (alignment - 1);
}

char* Arena::new_block(size_t bytes, size_t alignment) {
  const auto align = std::align_val_t{alignment};
  blocks_.emplace_back(static_cast<char*>(::operator new(bytes, align)), FreeBlock{align});
  reserved_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  claim_.grow(bytes);
  return blocks_.back().get();
}

}  // namespace kv
