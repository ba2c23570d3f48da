#include "libkv/storage/arena.h"

namespace kv {

namespace {
constexpr size_t kBlockBytes = 64 << 10;
constexpr size_t kAlignment = alignof(void*);
}  // namespace

char* Arena::allocate(size_t bytes) {
  bytes = (bytes + kAlignment - 1) & ~(kAlignment - 1);
  used_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  // A large piece gets a block of its own, so that the rest of the current one is not wasted.
  if (bytes > kBlockBytes / 4) return new_block(bytes);
  if (bytes > free_bytes_) {
    free_begin_ = new_block(kBlockBytes);
    free_bytes_ = kBlockBytes;
  }
  char* piece = free_begin_;
  free_begin_ += bytes;
  free_bytes_ -= bytes;
  return piece;
}

char* Arena::new_block(size_t bytes) {
  blocks_.emplace_back(new char[bytes]);
  reserved_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  return blocks_.back().get();
}

}  // namespace kv
