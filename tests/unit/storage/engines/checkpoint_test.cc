// Checkpoints: what is in them, what they keep out, and what is left of one that failed.
#include <gtest/gtest.h>

#include "tests/crash/checkpoint_copy.h"
#include "tests/unit/storage/engines/written_world.h"

namespace kv {
namespace {

class CheckpointTest : public WrittenWorldTest {
 protected:
  using WrittenWorldTest::WrittenWorldTest;
  void drop(const KeyRange& range) {
    ASSERT_TRUE(world_.engine->drop_range(range, Durability::always));
    EngineHistory::apply(state_, range);
  }
  void ask_for(const CheckpointCopy& copy) {
    answer_.reset();
    copy.ask_for(world_, [this](Result<Sequence> done) { answer_ = std::move(done); });
    EXPECT_FALSE(answer_);
  }
  Result<Sequence> make(const CheckpointCopy& copy) {
    ask_for(copy);
    world_.run_until_idle();
    return *answer_;
  }
  void expect(const CheckpointCopy& copy, const EngineState& expected) {
    const auto state = copy.open(world_);
    ASSERT_TRUE(state) << state.error().what;
    ASSERT_TRUE(*state);
    EXPECT_TRUE(**state == expected);
  }
  bool is_there(const std::string& directory) {
    const auto names = world_.environment->environment().files.list(directory);
    return names && !names->empty();
  }

  std::optional<Result<Sequence>> answer_;
  CheckpointCopy copy_{"copy"};
};

/// Of either engine.
class AnyCheckpointTest : public CheckpointTest, public testing::WithParamInterface<EngineType> {
 protected:
  AnyCheckpointTest() : CheckpointTest(GetParam()) {}
};

TEST_P(AnyCheckpointTest, HoldsWhatWasWrittenBeforeItAndNothingElse) {
  fill('a');
  drop({key(20), key(40)});
  put(key(30), "after the drop");
  const Sequence at = world_.engine->snapshot()->sequence();
  const EngineState before = state_;
  ask_for(copy_);
  for (const char letter : {'b', 'c'}) fill(letter);
  drop({key(100), ""});
  world_.run_until_idle();
  ASSERT_TRUE(answer_ && *answer_) << (*answer_).error().what;
  EXPECT_EQ(**answer_, at);
  expect(copy_, before);
  EXPECT_TRUE(*state_of(*world_.engine) == state_);
  // Nor does it change when the original is dropped whole.
  drop({});
  world_.run_until_idle();
  EXPECT_EQ(world_.engine->stats().sstables, 0u);
  expect(copy_, before);
}

TEST_P(AnyCheckpointTest, OfNothingOpensToo) {
  EXPECT_EQ(*make(copy_), 0u);
  expect(copy_, {});
}

TEST_P(AnyCheckpointTest, IsAnEngineOfItsOwn) {
  fill('a');
  ASSERT_TRUE(make(copy_));
  Environment& environment = world_.environment->environment();
  const auto meta = *open_sqlite_meta(environment, "copy/meta.sqlite");
  {
    const auto engine = *world_.open_engine(*meta, "copy");
    EXPECT_FALSE(engine->recovery().created);
    EXPECT_FALSE(engine->recovery().clean);
    EXPECT_EQ(engine->recovery().last_sequence, world_.engine->snapshot()->sequence());
    ASSERT_TRUE(engine->drop_range({}, Durability::always));
    world_.run_until_idle();
    ASSERT_TRUE(engine->close());
  }
  EXPECT_TRUE(*state_of(*world_.engine) == state_);
}

TEST_P(AnyCheckpointTest, TheCallersRowsGoWithIt) {
  put("a", "1");
  MetaTransaction rows;
  rows.put("identity", "member", "7");
  copy_.ask_for(
      world_, [this](Result<Sequence> done) { answer_ = std::move(done); }, rows);
  world_.run_until_idle();
  ASSERT_TRUE(*answer_);
  const auto meta = *open_sqlite_meta(world_.environment->environment(), "copy/meta.sqlite");
  EXPECT_EQ(*meta->get("identity", "member"), "7");
}

TEST_P(AnyCheckpointTest, ANameInUseIsRefusedAndLeftAlone) {
  put("a", "1");
  EXPECT_EQ(make(CheckpointCopy("data")).error().kind, ErrorKind::invalid);
  EXPECT_EQ(world_.get("a")->value->view(), "1");
  ASSERT_TRUE(make(copy_));
  put("a", "2");
  EXPECT_EQ(make(copy_).error().kind, ErrorKind::invalid);
  expect(copy_, {{"a", "1"}});
}

TEST_P(AnyCheckpointTest, OneAtATime) {
  fill('a');
  ask_for(copy_);
  std::optional<Result<Sequence>> second;
  CheckpointCopy("other").ask_for(world_, [&](Result<Sequence> done) { second = done; });
  world_.run_until_idle();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->error().kind, ErrorKind::busy);
  EXPECT_FALSE(is_there("other"));
  expect(copy_, state_);
}

TEST_P(AnyCheckpointTest, AFullDiskLeavesNothing) {
  fill('a');
  world_.run_until_idle();
  put("a", std::string(2000, 'a'));
  world_.disk.set_capacity(world_.disk.image().used_bytes() + 500);
  EXPECT_EQ(make(copy_).error().kind, ErrorKind::no_space);
  EXPECT_FALSE(is_there("copy"));
  world_.disk.set_capacity(std::nullopt);
  world_.scheduler.run_until(world_.scheduler.now() + 2s);
  ASSERT_TRUE(make(copy_));
  expect(copy_, state_);
}

TEST_F(CheckpointTest, ALinkThatFailsLeavesNothing) {
  fill('a');
  world_.run_until_idle();
  world_.disk.fail_nth(3, FaultKind::link, false);
  EXPECT_EQ(make(copy_).error().kind, ErrorKind::io);
  EXPECT_FALSE(is_there("copy"));
  EXPECT_TRUE(*state_of(*world_.engine) == state_);
  ASSERT_TRUE(make(copy_));
  expect(copy_, state_);
}

/// As after a crash: nothing is cleared away. Without a table, too, it is no engine that is new.
TEST_P(AnyCheckpointTest, WithoutItsManifestItDoesNotOpen) {
  Environment& environment = world_.environment->environment();
  world_.disk.fail_nth(1, FaultKind::remove, true);
  const auto open_and_fail = [&environment]() -> Result<std::unique_ptr<MetaStore>> {
    KV_TRY(open_sqlite_meta(environment, "copy/meta.sqlite"));
    return fail(ErrorKind::io, "failed by the test");
  };
  world_.engine->checkpoint({"copy", open_and_fail, {}},
                            [this](Result<Sequence> done) { answer_ = std::move(done); });
  world_.run_until_idle();
  EXPECT_EQ(answer_->error().kind, ErrorKind::io);
  EXPECT_TRUE(is_there("copy"));
  world_.disk.faults().clear();
  const auto meta = *open_sqlite_meta(environment, "copy/meta.sqlite");
  const auto opened = world_.open_engine(*meta, "copy");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::corrupt);
}

