// Memory for blocks, filters and indexes: what a read from memory touches at random, and so what
// wants to lie in few pages. Pieces are cut from chunks of 2 MiB that the kernel may back with one
// page each, so that a read costs one translation where a piece from the heap costs several.
//
//   chunk   | header | piece | piece | … |      all of one size class, sixteen classes a doubling
//
// What a chunk gets back it hands out again; one that is empty goes back to the system, but for a
// spare. Pieces that are small or larger than half a chunk come from the heap. (Size classes and
// chunks: Bonwick, "The Slab Allocator", 1994.)
//
// One for the process, as the heap is: blocks outlive the engine that read them. Thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <mutex>
#include <string>
#include <vector>

namespace kv {

class BlockPool {
 public:
  static BlockPool& instance();

  /// Aligned to 64 bytes.
  void* allocate(size_t bytes);
  /// REQUIRES: `bytes` as they were asked for.
  void free(void* memory, size_t bytes);

  /// What a piece of `bytes` takes.
  static size_t piece_bytes(size_t bytes);
  /// Of all chunks, free pieces included.
  size_t reserved_bytes() const;

  BlockPool() = default;
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

 private:
  struct Chunk;
  struct Piece;
  static constexpr size_t kClasses = 160;

  static bool is_pooled(size_t bytes);
  static size_t class_of(size_t bytes);
  static size_t class_bytes(size_t size_class);
  Chunk* new_chunk(size_t size_class);
  void link(Chunk* chunk);
  void unlink(Chunk* chunk);

  mutable std::mutex mutex_;
  std::array<Chunk*, kClasses> with_room_{};  // Of each class; those that are full are in no list.
  Chunk* spare_ = nullptr;
  size_t chunks_ = 0;
};

/// For containers whose memory is to come from the pool.
template <typename T>
struct PoolAllocator {
  using value_type = T;
  PoolAllocator() = default;
  template <typename U>
  PoolAllocator(const PoolAllocator<U>&) {}  // NOLINT: as allocators convert.

  T* allocate(size_t count) {
    return static_cast<T*>(BlockPool::instance().allocate(count * sizeof(T)));
  }
  void deallocate(T* memory, size_t count) {
    BlockPool::instance().free(memory, count * sizeof(T));
  }
  friend bool operator==(const PoolAllocator&, const PoolAllocator&) { return true; }
};

using BlockBytes = std::basic_string<char, std::char_traits<char>, PoolAllocator<char>>;
template <typename T>
using PoolVector = std::vector<T, PoolAllocator<T>>;

}  // namespace kv
