// Whole ranges dropped at once: what leaves the disk, what stays for older readers, what is
// refused.
#include <gtest/gtest.h>

#include "libkv/base/limits.h"
#include "libkv/storage/log/log_segment.h"
#include "tests/unit/storage/engines/written_world.h"

namespace kv {
namespace {

class DropRangeTest : public WrittenWorldTest {
 protected:
  /// Several levels of tables, and nothing in memory alone but a few keys.
  void fill() {
    for (int round = 0; round < 3; ++round) WrittenWorldTest::fill(static_cast<char>('a' + round));
    world_.run_until_idle();
    ASSERT_GT(world_.engine->stats().sstables, 4u);
  }
  Sequence drop(const std::string& from, const std::string& to) {
    auto last = world_.engine->drop_range({from, to}, Durability::always);
    while (!last && last.error().kind == ErrorKind::busy && world_.scheduler.run_one())
      last = world_.engine->drop_range({from, to}, Durability::always);
    EXPECT_TRUE(last);
    return last ? *last : 0;
  }
  void damage_all_tables() {
    ASSERT_TRUE(world_.engine->close());
    world_.end();
    DiskImage image = world_.disk.snapshot();
    for (const std::string& path : image.paths())
      if (path.ends_with(".sst")) image.flip_bit(path, 100, 1);
    world_.disk.restore(std::move(image));
    ASSERT_TRUE(world_.open());
  }
  size_t pairs() { return state_of(*world_.engine)->size(); }
  size_t table_files() {
    size_t count = 0;
    for (const std::string& path : world_.disk.image().paths()) count += path.ends_with(".sst");
    return count;
  }

