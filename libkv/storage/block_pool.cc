#include "libkv/storage/block_pool.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <new>
#include <utility>

#include <sys/mman.h>

namespace kv {

namespace {

constexpr size_t kChunkBytes = size_t{2} << 20;
constexpr size_t kChunkHeaderBytes = 64;
constexpr size_t kPieceBytesMin = 1 << 10;
constexpr size_t kPieceBytesMax = kChunkBytes / 2 - kChunkHeaderBytes;
constexpr size_t kClassesPerDoubling = 16;
constexpr auto kPieceAlignment = std::align_val_t{64};
constexpr auto kChunkAlignment = std::align_val_t{kChunkBytes};

#if defined(__SANITIZE_ADDRESS__)
/// The heap finds what reads or writes beyond a piece.
constexpr bool kPooling = false;
#else
constexpr bool kPooling = true;
#endif

}  // namespace

struct BlockPool::Piece {
  Piece* next;
};

struct BlockPool::Chunk {
  size_t size_class = 0;
  size_t used = 0;        // Pieces that are out.
  Piece* free = nullptr;  // Those that came back.
  size_t cut = 0;         // So many have been cut from the chunk.
  size_t pieces = 0;      // So many there are.
  Chunk* before = nullptr;
  Chunk* after = nullptr;

  char* begin() { return reinterpret_cast<char*>(this) + kChunkHeaderBytes; }
  bool has_room() const { return used < pieces; }
};

BlockPool& BlockPool::instance() {
  // Never destroyed: what holds pieces may end after everything else.
  static BlockPool& pool = *new BlockPool;
  return pool;
}

BlockPool::~BlockPool() {
  for (Chunk* chunk : with_room_)
    for (; chunk != nullptr;)
      ::operator delete(std::exchange(chunk, chunk->after), kChunkAlignment);
  ::operator delete(spare_, kChunkAlignment);
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
  return chunks_ * kChunkBytes;
}

void* BlockPool::allocate(size_t bytes) {
  if (!is_pooled(bytes)) return ::operator new(bytes, kPieceAlignment);
  const size_t size_class = class_of(bytes);
  const std::lock_guard lock(mutex_);
  Chunk* chunk = with_room_[size_class];
  if (chunk == nullptr) link(chunk = new_chunk(size_class));
  void* piece = chunk->free;
  if (piece != nullptr) {
    chunk->free = chunk->free->next;
  } else {
    piece = chunk->begin() + chunk->cut++ * class_bytes(size_class);
  }
  ++chunk->used;
  if (!chunk->has_room()) unlink(chunk);
  return piece;
}

void BlockPool::free(void* memory, size_t bytes) {
  if (!is_pooled(bytes)) return ::operator delete(memory, kPieceAlignment);
  auto* chunk =
      reinterpret_cast<Chunk*>(reinterpret_cast<uintptr_t>(memory) & ~(uintptr_t{kChunkBytes} - 1));
  const std::lock_guard lock(mutex_);
  if (!chunk->has_room()) link(chunk);
  chunk->free = new (memory) Piece{chunk->free};
  if (--chunk->used > 0) return;
  unlink(chunk);
  if (spare_ == nullptr) {
    spare_ = chunk;
    return;
  }
  ::operator delete(chunk, kChunkAlignment);
  --chunks_;
}

BlockPool::Chunk* BlockPool::new_chunk(size_t size_class) {
  void* memory = std::exchange(spare_, nullptr);
  if (memory == nullptr) {
    memory = ::operator new(kChunkBytes, kChunkAlignment);
    ++chunks_;
#ifdef MADV_HUGEPAGE
    // A wish: the memory is as good without.
    static_cast<void>(madvise(memory, kChunkBytes, MADV_HUGEPAGE));
#endif
  }
  auto* chunk = new (memory) Chunk;
  chunk->size_class = size_class;
  chunk->pieces = (kChunkBytes - kChunkHeaderBytes) / class_bytes(size_class);
  return chunk;
}

void BlockPool::link(Chunk* chunk) {
  Chunk*& first = with_room_[chunk->size_class];
  chunk->before = nullptr;
  chunk->after = first;
  if (first != nullptr) first->before = chunk;
  first = chunk;
}

void BlockPool::unlink(Chunk* chunk) {
  Chunk*& first = with_room_[chunk->size_class];
  (chunk->before != nullptr ? chunk->before->after : first) = chunk->after;
  if (chunk->after != nullptr) chunk->after->before = chunk->before;
}

}  // namespace kv
