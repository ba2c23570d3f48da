#include "libkv/storage/memory/block_pool.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <new>
#include <utility>

#include "libkv/storage/memory/huge_page.h"

namespace kv {

namespace {

constexpr size_t kRegionBytes = kHugePageBytes;
constexpr size_t kSlabBytes = size_t{256} << 10;
/// What a slab keeps when it is trimmed: its header's page.
constexpr size_t kTrimmedBytes = size_t{4} << 10;
/// Of a region and of a slab, so that every slab has room for the same pieces.
constexpr size_t kHeaderBytes = 128;
constexpr size_t kPieceBytesMin = 1 << 10;
/// The largest size of which a slab holds two.
constexpr size_t kPieceBytesMax = size_t{124} << 10;
static_assert(kHeaderBytes + 2 * kPieceBytesMax <= kSlabBytes);
constexpr size_t kClassesPerDoubling = 16;
constexpr auto kPieceAlignment = std::align_val_t{64};

template <typename Header>
Header* header_of(const void* memory, size_t bytes) {
  return reinterpret_cast<Header*>(reinterpret_cast<uintptr_t>(memory) & ~(uintptr_t{bytes} - 1));
}

template <typename Node>
void link(Node*& first, Node* node) {
  node->before = nullptr;
  node->after = first;
  if (first != nullptr) first->before = node;
  first = node;
}

template <typename Node>
void unlink(Node*& first, Node* node) {
  (node->before != nullptr ? node->before->after : first) = node->after;
  if (node->after != nullptr) node->after->before = node->before;
}

#if defined(__has_feature)  // What clang says; g++ defines a name.
#define KV_HAS_FEATURE_(name) __has_feature(name)
#else
#define KV_HAS_FEATURE_(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || KV_HAS_FEATURE_(address_sanitizer)
/// The heap finds what reads or writes beyond a piece.
constexpr bool kPooling = false;
#else
constexpr bool kPooling = true;
#endif

}  // namespace

struct BlockPool::Piece {
  Piece* next;
};

struct BlockPool::Slab {
  size_t size_class = 0;
  size_t pieces = 0;      // So many there are.
  size_t cut = 0;         // So many have been handed out at least once.
  size_t used = 0;        // So many are out.
  Piece* free = nullptr;  // Those that came back.
  Slab* before = nullptr;
  Slab* after = nullptr;

  bool has_room() const { return used < pieces; }
};

struct alignas(64) BlockPool::Region {
  static constexpr uint32_t kAllFree = (1u << kSlabsOfRegion) - 1;

  uint32_t free_slabs = 0;  // A bit for each.
  uint32_t trimmed = 0;     // Those of them whose memory went back to the system.
  Region* before = nullptr;
  Region* after = nullptr;