  Random random_{1};
};

TEST_F(DropRangeTest, EverythingLeavesTheDiskUnread) {
  fill();
  const uint64_t written = world_.engine->stats().bytes_written_compaction;
  drop("", "");
  EXPECT_EQ(pairs(), 0u);
  world_.run_until_idle();
  const EngineStats stats = world_.engine->stats();
  EXPECT_EQ(stats.sstables, 0u);
  EXPECT_EQ(stats.range_drops, 0u);
  EXPECT_EQ(stats.bytes_written_compaction, written);
  EXPECT_EQ(table_files(), 0u);
  EXPECT_TRUE(world_.engine->close());
  ASSERT_TRUE(world_.open());
  EXPECT_EQ(pairs(), 0u);
}

TEST_F(DropRangeTest, APartLeavesTheDiskAndThenItsRow) {
  fill();
  const uint64_t before = world_.engine->stats().disk_bytes - world_.engine->stats().log_bytes;
  drop(key(50), key(250));
  EXPECT_EQ(pairs(), 100u);
  EXPECT_FALSE(world_.get(key(50))->value);
  EXPECT_FALSE(world_.get(key(249))->value);
  EXPECT_TRUE(world_.get(key(49))->value);
  EXPECT_TRUE(world_.get(key(250))->value);
  world_.run_until_idle();
  const EngineStats stats = world_.engine->stats();
  EXPECT_EQ(stats.range_drops, 0u);
  EXPECT_LT(stats.disk_bytes - stats.log_bytes, before / 2);
  EXPECT_EQ(pairs(), 100u);
  put(key(100), "again");
  EXPECT_EQ(pairs(), 101u);
}

TEST_F(DropRangeTest, WhoReadsOlderStatesKeepsTheFiles) {
  fill();
  auto snapshot = world_.engine->snapshot();
  const size_t files = table_files();
  drop("", "");
  world_.run_until_idle();
  EXPECT_EQ(table_files(), files);
  EXPECT_EQ(snapshot->get(key(7))->value->view(), std::string(40, 'c'));
  size_t seen = 0;
  for (const auto walk = snapshot->iterate({}, true); walk->valid(); walk->next()) ++seen;
  EXPECT_EQ(seen, 300u);
  snapshot.reset();
  put("another", "so that files nobody needs are looked for");
  drop("another", "anothes");
  world_.run_until_idle();
  EXPECT_EQ(table_files(), 0u);
}

TEST_F(DropRangeTest, ItIsAsDurableAsABatch) {
  fill();
  const Sequence dropped = drop(key(0), key(100));
  world_.scheduler.run_until_true([&] { return world_.engine->durable_sequence() >= dropped; });
  for (int round = 0; round < 3; ++round) {
    world_.crash(kAllLost, random_);
    ASSERT_TRUE(world_.open());
    EXPECT_EQ(world_.engine->recovery().last_sequence, dropped);
    EXPECT_EQ(pairs(), 200u);
    world_.run_until_idle();
    EXPECT_EQ(pairs(), 200u);
  }
}

TEST_F(DropRangeTest, ADamagedTableThatIsDroppedIsNoTroubleAnyMore) {
  fill();
  damage_all_tables();
  EXPECT_FALSE(state_of(*world_.engine));
  drop("", "");
  EXPECT_EQ(pairs(), 0u);
  EXPECT_FALSE(world_.get(key(3))->value);
  world_.run_until_idle();
  EXPECT_EQ(world_.engine->stats().sstables, 0u);
}

TEST_F(DropRangeTest, FreesATreeOfWhichNothingCanSink) {
  fill();
  damage_all_tables();
  for (int i = 0; i < 2000; ++i) put(key(1), std::string(500, 'x'));
  drop("", "");
  world_.run_until_idle();
  EXPECT_EQ(world_.engine->stats().sstables, 0u);
  put(key(1), "1");
  EXPECT_EQ(pairs(), 1u);
}

TEST_F(DropRangeTest, ARangeWithoutKeysIsNothingToDo) {
  put("a", "1");
  EXPECT_EQ(drop("b", "b"), 1u);
  EXPECT_EQ(drop("b", "a"), 1u);
  EXPECT_EQ(drop("a", ""), 2u);
  EXPECT_EQ(pairs(), 0u);
}

TEST_F(DropRangeTest, WhatIsRefused) {
  const std::string long_key(limits::engine_key_bytes_max + 1, 'x');
  EXPECT_EQ(world_.engine->drop_range({long_key, ""}, Durability::none).error().kind,
            ErrorKind::invalid);
  EXPECT_EQ(world_.engine->drop_range({"", long_key}, Durability::none).error().kind,
            ErrorKind::invalid);
  ASSERT_TRUE(world_.engine->close());
  EXPECT_EQ(world_.engine->drop_range({}, Durability::none).error().kind, ErrorKind::unavailable);
}

/// Who does not know of drops would show again what they mask.
TEST_F(DropRangeTest, TheManifestSaysThatItHasDrops) {
  fill();
  EXPECT_EQ(*world_.meta->get("engine", "format"), "1");
  drop(key(50), key(51));
  for (int n = 100; n < 300; ++n) put(key(n), std::string(40, 'd'));
  world_.run_until_idle();
  EXPECT_EQ(*world_.meta->get("engine", "format"), "2");
}

TEST_F(DropRangeTest, HundredsAreMaskedAndTidiedAsOneWouldBe) {
  fill();
  for (int i = 0; i < 800; ++i) {
    const int from = static_cast<int>(random_.below(300));
    const KeyRange range{key(from), key(from + 1 + static_cast<int>(random_.below(6)))};
    drop(range.from, range.to);
    EngineHistory::apply(state_, range);
    if (i % 3 == 0) put(key(static_cast<int>(random_.below(300))), std::string(60, 'd'));
    // Now and then some of what is to be done is done, so that drops stand everywhere.
    if (random_.below(20) == 0) world_.scheduler.run_one();
    if (i % 100 == 99) {
      EXPECT_TRUE(*state_of(*world_.engine) == state_) << i;
    }
  }
  ASSERT_TRUE(world_.engine->close());
  ASSERT_TRUE(world_.open());
  EXPECT_TRUE(*state_of(*world_.engine) == state_);
  world_.run_until_idle();
  EXPECT_TRUE(*state_of(*world_.engine) == state_);
}

/// A table that cannot be read keeps the drops over a part of it, but not each that there ever was.
TEST_F(DropRangeTest, OfDropsThatNewerOnesCoverNothingStays) {
  fill();
  damage_all_tables();
  for (int round = 0; round < 20; ++round) {
    drop(key(50), key(250));
    drop(key(60 + round), key(200 + round));
    for (int n = 100; n < 200; ++n) put(key(n), std::string(40, 'd'));
    world_.run_until_idle();
  }
  EXPECT_GT(world_.engine->stats().range_drops, 0u) << "this would prove little";
  EXPECT_LE(world_.engine->stats().range_drops, 4u);
}

TEST_F(DropRangeTest, ManyThatATableStraddlesDoNotFillLevelZero) {
  ASSERT_TRUE(world_.engine->drop_range({"a", "b"}, Durability::always));
  for (int n = 0; n < 300; n += 6) put(key(n), std::string(40, 'x'));
  for (int n = 0; n < 300; n += 12) drop(key(n), key(n + 3));
  // What follows is of keys behind all of these, and ends the memtable that has the drops.
  for (int n = 300; world_.engine->stats().flushes == 0; ++n) put(key(n), std::string(40, 'y'));
  size_t most = 0;
  while (world_.scheduler.run_one())
    most = std::max(most, world_.engine->stats().by_level.empty()
                              ? 0
                              : world_.engine->stats().by_level.front().tables);
  EXPECT_LE(most, limits::level0_tables_soft);
  EXPECT_EQ(world_.engine->stats().range_drops, 0u);
}

}  // namespace
}  // namespace kv
