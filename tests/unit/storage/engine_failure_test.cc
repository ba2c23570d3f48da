// The Nth file operation fails, for every N, once and from then on: nothing is acknowledged that is
// not there afterwards, nothing false is read, and a failed log never acknowledges again.
#include <gtest/gtest.h>

#include "libkv/base/random.h"
#include "tests/crash/engine_history.h"
#include "tests/crash/storage_world.h"

namespace kv {
namespace {

class FailingRun {
 public:
  FailingRun(EngineType type, uint64_t seed) : random_(seed), world_(seed, type) {}

  StorageWorld& world() { return world_; }

  /// Writes, reads, stops and starts; errors are expected, false answers are not.
  void work() {
    for (int round = 0; round < 2; ++round) {
      if (!world_.open()) return;
      history_.cut(world_.engine->recovery().last_sequence);
      promised_ = std::max(promised_, world_.engine->durable_sequence());
      listen();
      for (int step = 0; step < 40; ++step) {
        write();
        read();
        for (uint64_t i = random_.below(4); i > 0; --i) world_.scheduler.run_one();
      }
      world_.run_until_idle();
      read();
      if (world_.engine->close()) promised_ = history_.last();
    }
  }

  /// After the power failed on top of it.
  void check() {
    world_.disk.faults().clear();
    world_.meta = std::make_unique<TracedMeta>(world_.disk, world_.meta->all());
    world_.crash({UnsyncedData::dropped, UnsyncedNames::lost}, random_);
    const Status opened = world_.open();
    ASSERT_TRUE(opened) << opened.error().what;
    const RecoveryReport& report = world_.engine->recovery();
    EXPECT_TRUE(report.corruption.empty()) << report.corruption[0].what;
    ASSERT_GE(report.last_sequence, promised_);
    const auto expected = history_.state_at(report.last_sequence);
    ASSERT_TRUE(expected);
    const auto state = state_of(*world_.engine);
    ASSERT_TRUE(state) << state.error().what;
    ASSERT_TRUE(*state == *expected);
  }

 private:
  void listen() {
    failed_ = false;
    world_.engine->on_durable([this](Result<Sequence> durable) {
      ASSERT_FALSE(failed_) << "called again after the failure";
      if (!durable) {
        failed_ = true;
        return;
      }
      promised_ = *durable;
    });
  }

  void write() {
    WriteBatch batch;
    batch.put("k" + std::to_string(random_.below(30)), std::string(random_.below(400), 'x'));
    if (random_.below(3) == 0) batch.remove("k" + std::to_string(random_.below(30)));
    const auto last = world_.engine->apply(batch, Durability::always);
    if (failed_) {
      ASSERT_FALSE(last) << "a batch was taken after the failure";
    }
    if (last) history_.add(*last, batch);
  }

  void read() {
    const auto expected = history_.state_at(history_.last());
    const auto state = state_of(*world_.engine);
    if (state) {
      ASSERT_TRUE(*state == *expected);
    }
    const std::string key = "k" + std::to_string(random_.below(30));
    const auto lookup = world_.get(key);
    if (!lookup) return;
    ASSERT_EQ(lookup->value.has_value(), expected->count(key) == 1);
    if (lookup->value) {
      ASSERT_EQ(lookup->value->view(), expected->at(key));
    }
  }

  Random random_;
  StorageWorld world_;
  EngineHistory history_;
  Sequence promised_ = 0;
  bool failed_ = false;
};

class EngineFailureTest : public testing::TestWithParam<EngineType> {
 public:
  void sweep(FaultKind kind, uint64_t stride) {
    FailingRun sound(GetParam(), 1);
    sound.work();
    const uint64_t calls = sound.world().disk.faults().calls(kind);
    ASSERT_GT(calls, 0u);
    for (uint64_t n = 1; n <= calls && !HasFailure(); n += stride) {
      for (const bool from_then_on : {false, true}) {
        SCOPED_TRACE("call " + std::to_string(n) + (from_then_on ? " and all after" : ""));
        FailingRun run(GetParam(), 1);
        run.world().disk.fail_nth(n, kind, from_then_on);
        run.work();
        run.check();
      }
    }
  }
};

TEST_P(EngineFailureTest, AnyCall) {
  sweep(FaultKind::any, 7);
}
TEST_P(EngineFailureTest, Sync) {
  sweep(FaultKind::sync, 1);
}
TEST_P(EngineFailureTest, Write) {
  sweep(FaultKind::write, 1);
}
TEST_P(EngineFailureTest, NoSpace) {
  sweep(FaultKind::no_space, 3);
}
TEST_P(EngineFailureTest, MetadataCommit) {
  for (uint64_t n = 1; n <= 25 && !HasFailure(); ++n) {
    SCOPED_TRACE("commit " + std::to_string(n));
    FailingRun run(GetParam(), 1);
    run.world().meta->fail_nth_commit(n);
    run.work();
    run.check();
  }
}

INSTANTIATE_TEST_SUITE_P(Engines, EngineFailureTest,
                         testing::Values(EngineType::lsm, EngineType::memory),
                         [](const auto& engine) {
                           return engine.param == EngineType::lsm ? "lsm" : "memory";
                         });

TEST(EngineFullDiskTest, RefusesThenRecoversByItself) {
  StorageWorld world(5);
  ASSERT_TRUE(world.open());
  EngineHistory history;
  Sequence durable = 0;
  world.engine->on_durable([&](Result<Sequence> risen) {
    ASSERT_TRUE(risen) << risen.error().what;
    durable = *risen;
  });
  const auto put = [&](int i) {
    WriteBatch batch;
    batch.put("k" + std::to_string(i % 50), std::string(300, static_cast<char>('a' + i % 26)));
    const auto last = world.engine->apply(batch, Durability::always);
    if (last) history.add(*last, batch);
    world.run_until_idle();
    return last;
  };
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(put(i));
  world.disk.set_capacity(world.disk.image().used_bytes());
  int refused = 0;
  for (int i = 0; i < 200; ++i) {
    const auto last = put(i);
    if (last) continue;
    EXPECT_EQ(last.error().kind, ErrorKind::no_space) << last.error().what;
    ++refused;
  }
  EXPECT_GT(refused, 0);
  EXPECT_EQ(durable, history.last());
  EXPECT_TRUE(*state_of(*world.engine) == *history.state_at(history.last()));

  world.disk.set_capacity(std::nullopt);
  world.scheduler.run_until(world.scheduler.now() + 2s);
  (void)put(1);  // The first refusal after the pause starts another try.
  world.scheduler.run_until(world.scheduler.now() + 2s);
  EXPECT_TRUE(put(2));
  EXPECT_TRUE(*state_of(*world.engine) == *history.state_at(history.last()));
}

}  // namespace
}  // namespace kv
