// Tables that are taken as they are: where they come to stand, what they hide, what is refused.
#include "libkv/storage/engines/ingest.h"

#include <gtest/gtest.h>

#include "libkv/storage/table/table_walk.h"
#include "tests/crash/checkpoint_copy.h"
#include "tests/crash/prepared_table.h"
#include "tests/unit/storage/engines/written_world.h"

namespace kv {
namespace {

class IngestTest : public WrittenWorldTest {
 protected:
  using WrittenWorldTest::WrittenWorldTest;
  static EngineState pairs(int from, int to, const std::string& value) {
    EngineState state;
    for (int n = from; n < to; ++n) state[key(n)] = value;
    return state;
  }
  std::string prepare(const EngineState& state) {
    const std::string path = "made/" + std::to_string(++made_) + ".sst";
    const Status prepared = prepare_table(world_, path, state);
    EXPECT_TRUE(prepared) << prepared.error().what;
    return path;
  }
  void ask_for(const std::vector<std::string>& paths) {
    answer_.reset();
    world_.engine->ingest(paths, [this](Result<Sequence> done) { answer_ = std::move(done); });
    EXPECT_FALSE(answer_);
  }
  Result<Sequence> ingest(const std::vector<std::string>& paths) {
    ask_for(paths);
    world_.run_until_idle();
    return *answer_;
  }
  void take_over(const EngineState& ingested) {
    for (const auto& [key, value] : ingested) state_[key] = value;
  }
  void check() {
    const auto state = state_of(*world_.engine);
    ASSERT_TRUE(state) << state.error().what;
    EXPECT_TRUE(*state == state_);
    for (int n = 0; n < 320; n += 7) {
      const auto found = world_.get(key(n));
      ASSERT_TRUE(found);
      ASSERT_EQ(found->value.has_value(), state_.count(key(n)) != 0) << key(n);
      if (found->value) {
        EXPECT_EQ(found->value->view(), state_[key(n)]);
      }
    }
  }
  size_t table_files() {
    size_t count = 0;
    for (const std::string& path : world_.disk.image().paths())
      count += path.starts_with("data/") && path.ends_with(".sst");
    return count;
  }
  void damage(const std::string& path) {
    DiskImage image = world_.disk.snapshot();
    image.flip_bit(path, 60, 1);
    const auto rows = world_.meta->all();
    world_.restore(std::move(image), rows);
    ASSERT_TRUE(world_.open());
  }

