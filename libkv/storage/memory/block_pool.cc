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
constexpr size_t kSlabsOfRegion = kRegionBytes / kSlabBytes;
constexpr uint32_t kAllFree = (1u << kSlabsOfRegion) - 1;
/// Of a region and of a slab, so that every slab has room for the same pieces.
constexpr size_t kHeaderBytes = 128;
constexpr size_t kPieceBytesMin = 1 << 10;
constexpr size_t kPieceBytesMax = (kSlabBytes - kHeaderBytes) / 2;
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
  uint32_t free_slabs = kAllFree;  // A bit for each.
  Region* before = nullptr;
  Region* after = nullptr;

  /// Their headers stand behind the region's, at the same place in each.
  void* slab(size_t number) {
    return reinterpret_cast<char*>(this) + number * kSlabBytes + sizeof(Region);
  }
};

BlockPool& BlockPool::instance() {
  // Never destroyed: what holds pieces may end after everything else.
  static BlockPool& pool = *new BlockPool;
  return pool;
}

// REQUIRES: every piece has come back.
BlockPool::~BlockPool() {
  while (with_free_slabs_ != nullptr)
    free_region(std::exchange(with_free_slabs_, with_free_slabs_->after));
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
  return regions_ * kRegionBytes;
}

void* BlockPool::allocate(size_t bytes) {
  if (!is_pooled(bytes)) return ::operator new(bytes, kPieceAlignment);
  const size_t size_class = class_of(bytes);
  std::unique_lock lock(mutex_);
  Slab* slab = with_room_[size_class];
  if (slab == nullptr && with_free_slabs_ == nullptr) {
    lock.unlock();
    Region* const region = new_region();
    lock.lock();
    ++regions_;
    ++empty_regions_;
    link(with_free_slabs_, region);
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

void BlockPool::expect_free(const void* memory, size_t bytes) {
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
  if (region->free_slabs == 0) link(with_free_slabs_, region);
  const auto number =
      static_cast<size_t>(reinterpret_cast<char*>(slab) - reinterpret_cast<char*>(region)) /
      kSlabBytes;
  region->free_slabs |= 1u << number;
  if (region->free_slabs != kAllFree) return nullptr;
  if (empty_regions_ == 0) {
    ++empty_regions_;
    return nullptr;
  }
  unlink(with_free_slabs_, region);
  --regions_;
  return region;
}

BlockPool::Region* BlockPool::new_region() {
  return new (new_huge_pages(1)) Region;
}

void BlockPool::free_region(Region* region) {
  if (region != nullptr) ::operator delete(region, kHugePageAlignment);
}

// REQUIRES: a region has a free one.
BlockPool::Slab* BlockPool::new_slab(size_t size_class) {
  Region* const region = with_free_slabs_;
  if (region->free_slabs == kAllFree) --empty_regions_;
  const auto number = static_cast<size_t>(std::countr_zero(region->free_slabs));
  region->free_slabs &= ~(1u << number);
  if (region->free_slabs == 0) unlink(with_free_slabs_, region);
  auto* const slab = new (region->slab(number)) Slab;
  slab->size_class = size_class;
  slab->pieces = (kSlabBytes - kHeaderBytes) / class_bytes(size_class);
  return slab;
}

}  // namespace kv