  /// Their headers stand behind the region's, at the same place in each.
  void* slab(size_t number) { return begin() + number * kSlabBytes + sizeof(Region); }
  char* begin() { return reinterpret_cast<char*>(this); }
  size_t free_count() const { return static_cast<size_t>(std::popcount(free_slabs)); }
  uint32_t untrimmed() const { return free_slabs & ~trimmed; }
};

void BlockPool::RegionList::add(Region* region) {
  const bool is_first = first == nullptr || region->untrimmed() != 0;
  region->before = is_first ? nullptr : last;
  region->after = is_first ? first : nullptr;
  (region->before != nullptr ? region->before->after : first) = region;
  (region->after != nullptr ? region->after->before : last) = region;
}

void BlockPool::RegionList::remove(Region* region) {
  (region->before != nullptr ? region->before->after : first) = region->after;
  (region->after != nullptr ? region->after->before : last) = region->before;
}

BlockPool& BlockPool::instance() {
  // Never destroyed: what holds pieces may end after everything else.
  static BlockPool& pool = *new BlockPool;
  return pool;
}

// REQUIRES: every piece has come back.
BlockPool::~BlockPool() {
  static_assert(kSlabsOfRegion * kSlabBytes == kRegionBytes);
  Region*& empty = by_free_slabs_[kSlabsOfRegion].first;
  while (empty != nullptr) free_region(std::exchange(empty, empty->after));
}

// Class c of doubling d holds pieces of 2^d × (1 + (c + 1) / 16) bytes.
size_t BlockPool::class_of(size_t bytes) {
  bytes = std::max(bytes, kPieceBytesMin + 1) - 1;
  const auto doubling = static_cast<size_t>(std::bit_width(bytes)) - 1;
  const size_t step = (bytes >> (doubling - 4)) - kClassesPerDoubling;
  const auto first = static_cast<size_t>(std::bit_width(kPieceBytesMin)) - 1;
  return (doubling - first) * kClassesPerDoubling + step;
}

size_t BlockPool::class_bytes(size_t size_class) {
  const size_t step = kPieceBytesMin << (size_class / kClassesPerDoubling);
  return step + (size_class % kClassesPerDoubling + 1) * (step / kClassesPerDoubling);
}

bool BlockPool::is_pooled(size_t bytes) {
  return kPooling && bytes >= kPieceBytesMin && bytes <= kPieceBytesMax;
}

size_t BlockPool::piece_bytes(size_t bytes) {
  return is_pooled(bytes) ? class_bytes(class_of(bytes)) : bytes;
}

size_t BlockPool::reserved_bytes() const {
  const std::lock_guard lock(mutex_);
  return regions_ * kRegionBytes - trimmed_slabs_ * (kSlabBytes - kTrimmedBytes);
}

void* BlockPool::allocate(size_t bytes) {
  if (!is_pooled(bytes)) return ::operator new(bytes, kPieceAlignment);
  const size_t size_class = class_of(bytes);
  std::unique_lock lock(mutex_);
  Slab* slab = with_room_[size_class];
  if (slab == nullptr && with_fewest_free_slabs() == nullptr) {
    lock.unlock();
    Region* const region = new_region();
    lock.lock();
    ++regions_;
    set_free_slabs(region, Region::kAllFree);
    slab = with_room_[size_class];  // Somebody may have been faster.
  }
  if (slab == nullptr) link(with_room_[size_class], slab = new_slab(size_class));
  void* piece = slab->free;
  if (piece != nullptr) {
    slab->free = slab->free->next;
  } else {
    piece =
        header_of<char>(slab, kSlabBytes) + kHeaderBytes + slab->cut++ * class_bytes(size_class);
  }
  if (++slab->used == slab->pieces) unlink(with_room_[size_class], slab);
  return piece;
}

void BlockPool::free(void* memory, size_t bytes) {
  if (!is_pooled(bytes)) return ::operator delete(memory, kPieceAlignment);
  Region* empty = nullptr;
  {
    const std::lock_guard lock(mutex_);
    empty = put_back(memory);
  }
  free_region(empty);
}

void BlockPool::prefetch_for_free(const void* memory, size_t bytes) {
  if (!is_pooled(bytes)) return;
  __builtin_prefetch(memory, 1);
  __builtin_prefetch(header_of<const char>(memory, kSlabBytes) + sizeof(Region), 1);
}

BlockPool::Region* BlockPool::put_back(void* piece) {
  auto* const slab = reinterpret_cast<Slab*>(header_of<char>(piece, kSlabBytes) + sizeof(Region));
  if (!slab->has_room()) link(with_room_[slab->size_class], slab);
  slab->free = new (piece) Piece{slab->free};
  if (--slab->used > 0) return nullptr;
  unlink(with_room_[slab->size_class], slab);
  return free_slab(slab);
}

BlockPool::Region* BlockPool::free_slab(Slab* slab) {
  auto* const region = header_of<Region>(slab, kRegionBytes);
  const auto number =
      static_cast<size_t>(reinterpret_cast<char*>(slab) - region->begin()) / kSlabBytes;
  return put_back_slabs(region, 1u << number);
}

/// An empty region is kept, if there is no other.
BlockPool::Region* BlockPool::put_back_slabs(Region* region, uint32_t slabs) {
  Region* const empty = by_free_slabs_[kSlabsOfRegion].first;
  set_free_slabs(region, region->free_slabs | slabs);
  return region->free_slabs == Region::kAllFree && empty != nullptr ? take_out(region) : nullptr;
}

/// REQUIRES: all of it is free.
BlockPool::Region* BlockPool::take_out(Region* region) {
  set_free_slabs(region, 0);
  trimmed_slabs_ -= static_cast<size_t>(std::popcount(region->trimmed));
  --regions_;
  return region;
}

/// Keeps the region in the list of those that have as many.
void BlockPool::set_free_slabs(Region* region, uint32_t free_slabs) {
  if (region->free_slabs != 0) by_free_slabs_[region->free_count()].remove(region);
  region->free_slabs = free_slabs;
  if (free_slabs != 0) by_free_slabs_[region->free_count()].add(region);
}

BlockPool::Region* BlockPool::new_region() {
  return new (new_huge_pages(1)) Region;
}

void BlockPool::free_region(Region* region) {
  if (region != nullptr) ::operator delete(region, kHugePageAlignment);
}

BlockPool::Region* BlockPool::with_fewest_free_slabs() const {
  for (size_t count = 1; count <= kSlabsOfRegion; ++count)
    if (by_free_slabs_[count].first != nullptr) return by_free_slabs_[count].first;
  return nullptr;
}

// REQUIRES: a region has a free one.
BlockPool::Slab* BlockPool::new_slab(size_t size_class) {
  Region* const region = with_fewest_free_slabs();
  const uint32_t in_memory = region->untrimmed();
  const auto number = std::countr_zero(in_memory != 0 ? in_memory : region->free_slabs);
  const uint32_t bit = 1u << number;
  if ((region->trimmed & bit) != 0) --trimmed_slabs_;
  region->trimmed &= ~bit;
  set_free_slabs(region, region->free_slabs & ~bit);
  auto* const slab = new (region->slab(static_cast<size_t>(number))) Slab;
  slab->size_class = size_class;
  slab->pieces = (kSlabBytes - kHeaderBytes) / class_bytes(size_class);
  return slab;
}

BlockPool::Region* BlockPool::with_slabs_to_trim() const {
  for (size_t count = kSlabsOfRegion; count > 0; --count) {
    Region* const first = by_free_slabs_[count].first;
    if (first != nullptr && first->untrimmed() != 0) return first;
  }
  return nullptr;
}

// What is being trimmed is in nobody's hands meanwhile: not free, and not used.
void BlockPool::trim() {
  for (;;) {
    Region* region = nullptr;
    uint32_t slabs = 0;
    {
      const std::lock_guard lock(mutex_);
      region = with_slabs_to_trim();
      if (region == nullptr) return;
      slabs = region->untrimmed();
      set_free_slabs(region, region->free_slabs & ~slabs);
    }
    for (size_t number = 0; number < kSlabsOfRegion; ++number) {
      if ((slabs & 1u << number) == 0) continue;
      release_pages(region->begin(), region->begin() + number * kSlabBytes + kTrimmedBytes,
                    kSlabBytes - kTrimmedBytes);
    }
    Region* empty = nullptr;
    {
      const std::lock_guard lock(mutex_);
      region->trimmed |= slabs;
      trimmed_slabs_ += static_cast<size_t>(std::popcount(slabs));
      empty = put_back_slabs(region, slabs);
    }
    free_region(empty);
  }
}

}  // namespace kv
