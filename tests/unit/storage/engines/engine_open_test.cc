// Opening, closing, refusing, and what is left on the disk.
#include <gtest/gtest.h>

#include "libkv/base/limits.h"
#include "libkv/storage/levels/manifest.h"
#include "libkv/storage/levels/version.h"
#include "tests/crash/engine_history.h"
#include "tests/crash/storage_world.h"

namespace kv {
namespace {

constexpr CrashPolicy kAllLost{UnsyncedData::dropped, UnsyncedNames::lost};

class EngineOpenTest : public testing::TestWithParam<EngineType> {
 public:
  EngineOpenTest() { EXPECT_TRUE(world_.open()); }
  void put(const std::string& key, const std::string& value) {
    WriteBatch batch;
    batch.put(key, value);
    auto last = world_.engine->apply(batch, Durability::always);
    if (!last) {
      ASSERT_EQ(last.error().kind, ErrorKind::busy);
      world_.run_until_idle();
      last = world_.engine->apply(batch, Durability::always);
    }
    ASSERT_TRUE(last);
  }
  size_t files(const std::string& extension) {
    size_t count = 0;
    for (const std::string& path : world_.disk.image().paths()) count += path.ends_with(extension);
    return count;
  }

  Random random_{1};
  StorageWorld world_{1, GetParam()};
};

TEST_P(EngineOpenTest, ReportsHowItBegan) {
  EXPECT_TRUE(world_.engine->recovery().created);
  ASSERT_TRUE(world_.engine->close());
  ASSERT_TRUE(world_.open());
  EXPECT_FALSE(world_.engine->recovery().created);
  EXPECT_TRUE(world_.engine->recovery().clean);
}

TEST_P(EngineOpenTest, TheCleanFlagGoesWithTheFirstWriteAndNotBefore) {
  put("a", "1");
  ASSERT_TRUE(world_.engine->close());
  ASSERT_TRUE(world_.open());
  world_.crash(kAllLost, random_);
  ASSERT_TRUE(world_.open());
  EXPECT_TRUE(world_.engine->recovery().clean) << "nothing was written";
  put("a", "2");
  world_.run_until_idle();
  world_.crash(kAllLost, random_);
  ASSERT_TRUE(world_.open());
  EXPECT_FALSE(world_.engine->recovery().clean);
  EXPECT_EQ(state_of(*world_.engine)->at("a"), "2");
}

TEST_P(EngineOpenTest, ASequenceIsNeverGivenOutTwice) {
  put("a", "1");
  put("b", "2");
  ASSERT_TRUE(world_.engine->close());
  ASSERT_TRUE(world_.open());
  WriteBatch batch;
  batch.put("c", "3");
  batch.remove("a");
  EXPECT_EQ(*world_.engine->apply(batch, Durability::none), 4u);
}

TEST_P(EngineOpenTest, AClosedEngineRefuses) {
  put("a", "1");
  ASSERT_TRUE(world_.engine->close());
  EXPECT_TRUE(world_.engine->close());
  WriteBatch batch;
  batch.put("a", "2");
  EXPECT_EQ(world_.engine->apply(batch, Durability::none).error().kind, ErrorKind::unavailable);
  EXPECT_FALSE(*world_.engine->get_if_cached("a"));
  EXPECT_FALSE(world_.get("a"));
  EXPECT_FALSE(world_.engine->iterate({})->status());
}

TEST_P(EngineOpenTest, WhatIsTooLargeIsRefusedWhole) {
  WriteBatch batch;
  batch.put("small", "1");
  batch.put(std::string(limits::engine_key_bytes_max + 1, 'k'), "1");
  const auto refused = world_.engine->apply(batch, Durability::always);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::invalid);
  EXPECT_TRUE(state_of(*world_.engine)->empty());
  batch.clear();
  batch.put(std::string(limits::engine_key_bytes_max, 'k'), std::string(300 << 10, 'v'));
  EXPECT_TRUE(world_.engine->apply(batch, Durability::always));
  world_.run_until_idle();
  EXPECT_EQ(world_.engine->durable_sequence(), 1u);
}

TEST_P(EngineOpenTest, AnEmptyBatchChangesNothing) {
  EXPECT_EQ(*world_.engine->apply(WriteBatch(), Durability::always), 0u);
  put("", "the empty key");
  EXPECT_EQ(world_.get("")->value->view(), "the empty key");
}

INSTANTIATE_TEST_SUITE_P(Engines, EngineOpenTest,
                         testing::Values(EngineType::lsm, EngineType::memory),
                         [](const auto& engine) {
                           return engine.param == EngineType::lsm ? "lsm" : "memory";
                         });

class LsmFilesTest : public EngineOpenTest {};
INSTANTIATE_TEST_SUITE_P(Lsm, LsmFilesTest, testing::Values(EngineType::lsm));

TEST_P(LsmFilesTest, RestartsDoNotPileUpLogSegments) {
  for (int i = 0; i < 40; ++i) {
    put("k" + std::to_string(i), "v");
    world_.run_until_idle();
    world_.end();
    ASSERT_TRUE(world_.open());
    world_.run_until_idle();
  }
  EXPECT_LE(files(".log"), limits::log_old_segments_max + 2);
  EXPECT_EQ(state_of(*world_.engine)->size(), 40u);
}

TEST_P(LsmFilesTest, AWalkKeepsTheFilesItReadsAndNoLonger) {
  const auto fill = [&](const std::string& value) {
    for (int i = 0; i < 400; ++i) put("k" + std::to_string(i % 100), value + std::to_string(i));
    world_.run_until_idle();
  };
  fill("old");
  const auto before = *pairs_of(*world_.engine);
  auto walk = world_.engine->iterate({}, false);
  const uint64_t compactions = world_.engine->stats().compactions;
  fill("new");
  ASSERT_GT(world_.engine->stats().compactions, compactions);
  EXPECT_GT(files(".sst"), world_.engine->stats().sstables);
  std::vector<std::pair<std::string, std::string>> pairs;
  for (; walk->valid(); walk->next()) pairs.emplace_back(walk->key(), walk->value());
  ASSERT_TRUE(walk->status());
  EXPECT_TRUE(pairs == before);
  walk.reset();
  // No job need come for that.
  world_.engine->on_tick(world_.scheduler.now());
  world_.run_until_idle();
  EXPECT_EQ(files(".sst"), world_.engine->stats().sstables);
}

TEST_P(LsmFilesTest, TablesThatCannotStandWhereTheManifestSaysAreCorrupt) {
  for (const uint32_t level : {1u, static_cast<uint32_t>(kLevels)}) {
    ASSERT_TRUE(world_.open());
    for (int i = 0; i < 400; ++i) put("k" + std::to_string(i % 100), "v" + std::to_string(i));
    world_.run_until_idle();
    ASSERT_TRUE(world_.engine->close());
    const ManifestState state = *Manifest(world_.metadata()).open(0);
    ASSERT_FALSE(state.tables.empty());
    ManifestChange change;
    for (const uint64_t number : {1000u, 1001u}) {
      change.added.push_back(state.tables.front());
      change.added.back().number = number;
      change.added.back().level = level;
    }
    const MetaRows sound = world_.meta->all();
    ASSERT_TRUE(Manifest(world_.metadata()).commit(change));
    const Status opened = world_.open();
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().kind, ErrorKind::corrupt);
    EXPECT_NE(opened.error().what.find(level == 1 ? "overlap" : "level"), std::string::npos);
    world_.meta = std::make_unique<TracedMeta>(world_.disk, sound);
  }
}

TEST_P(LsmFilesTest, TablesNobodyNamesAreRemovedAtOpen) {
  for (int i = 0; i < 100; ++i) put("k" + std::to_string(i), std::string(100, 'v'));
  world_.run_until_idle();
  const uint64_t named = world_.engine->stats().sstables;
  {
    SimFileSystem other(world_.disk);
    ASSERT_TRUE(other.open("data/009999.sst", OpenMode::write_new));
    ASSERT_TRUE(other.open("data/notes.sst", OpenMode::write_new));
  }
  ASSERT_TRUE(world_.open());
  EXPECT_EQ(files(".sst"), named + 1) << "only what has our kind of name is ours";
}

}  // namespace
}  // namespace kv
