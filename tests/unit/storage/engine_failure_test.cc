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

/// An engine whose disk, or whose manifest, has no room for a while. Whatever was taken must become
/// durable in the end, without a restart.
class FullDiskRun {
 public:
  FullDiskRun() {
    EXPECT_TRUE(world.open());
    world.engine->on_durable([this](Result<Sequence> risen) {
      ASSERT_TRUE(risen) << risen.error().what;
      durable_ = *risen;
    });
  }

  Result<Sequence> put(int i) {
    WriteBatch batch;
    batch.put("k" + std::to_string(i % 50), std::string(300, static_cast<char>('a' + i % 26)));
    const auto last = world.engine->apply(batch, Durability::always);
    if (last) history_.add(*last, batch);
    return last;
  }
  /// `together` at a time, so that one group of the log may need several segments. Returns how many
  /// were refused.
  int put_many(int count, int together) {
    int refused = 0;
    for (int i = 0; i < count; ++i) {
      const auto last = put(i);
      if (!last) {
        const ErrorKind kind = last.error().kind;
        EXPECT_TRUE(kind == ErrorKind::no_space || kind == ErrorKind::busy) << last.error().what;
        ++refused;
      }
      if (i % together == 0) world.run_until_idle();
    }
    world.run_until_idle();
    return refused;
  }
  /// There is room again; what was refused is tried for some seconds.
  void recover() {
    world.disk.set_capacity(std::nullopt);
    for (int i = 0; i < 5; ++i) {
      world.scheduler.run_until(world.scheduler.now() + 2s);
      (void)put(i);
      world.run_until_idle();
    }
    ASSERT_EQ(put_many(100, 3), 0) << put(0).error().what;
    EXPECT_EQ(durable_, history_.last());
    EXPECT_TRUE(*state_of(*world.engine) == *history_.state_at(history_.last()));
    ASSERT_TRUE(world.engine->close());
    ASSERT_TRUE(world.open());
    EXPECT_TRUE(*state_of(*world.engine) == *history_.state_at(history_.last()));
  }

  StorageWorld world{5};

 private:
  EngineHistory history_;
  Sequence durable_ = 0;
};

TEST(EngineFullDiskTest, RefusesThenRecoversByItself) {
  int refused = 0;
  for (const int together : {1, 40}) {
    for (uint64_t room = 0; room < 20'000 && !testing::Test::HasFailure(); room += 1'300) {
      SCOPED_TRACE(std::to_string(room) + " bytes, " + std::to_string(together) + " together");
      FullDiskRun run;
      ASSERT_EQ(run.put_many(20, 1), 0);
      run.world.disk.set_capacity(run.world.disk.image().used_bytes() + room);
      refused += run.put_many(200, together);
      run.recover();
    }
  }
  EXPECT_GT(refused, 100);
}

TEST(EngineFullDiskTest, AManifestThatRefusesOnceIsAskedAgain) {
  for (const ErrorKind kind : {ErrorKind::no_space, ErrorKind::busy}) {
    for (uint64_t n = 1; n < 12 && !testing::Test::HasFailure(); ++n) {
      SCOPED_TRACE(std::string(to_string(kind)) + " at commit " + std::to_string(n));
      FullDiskRun run;
      run.world.meta->refuse_nth_commit(n, kind);
      run.put_many(200, 3);
      run.recover();
    }
  }
}

}  // namespace
}  // namespace kv