/// Its metadata may lie in another directory than the one whose sync would be SQLite's.
TEST_P(AnyCheckpointTest, ItsLinksAreDurableBeforeItsManifest) {
  fill('a');
  MemoryMeta rows;
  world_.engine->checkpoint(
      {"copy",
       [&rows]() -> Result<std::unique_ptr<MetaStore>> { return open_memory_meta(&rows); },
       {}},
      [this](Result<Sequence> done) { answer_ = std::move(done); });
  world_.run_until_idle();
  ASSERT_TRUE(*answer_);
  Random random(1);
  world_.crash({UnsyncedData::dropped, UnsyncedNames::lost}, random);
  ASSERT_TRUE(world_.open());
  const auto meta = open_memory_meta(&rows);
  const auto copy = world_.open_engine(*meta, "copy");
  ASSERT_TRUE(copy) << copy.error().what;
  EXPECT_TRUE((*copy)->recovery().corruption.empty());
  EXPECT_TRUE(*state_of(**copy) == state_);
}

TEST_P(AnyCheckpointTest, AClosingEngineSaysSo) {
  fill('a');
  ask_for(copy_);
  ASSERT_TRUE(world_.engine->close());
  ASSERT_TRUE(answer_);
  if (*answer_) expect(copy_, state_);
  ask_for(CheckpointCopy("other"));
  world_.run_until_idle();
  EXPECT_EQ(answer_->error().kind, ErrorKind::unavailable);
}

INSTANTIATE_TEST_SUITE_P(Engines, AnyCheckpointTest,
                         testing::Values(EngineType::lsm, EngineType::memory), name_of);

}  // namespace
}  // namespace kv
