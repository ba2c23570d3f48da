// Blocks for arenas are made ready while somebody takes them, and only then.
#include <gtest/gtest.h>

#include "libkv/storage/memory/arena.h"
#include "libkv/storage/memory/huge_page.h"
#include "tests/crash/storage_world.h"

namespace kv {
namespace {

size_t blocks_of(ArenaBlocks& blocks) {
  return static_cast<size_t>(blocks.kept_bytes() / kHugePageBytes);
}
/// Returns how many it took.
size_t make_all_ready(ArenaBlocks& blocks) {
  size_t count = 0;
  for (; blocks.wants_ready(); ++count) blocks.make_ready();
  return count;
}

TEST(ArenaBlocks, AreMadeReadyWhenOneWasTakenAndFewAreLeft) {
  const auto budget = std::make_shared<MemoryBudget>(uint64_t{256} << 20, 0);
  ArenaBlocks blocks(8, budget);
  blocks.make_ready();
  EXPECT_EQ(blocks_of(blocks), 0u) << "nobody takes any";
  EXPECT_EQ(blocks.take(), nullptr);
  const size_t ready = make_all_ready(blocks);
  EXPECT_GT(ready, 1u);
  EXPECT_EQ(blocks_of(blocks), ready);
  EXPECT_EQ(budget->used(MemoryHolder::memtables), ready * kHugePageBytes);

  char* const block = blocks.take();
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(make_all_ready(blocks), 1u);
  EXPECT_TRUE(blocks.give(block));
  EXPECT_FALSE(blocks.wants_ready()) << "there are more than enough";
  char* const again = blocks.take();
  EXPECT_FALSE(blocks.wants_ready());
  EXPECT_TRUE(blocks.give(again));
  EXPECT_NE(again, nullptr);
}

TEST(ArenaBlocks, NoMoreAreReadyThanAreKept) {
  ArenaBlocks blocks(2);
  EXPECT_EQ(blocks.take(), nullptr);
  while (blocks.wants_ready()) blocks.make_ready();
  EXPECT_EQ(blocks_of(blocks), 2u);
  ArenaBlocks none(0);
  EXPECT_EQ(none.take(), nullptr);
  while (none.wants_ready()) none.make_ready();
  EXPECT_EQ(blocks_of(none), 0u);
}

TEST(ArenaBlocks, WhoClearsThemWantsNoMore) {
  ArenaBlocks blocks(8);
  EXPECT_EQ(blocks.take(), nullptr);
  blocks.make_ready();
  ASSERT_TRUE(blocks.wants_ready());
  blocks.clear();
  EXPECT_FALSE(blocks.wants_ready());
  blocks.make_ready();
  EXPECT_EQ(blocks_of(blocks), 0u);
}

/// A megabyte, in values that share blocks.
void write_megabyte(Engine& engine) {
  for (int i = 0; i < 128; ++i) {
    WriteBatch batch;
    batch.put("k" + std::to_string(i), std::string(8 << 10, 'v'));
    ASSERT_TRUE(engine.apply(batch, Durability::none));
  }
}

TEST(ArenaBlocks, AnEngineHasThemReadyForItsMemtable) {
  StorageWorld world(7);
  world.options = EngineOptions();
  world.options.memtable_bytes = 16 << 20;
  ASSERT_TRUE(world.open());
  write_megabyte(*world.engine);
  world.run_until_idle();
  EXPECT_LE(world.engine->stats().memory_memtables, 5 * kHugePageBytes)
      << "its first one, and those that are ready";
  for (int i = 0; i < 2; ++i) write_megabyte(*world.engine);
  world.run_until_idle();
  const EngineStats stats = world.engine->stats();
  EXPECT_GE(stats.memory_memtables, stats.memtable_bytes + 4 * kHugePageBytes);
  EXPECT_LE(stats.memory_memtables, stats.memtable_bytes + 6 * kHugePageBytes);
}

}  // namespace
}  // namespace kv