  Random random_{1};
  int made_ = 0;
  std::optional<Result<Sequence>> answer_;
};

/// Of either engine.
class AnyIngestTest : public IngestTest, public testing::WithParamInterface<EngineType> {
 protected:
  AnyIngestTest() : IngestTest(GetParam()) {}
};

TEST_P(AnyIngestTest, IsNewerThanWhatWasWrittenAndOlderThanWhatComes) {
  fill('a');
  const EngineState ingested = pairs(100, 200, "ingested");
  const Sequence before = world_.engine->snapshot()->sequence();
  const auto old = world_.engine->snapshot();
  ask_for({prepare(ingested)});
  take_over(ingested);
  put(key(150), "written after the call");
  ASSERT_TRUE(world_.engine->drop_range({key(160), key(170)}, Durability::always));
  EngineHistory::apply(state_, KeyRange{key(160), key(170)});
  world_.run_until_idle();
  ASSERT_TRUE(*answer_) << answer_->error().what;
  EXPECT_EQ(**answer_, before + (type_ == EngineType::lsm ? 1 : ingested.size()));
  check();
  EXPECT_EQ(old->get(key(150))->value->view(), std::string(40, 'a'));
  for (const char letter : {'b', 'c'}) fill(letter);
  check();
}

TEST_F(IngestTest, ADropAfterTheCallHidesTablesThatComeAfterItsFlush) {
  fill('a');
  world_.run_until_idle();
  const EngineState ingested = pairs(400, 500, "ingested");
  ask_for({prepare(ingested)});
  take_over(ingested);
  const KeyRange range{key(400), key(450)};
  ASSERT_TRUE(world_.engine->drop_range(range, Durability::always));
  EngineHistory::apply(state_, range);
  // The flush that brings the drop to the manifest follows at once that which the ingest waits for.
  fill('b');
  world_.run_until_idle();
  ASSERT_TRUE(*answer_);
  check();
  EXPECT_FALSE(world_.get(key(420))->value);
  EXPECT_TRUE(world_.get(key(470))->value);
  ASSERT_TRUE(world_.engine->close());
  ASSERT_TRUE(world_.open());
  check();
}

TEST_P(AnyIngestTest, SurvivesAPowerLossOnceItIsDone) {
  fill('a');
  const EngineState ingested = pairs(290, 320, "ingested");
  ASSERT_TRUE(ingest({prepare(ingested)}));
  take_over(ingested);
  for (int round = 0; round < 3; ++round) {
    world_.crash(kAllLost, random_);
    ASSERT_TRUE(world_.open());
    EXPECT_TRUE(world_.engine->recovery().corruption.empty());
    check();
    world_.run_until_idle();
    check();
  }
}

TEST_F(IngestTest, StandsAsDeepAsItMay) {
  fill('a');
  world_.run_until_idle();
  EngineState all;
  const EngineState beside = pairs(400, 500, "beside"), above = pairs(0, 100, "above");
  const EngineStats before = world_.engine->stats();
  ASSERT_TRUE(ingest({prepare(beside)}));
  take_over(beside);
  ASSERT_TRUE(world_.get(key(450))->value);
  EXPECT_EQ(static_cast<uint64_t>(world_.get(key(450))->level), before.levels - 1);
  EXPECT_EQ(world_.engine->stats().bytes_written_compaction, before.bytes_written_compaction);
  ASSERT_TRUE(ingest({prepare(above)}));
  take_over(above);
  EXPECT_LT(world_.get(key(50))->level, world_.get(key(450))->level);
  check();
}

TEST_F(IngestTest, SeveralTablesComeAtOnceAndInAnyOrder) {
  const EngineState left = pairs(0, 50, "left"), right = pairs(50, 90, "right");
  ASSERT_TRUE(ingest({prepare(right), prepare(left)}));
  take_over(left);
  take_over(right);
  check();
  EXPECT_EQ(world_.engine->stats().sstables, 2u);
}

TEST_P(AnyIngestTest, TheFilesStayTheirMakersAndTheCopiesTheEngines) {
  const EngineState ingested = pairs(0, 50, "ingested");
  const std::string path = prepare(ingested);
  ASSERT_TRUE(ingest({path}));
  take_over(ingested);
  ASSERT_TRUE(world_.environment->environment().files.remove(path));
  ASSERT_TRUE(world_.engine->close());
  ASSERT_TRUE(world_.open());
  check();
}

TEST_P(AnyIngestTest, IsInACheckpoint) {
  fill('a');
  const EngineState ingested = pairs(100, 120, "ingested");
  ASSERT_TRUE(ingest({prepare(ingested)}));
  take_over(ingested);
  const CheckpointCopy copy("copy");
  copy.ask_for(world_, [this](Result<Sequence> done) { answer_ = std::move(done); });
  world_.run_until_idle();
  ASSERT_TRUE(*answer_);
  const auto state = copy.open(world_);
  ASSERT_TRUE(state) << state.error().what;
  EXPECT_TRUE(**state == state_);
}

TEST_P(AnyIngestTest, ADamagedTableIsRefusedAndNothingChanges) {
  fill('a');
  world_.run_until_idle();
  const std::string sound = prepare(pairs(0, 10, "x")), bad = prepare(pairs(10, 200, "y"));
  damage(bad);
  world_.run_until_idle();
  const auto refused = ingest({sound, bad});
  EXPECT_EQ(refused.error().kind, ErrorKind::corrupt);
  EXPECT_NE(refused.error().what.find(bad), std::string::npos) << refused.error().what;
  EXPECT_EQ(table_files(), world_.engine->stats().sstables);
  check();
  put("another", "write");
  world_.run_until_idle();
  ASSERT_TRUE(world_.engine->close());
  ASSERT_TRUE(world_.open());
  check();
}

TEST_P(AnyIngestTest, WhatElseIsRefused) {
  fill('a');
  world_.run_until_idle();
  const std::string one = prepare(pairs(0, 10, "x")), other = prepare(pairs(9, 20, "y"));
  EXPECT_EQ(ingest({one, other}).error().kind, ErrorKind::invalid);
  EXPECT_EQ(ingest({}).error().kind, ErrorKind::invalid);
  EXPECT_EQ(ingest({"made/none.sst"}).error().kind, ErrorKind::not_found);
  std::string own;
  for (const std::string& path : world_.disk.image().paths())
    if (path.ends_with(".sst") && path.starts_with("data/")) own = path;
  if (type_ == EngineType::lsm) {
    EXPECT_EQ(ingest({own}).error().kind, ErrorKind::invalid) << "a table of the engine's own";
  }
  check();
  ASSERT_TRUE(world_.engine->close());
  EXPECT_EQ(ingest({one}).error().kind, ErrorKind::unavailable);
}

TEST_F(IngestTest, OneAtATime) {
  const std::string one = prepare(pairs(0, 10, "x")), other = prepare(pairs(9, 20, "y"));
  ask_for({one});
  std::optional<Result<Sequence>> second;
  world_.engine->ingest({other}, [&](Result<Sequence> done) { second = std::move(done); });
  world_.run_until_idle();
  EXPECT_EQ(second->error().kind, ErrorKind::busy);
  EXPECT_TRUE(*answer_);
  take_over(pairs(0, 10, "x"));
  check();
}

TEST_F(IngestTest, ALinkThatFailsLeavesNothing) {
  fill('a');
  world_.run_until_idle();
  const std::string left = prepare(pairs(0, 10, "x")), right = prepare(pairs(20, 30, "y"));
  world_.disk.fail_nth(2, FaultKind::link, false);
  EXPECT_EQ(ingest({left, right}).error().kind, ErrorKind::io);
  EXPECT_EQ(table_files(), world_.engine->stats().sstables);
  check();
  ASSERT_TRUE(ingest({left, right}));
  take_over(pairs(0, 10, "x"));
  take_over(pairs(20, 30, "y"));
  check();
}

INSTANTIATE_TEST_SUITE_P(Engines, AnyIngestTest,
                         testing::Values(EngineType::lsm, EngineType::memory), name_of);

TEST(IngestWriterTest, RefusesWhatIsOutOfOrderOrEmpty) {
  StorageWorld world(1);
  ASSERT_TRUE(world.open());
  FileSystem& files = world.environment->environment().files;
  const auto writer = *IngestWriter::create(files, "data/a", {});
  EXPECT_EQ(writer->finish().error().kind, ErrorKind::invalid);
  EXPECT_TRUE(writer->put("b", "1"));
  EXPECT_EQ(writer->put("b", "2").error().kind, ErrorKind::invalid);
  EXPECT_EQ(writer->put("a", "2").error().kind, ErrorKind::invalid);
  EXPECT_TRUE(writer->put("c", "3"));
  EXPECT_TRUE(writer->finish());
  TableVisitor nobody;
  EXPECT_EQ(walk_table(files, "data/a", nobody)->entries, 2u);
  EXPECT_FALSE(IngestWriter::create(files, "data/a", {}));
}

TEST_F(IngestTest, ATableThatChangedSinceItWasVerifiedIsNotTaken) {
  const std::string path = prepare(pairs(0, 30, "ingested"));
  Environment& environment = world_.environment->environment();
  ASSERT_TRUE(environment.files.make_directories("other"));
  const auto directory = std::make_shared<TableDirectory>(environment.files, environment.clock,
                                                          "other", TableOptions(), 1);
  Ingest ingest({path}, directory, Manifest(*world_.meta), 1, [](const Result<Sequence>&) {});
  ingest.verify_slice();
  ASSERT_TRUE(ingest.status() && ingest.is_verified());
  const auto file = *environment.files.open(path, OpenMode::write);
  ASSERT_TRUE(file->truncate(*file->size() - 1));
  ingest.link();
  ASSERT_FALSE(ingest.status());
  EXPECT_EQ(ingest.status().error().what, path + ": it has changed since it was verified");
}

/// One that verified all of a large table at once would keep reads waiting for as long.
TEST_F(IngestTest, TablesAreVerifiedInSlices) {
  constexpr int kPairs = 400;
  const std::string left = prepare(pairs(0, kPairs, std::string(8 << 10, 'x')));
  const std::string right = prepare(pairs(kPairs, kPairs + 10, "small"));
  Environment& environment = world_.environment->environment();
  const auto directory = std::make_shared<TableDirectory>(environment.files, environment.clock,
                                                          "other", TableOptions(), 1);
  Ingest ingest({right, left}, directory, Manifest(*world_.meta), 1,
                [](const Result<Sequence>&) {});
  uint64_t slices = 0;
  for (; !ingest.is_verified(); ++slices) {
    const uint64_t reads = world_.disk.faults().calls(FaultKind::read);
    ingest.verify_slice();
    ASSERT_TRUE(ingest.status());
    // A block has one of the large values; footer, index and properties are not data, and of some
    // blocks each there is a section's.
    const uint64_t blocks = kVerifySliceBytes / (8 << 10);
    EXPECT_LE(world_.disk.faults().calls(FaultKind::read) - reads,
              4 + blocks + blocks / world_.options.section_blocks);
  }
  EXPECT_GE(slices, 1 + kPairs * (8 << 10) / kVerifySliceBytes);
}

}  // namespace
}  // namespace kv
