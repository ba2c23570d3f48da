// Memory for blocks, filters and indexes: what a read from memory touches at random, and so what
// wants to lie in few pages. Regions of 2 MiB, which the kernel may back with one page each, so
// that a read costs one translation where a piece from the heap costs several, are divided into
// slabs, and those into pieces.
//
//   region  | slab | slab | … eight         the first begins with the region's header
//   slab    | header | piece | piece | …    all of one size class, sixteen classes a doubling
//
// What a slab gets back it hands out again; an empty slab may get another class, and a region
// whose slabs are all empty goes back to the system, but for a spare. So that regions become empty,
// a slab is taken of one that has the fewest left; and where memory is short, trim() gives back
// what lies empty between slabs in use. Pieces that are small or larger than half a slab come from
// the heap. (Size classes and slabs: Bonwick, "The Slab Allocator", 1994.)
//
// One for the process, as the heap is: blocks outlive the engine that read them. Thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
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

  /// Prefetches what free() will look at.
  static void prefetch_for_free(const void* memory, size_t bytes);

  /// Gives the memory of empty slabs back to the system: a slab that is used again is met with
  /// page by page, and its region has no huge page any more. Takes milliseconds, in which others
  /// need not wait.
  void trim();

  /// What a piece of `bytes` takes.
  static size_t piece_bytes(size_t bytes);
  /// Of all regions, free pieces included, but not what trim() gave back.
  size_t reserved_bytes() const;

  BlockPool() = default;
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

 private:
  struct Region;
  struct Slab;
  struct Piece;
  static constexpr size_t kClasses = 112;
  static constexpr size_t kSlabsOfRegion = 8;

  /// Those that have something to trim come first.
  struct RegionList {
    Region* first = nullptr;
    Region* last = nullptr;
    void add(Region* region);
    void remove(Region* region);
  };

  static bool is_pooled(size_t bytes);
  static size_t class_of(size_t bytes);
  static size_t class_bytes(size_t size_class);
  static Region* new_region();
  static void free_region(Region* region);
  Slab* new_slab(size_t size_class);
  Region* with_fewest_free_slabs() const;
  Region* with_slabs_to_trim() const;
  void set_free_slabs(Region* region, uint32_t free_slabs);
  /// These return a region that is to be freed, or null.
  Region* put_back(void* piece);
  Region* free_slab(Slab* slab);
  Region* put_back_slabs(Region* region, uint32_t slabs);
  Region* take_out(Region* region);

  mutable std::mutex mutex_;                 // Not held while the system gives or takes memory.
  std::array<Slab*, kClasses> with_room_{};  // Of each class; those that are full are in no list.
  /// By how many free slabs they have; not those without any.
  std::array<RegionList, kSlabsOfRegion + 1> by_free_slabs_{};
  size_t regions_ = 0;
  size_t trimmed_slabs_ = 0;
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

using PoolString = std::basic_string<char, std::char_traits<char>, PoolAllocator<char>>;
template <typename T>
using PoolVector = std::vector<T, PoolAllocator<T>>;

}  // namespace kv
