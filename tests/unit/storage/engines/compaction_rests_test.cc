// Compactions leave time to who waits for the disk, where they cost him some: the engine's own
// syncs and reads are what the pace (compaction_pace.h) hears of.
#include <gtest/gtest.h>

#include "libkv/base/random.h"
#include "tests/crash/storage_world.h"

namespace kv {
namespace {

class CompactionRestsTest : public testing::Test {
 public:
  /// So that a merge takes many steps, and nothing of it is in memory for reads.
  void open(double slowness_beside_compactions) {
    world_.options.memtable_bytes = 64 << 10;
    world_.options.log_segment_bytes = 256 << 10;
    world_.options.block_cache_bytes = 8 << 10;
    world_.process.slowness_beside_background = slowness_beside_compactions;
    ASSERT_TRUE(world_.open());
  }
  /// Writes for some simulated seconds, slowly enough that no debt grows.
  void write(Durability durability, bool reads) {
    for (int i = 0; i < 6'000; ++i) {
      WriteBatch batch;
      batch.put(random_key(), std::to_string(random_.next()) + std::string(700, 'v'));
      ASSERT_TRUE(world_.engine->apply(batch, durability));
      if (reads)
        world_.engine->get(random_key(), [](const Result<Lookup>& found) { ASSERT_TRUE(found); });
      world_.scheduler.run_until(world_.scheduler.now() + 1ms);
      world_.engine->on_tick(world_.scheduler.now());
    }
    ASSERT_GT(world_.engine->stats().compactions, 5u);
  }
  double share() const { return world_.engine->stats().compaction_share; }
  Duration rested() const { return Duration(world_.engine->stats().compaction_rest_nanoseconds); }

 private:
  std::string random_key() { return "k" + std::to_string(random_.below(2'000)); }

  Random random_{5};
  StorageWorld world_{5};
};

TEST_F(CompactionRestsTest, SyncsThatTakeLongerBesideThemMakeThemRest) {
  open(10);
  write(Durability::always, false);
  EXPECT_LT(share(), 0.9);
  EXPECT_GT(rested(), 50ms);
}

TEST_F(CompactionRestsTest, SoDoReads) {
  open(10);
  write(Durability::none, true);
  EXPECT_LT(share(), 0.9);
  EXPECT_GT(rested(), 50ms);
}

TEST_F(CompactionRestsTest, ThoseThatCostNobodyAnythingHardlyRest) {
  open(1);
  write(Durability::always, true);
  EXPECT_GT(share(), 0.9);
}

}  // namespace
}  // namespace kv
