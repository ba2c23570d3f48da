// What blocks rely on: pieces that do not overlap, aligned, as large as was asked for; and memory
// that goes back.
#include "libkv/storage/memory/block_pool.h"

#include <cstring>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "libkv/base/random.h"

namespace kv {
namespace {

/// Not under the address sanitizer, where all comes from the heap.
bool is_pooling() {
  return BlockPool::piece_bytes(5'000) > 5'000;
}

TEST(BlockPoolTest, PiecesOfAnySizeAreWholeAndApart) {
  BlockPool pool;
  Random random(1);
  struct Piece {
    size_t bytes;
    char fill;
  };
  std::map<char*, Piece> pieces;
  for (int round = 0; round < 20'000; ++round) {
    if (pieces.size() < 400 && random.below(5) < 3) {
      const size_t bytes = 1 + random.below(size_t{1} << random.below(21));
      auto* begin = static_cast<char*>(pool.allocate(bytes));
      ASSERT_EQ(reinterpret_cast<uintptr_t>(begin) % 64, 0u);
      const auto after = pieces.lower_bound(begin);
      ASSERT_TRUE(after == pieces.end() || begin + bytes <= after->first);
      ASSERT_TRUE(after == pieces.begin() ||
                  std::prev(after)->first + std::prev(after)->second.bytes <= begin);
      const auto fill = static_cast<char>(random.next());
      std::memset(begin, fill, bytes);
      pieces.emplace(begin, Piece{bytes, fill});
    } else if (!pieces.empty()) {
      auto piece = pieces.begin();
      std::advance(piece, random.below(pieces.size()));
      ASSERT_EQ(piece->first[0], piece->second.fill);
      ASSERT_EQ(piece->first[piece->second.bytes - 1], piece->second.fill);
      pool.free(piece->first, piece->second.bytes);
      pieces.erase(piece);
    }
  }
  for (const auto& [begin, piece] : pieces) pool.free(begin, piece.bytes);
  EXPECT_LE(pool.reserved_bytes(), size_t{2} << 20)
      << "one region is kept, the others are given back";
}

TEST(BlockPoolTest, APieceTakesLittleMoreThanAskedFor) {
  for (size_t bytes = 1 << 10; bytes < (1 << 17) - 64; bytes += 37) {
    EXPECT_GE(BlockPool::piece_bytes(bytes), bytes);
    EXPECT_LE(BlockPool::piece_bytes(bytes), bytes + bytes / 16 + 1) << bytes;
  }
}

TEST(BlockPoolTest, LargePiecesShareASlabOrComeFromTheHeap) {
  for (size_t bytes = 100'000; bytes < 140'000; bytes += 997) {
    BlockPool pool;
    std::vector<void*> pieces(64);
    for (void*& piece : pieces) piece = pool.allocate(bytes);
    EXPECT_LE(pool.reserved_bytes(), pieces.size() * (size_t{128} << 10)) << bytes;
    for (void* piece : pieces) pool.free(piece, bytes);
  }
}

TEST(BlockPoolTest, WhatIsGivenBackIsHandedOutAgain) {
  BlockPool pool;
  std::vector<void*> pieces(1'000);
  for (int round = 0; round < 3; ++round) {
    for (void*& piece : pieces) piece = pool.allocate(8'300);
    EXPECT_LE(pool.reserved_bytes(), size_t{12} << 20) << round;
    for (void* piece : pieces) pool.free(piece, 8'300);
  }
}

// One piece in fifty stays, so that no region becomes empty; most slabs do.
TEST(BlockPoolTest, WhatLiesEmptyBetweenPiecesIsTrimmedAndUsedAgain) {
  if (!is_pooling()) GTEST_SKIP();
  BlockPool pool;
  constexpr size_t kBytes = 20'000;
  std::vector<void*> pieces(1'000);
  for (void*& piece : pieces) piece = pool.allocate(kBytes);
  const size_t full = pool.reserved_bytes();
  for (size_t i = 0; i < pieces.size(); ++i)
    if (i % 50 != 0) pool.free(pieces[i], kBytes);
  EXPECT_GT(pool.reserved_bytes(), full / 2);
  for (size_t i = 0; i < pieces.size(); i += 50) std::memset(pieces[i], 'k', kBytes);
  pool.trim();
  EXPECT_LT(pool.reserved_bytes(), full / 2);
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (i % 50 == 0) continue;
    pieces[i] = pool.allocate(kBytes);
    std::memset(pieces[i], 'n', kBytes);
  }
  EXPECT_LE(pool.reserved_bytes(), full);
  for (size_t i = 0; i < pieces.size(); i += 50)
    for (size_t at = 0; at < kBytes; ++at) ASSERT_EQ(static_cast<char*>(pieces[i])[at], 'k');
  for (void* piece : pieces) pool.free(piece, kBytes);
  EXPECT_LE(pool.reserved_bytes(), size_t{2} << 20);
}

// A slab is taken of a region that has the fewest left, so that others become empty.
TEST(BlockPoolTest, TheFullestRegionsAreFilledFirst) {
  if (!is_pooling()) GTEST_SKIP();
  BlockPool pool;
  constexpr size_t kBytes = 120'000;  // A slab has two, and a region sixteen.
  std::vector<void*> pieces(64);
  for (void*& piece : pieces) piece = pool.allocate(kBytes);
  ASSERT_EQ(pool.reserved_bytes(), size_t{8} << 20);
  const auto free_some = [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) pool.free(std::exchange(pieces[i], nullptr), kBytes);
  };
  free_some(16, 18);  // All of its slabs but one stay.
  free_some(2, 16);   // One stays.
  pieces[16] = pool.allocate(kBytes);
  pieces[17] = pool.allocate(kBytes);
  free_some(0, 2);
  free_some(32, 48);
  EXPECT_EQ(pool.reserved_bytes(), size_t{6} << 20) << "one of two empty ones is kept";
  for (void* piece : pieces)
    if (piece != nullptr) pool.free(piece, kBytes);
}

TEST(BlockPoolTest, ThreadsShareIt) {
  BlockPool pool;
  std::vector<std::thread> threads;
  for (int number = 0; number < 4; ++number) {
    threads.emplace_back([&pool, number] {
      Random random(static_cast<uint64_t>(number));
      for (int round = 0; round < 5'000; ++round) {
        const size_t bytes = 1'024 + random.below(10'000);
        auto* piece = static_cast<char*>(pool.allocate(bytes));
        std::memset(piece, number, bytes);
        ASSERT_EQ(piece[bytes / 2], number);
        pool.free(piece, bytes);
        if (round % 500 == 0) pool.trim();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace kv
