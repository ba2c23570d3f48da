// The bytes of one block, in the pool's memory: of a fixed size, moved but not copied, and not
// cleared before they are filled, which would cost a quarter of unpacking them.
#pragma once

#include <cstddef>
#include <cstring>
#include <utility>

#include "libkv/base/bytes.h"
#include "libkv/storage/memory/block_pool.h"

namespace kv {

class BlockBytes {
 public:
  BlockBytes() = default;
  /// A copy.
  explicit BlockBytes(BytesView bytes) : BlockBytes(of_size(bytes.size())) {
    if (!bytes.empty()) std::memcpy(data_, bytes.data(), bytes.size());
  }
  /// With anything in them.
  static BlockBytes of_size(size_t size) {
    BlockBytes bytes;
    if (size > 0) bytes.data_ = static_cast<char*>(BlockPool::instance().allocate(size));
    bytes.size_ = size;
    return bytes;
  }
  BlockBytes(BlockBytes&& other) noexcept { swap(other); }
  BlockBytes& operator=(BlockBytes&& other) noexcept {
    swap(other);
    return *this;
  }
  ~BlockBytes() {
    if (size_ > 0) BlockPool::instance().free(data_, size_);
  }

  char* data() { return data_; }
  const char* data() const { return data_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  BytesView view() const { return {data_, size_}; }
  /// Prefetches what their end will look at.
  void prefetch_end() const { BlockPool::prefetch_for_free(data_, size_); }
  /// What they take in memory.
  size_t memory_bytes() const { return size_ == 0 ? 0 : BlockPool::piece_bytes(size_); }

 private:
  void swap(BlockBytes& other) {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }

  char* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace kv
