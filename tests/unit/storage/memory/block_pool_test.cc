// What blocks rely on: pieces that do not overlap, aligned, as large as was asked for; and memory
// that goes back.
#include "libkv/storage/memory/block_pool.h"

#include <cstring>
#include <map>
#include <thread>

#include <gtest/gtest.h>

#include "libkv/base/random.h"

namespace kv {
namespace {

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

TEST(BlockPoolTest, WhatIsGivenBackIsHandedOutAgain) {
  BlockPool pool;
  std::vector<void*> pieces(1'000);
  for (int round = 0; round < 3; ++round) {
    for (void*& piece : pieces) piece = pool.allocate(8'300);
    EXPECT_LE(pool.reserved_bytes(), size_t{12} << 20) << round;
    for (void* piece : pieces) pool.free(piece, 8'300);
  }
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
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace kv
