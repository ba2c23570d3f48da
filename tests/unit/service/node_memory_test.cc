#include "libkv/service/node_memory.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "libkv/base/limits.h"

namespace kv {
namespace {

constexpr uint64_t kMiB = 1u << 20;

TEST(NodeMemory, TheStorageHasWhatTheRestLeaves) {
  EXPECT_EQ(divide_node_memory(64 * kMiB).storage_bytes, 12 * kMiB);
  EXPECT_EQ(divide_node_memory(384 * kMiB).storage_bytes, 292 * kMiB);
  EXPECT_EQ(divide_node_memory(64 * kMiB).waiting_bytes, 8 * kMiB);
  // What stands beside it does not grow for ever.
  EXPECT_EQ(divide_node_memory(16384 * kMiB).storage_bytes, (16384 - 44 - 128) * kMiB);
  EXPECT_EQ(divide_node_memory(16384 * kMiB).waiting_bytes, 64 * kMiB);
}

TEST(NodeMemory, WhereItIsShortFewPagesAreReadAtATime) {
  EXPECT_EQ(divide_node_memory(64 * kMiB).scan_pages, 1u);
  EXPECT_EQ(divide_node_memory(384 * kMiB).scan_pages, 6u);
  EXPECT_EQ(divide_node_memory(16384 * kMiB).scan_pages, limits::scan_pages_at_once);
  EXPECT_EQ(divide_node_memory(64 * kMiB).untaken_bytes, 1 * kMiB);
  EXPECT_EQ(divide_node_memory(16384 * kMiB).untaken_bytes, limits::untaken_bytes_max);
}

/// A process whose storage gives back what is withheld from it, at once.
struct Process {
  uint64_t beside;
  uint64_t cache;
  uint64_t resident() const { return beside + cache - std::min(cache, withheld); }

  uint64_t withheld = 0;
};

class MemoryWatchTest : public testing::Test {
 protected:
  MemoryWatch::Relief look() {
    now_ += std::chrono::milliseconds(100);
    const MemoryWatch::Relief relief = watch_.on_resident(process_.resident(), now_);
    process_.withheld = relief.withheld;
    return relief;
  }

  MemoryWatch watch_{64 * kMiB};
  Process process_{.beside = 36 * kMiB, .cache = 12 * kMiB};
  Instant now_{std::chrono::seconds(100)};
};

TEST_F(MemoryWatchTest, NothingIsWithheldWhereThereIsRoom) {
  for (int i = 0; i < 20; ++i) {
    const MemoryWatch::Relief relief = look();
    EXPECT_EQ(relief.withheld, 0u);
    EXPECT_FALSE(relief.trim);
  }
  EXPECT_EQ(watch_.resident(), 48 * kMiB);
}

TEST_F(MemoryWatchTest, TheCacheGivesWayToTheRestAndComesBack) {
  process_.beside = 48 * kMiB;
  for (int i = 0; i < 20; ++i) look();
  EXPECT_LT(process_.resident(), 53 * kMiB);
  EXPECT_GT(process_.resident(), 51 * kMiB);
  process_.beside = 36 * kMiB;
  look();
  EXPECT_GT(process_.withheld, 0u) << "the cache comes back little by little";
  for (int i = 0; i < 50; ++i) look();
  EXPECT_EQ(process_.withheld, 0u);
}

TEST_F(MemoryWatchTest, WhatTheAllocatorKeepsIsGivenBackNowAndThen) {
  process_ = {.beside = 64 * kMiB, .cache = 0};
  int trims = 0;
  for (int i = 0; i < 50; ++i) trims += look().trim ? 1 : 0;
  EXPECT_GE(trims, 10);
  EXPECT_LE(trims, 20);
}

TEST_F(MemoryWatchTest, NoMoreIsWithheldThanThereIs) {
  process_ = {.beside = 1024 * kMiB, .cache = 0};
  for (int i = 0; i < 100; ++i) look();
  EXPECT_EQ(process_.withheld, 64 * kMiB);
}

}  // namespace
}  // namespace kv
