// Writers are told to wait before they are refused, and are called when there is room again; and
// what the clock brings needs no write: syncs of an interval, another try where there was no room.
#include <gtest/gtest.h>

#include "libkv/base/limits.h"
#include "tests/crash/checkpoint_copy.h"
#include "tests/crash/engine_history.h"
#include "tests/crash/storage_world.h"

namespace kv {
namespace {

class EnginePaceTest : public testing::TestWithParam<EngineType> {
 public:
  EnginePaceTest() : world(7, GetParam()) {
    EXPECT_TRUE(world.open());
    world.engine->on_room([this] { ++calls; });
    world.engine->on_durable([this](Result<Sequence> risen) {
      ASSERT_TRUE(risen) << risen.error().what;
      durable = *risen;
    });
  }
  Engine& engine() { return *world.engine; }
  Instant now() const { return world.scheduler.now(); }
  Result<Sequence> put(int i, Durability durability = Durability::none, size_t bytes = 300) {
    WriteBatch batch;
    batch.put("k" + std::to_string(i % 50), std::string(bytes, static_cast<char>('a' + i % 26)));
    const auto last = engine().apply(batch, durability);
    if (last) history.add(*last, batch);
    return last;
  }
  void tick_at(Instant time) {
    world.scheduler.run_until(time);
    engine().on_tick(now());
    world.run_until_idle();
  }

  StorageWorld world;
  EngineHistory history;
  int calls = 0;
  Sequence durable = 0;
};

/// Of the engine that has memtables and levels.
class LsmPaceTest : public EnginePaceTest {};

// No background work is done meanwhile.
TEST_P(LsmPaceTest, WritersAreSlowedThenStoppedThenCalled) {
  int slowed = 0, written = 0;
  while (engine().room_at() != Instant::max()) {
    ASSERT_LT(written, 1000);
    ASSERT_TRUE(put(written++));
    const Instant at = engine().room_at();
    ASSERT_TRUE(at == Instant::max() || at <= now() + limits::write_delay_max);
    if (at > now() && at != Instant::max()) ++slowed;
  }
  EXPECT_GT(slowed, 5);
  EXPECT_GT(engine().stats().write_rate, 0u);
  const auto refused = put(written);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::busy);
  EXPECT_EQ(calls, 0);

  const Instant began = now();
  world.scheduler.run_until_true([this] { return calls > 0; });
  ASSERT_EQ(calls, 1) << "nobody is called though there is room";
  EXPECT_LE(engine().room_at(), now() + limits::write_delay_max);
  const EngineStats stats = engine().stats();
  EXPECT_EQ(stats.stalls, 1u);
  EXPECT_EQ(stats.stall_nanoseconds_max, static_cast<uint64_t>((now() - began).count()));
  EXPECT_GE(stats.delays, static_cast<uint64_t>(slowed));
  EXPECT_LE(Duration(stats.delay_nanoseconds_max), limits::write_delay_max);
  EXPECT_TRUE(put(written));
  world.run_until_idle();
  EXPECT_EQ(engine().room_at(), Instant::min());
  EXPECT_EQ(engine().stats().write_rate, 0u);
}

// Who waits as long as he is told is never refused.
TEST_P(LsmPaceTest, WhoKeepsToItIsNotRefused) {
  for (int i = 0; i < 5'000; ++i) {
    const Instant at = engine().room_at();
    if (at == Instant::max()) {
      const int before = calls;
      world.scheduler.run_until_true([&] { return calls > before; });
    } else if (at > now()) {
      world.scheduler.run_until(at);
    }
    ASSERT_TRUE(put(i)) << i;
    world.scheduler.run_until(now() + 5us);
  }
  world.run_until_idle();
  EXPECT_GT(engine().stats().delays, 0u);
  EXPECT_TRUE(*state_of(engine()) == *history.state_at(history.last()));
}

TEST_P(EnginePaceTest, AnIntervalEndsInASilenceToo) {
  ASSERT_TRUE(put(1, Durability::interval));
  const Instant due = now() + world.options.sync_interval;
  EXPECT_EQ(engine().next_wake(), due);
  tick_at(due - 1ns);
  EXPECT_EQ(durable, 0u);
  tick_at(due);
  EXPECT_EQ(durable, history.last());
  EXPECT_GT(engine().next_wake(), due + world.options.sync_interval);
}

TEST_P(EnginePaceTest, RoomOnTheDiskIsFoundWithoutAWrite) {
  world.disk.set_capacity(world.disk.image().used_bytes());
  Result<Sequence> last = Sequence{0};
  for (int i = 0; i < 200 && last; ++i) {
    last = put(i, Durability::always);
    if (i % 3 == 0) world.run_until_idle();
  }
  ASSERT_FALSE(last) << "the disk never was full";
  EXPECT_EQ(last.error().kind, ErrorKind::no_space);
  EXPECT_LE(engine().room_at(), now()) << "whoever waits here is not told why";
  EXPECT_LE(engine().next_wake(), now() + limits::disk_full_retry_interval);
  world.disk.set_capacity(std::nullopt);
  for (int i = 0; i < 4; ++i) tick_at(now() + limits::disk_full_retry_interval);
  EXPECT_EQ(durable, history.last());
  EXPECT_GT(engine().next_wake(), now());
  EXPECT_TRUE(put(1, Durability::always));
}

TEST_P(EnginePaceTest, AFullLogCallsWhenItHasRoom) {
  const size_t large = 1u << 20;
  int i = 0;
  while (engine().room_at() != Instant::max()) {
    ASSERT_LT(i, 100);
    ASSERT_TRUE(put(i++, Durability::always, large));
  }
  EXPECT_EQ(calls, 0);
  world.scheduler.run_until_true([this] { return calls > 0; });
  EXPECT_GT(calls, 0);
  EXPECT_NE(engine().room_at(), Instant::max());
}

/// The rate that writers are slowed to at first, after so many memtables were drained that ended
/// long before they were full, as a checkpoint ends them.
uint64_t rate_after_small_flushes(int count) {
  StorageWorld world(9);
  world.options.memtable_bytes = 64 << 10;
  EXPECT_TRUE(world.open());
  Engine& engine = *world.engine;
  const auto put = [&engine](int i) {
    WriteBatch batch;
    batch.put("k" + std::to_string(i % 50), std::string(1000, 'v'));
    EXPECT_TRUE(engine.apply(batch, Durability::none));
  };
  for (int i = 0; i < 300; ++i) {
    put(i);
    world.run_until_idle();
  }
  const uint64_t flushes = engine.stats().flushes;
  for (int i = 0; i < count; ++i) {
    put(i);
    CheckpointCopy("copy" + std::to_string(i)).ask_for(world, [](const Result<Sequence>& done) {
      EXPECT_TRUE(done);
    });
    world.run_until_idle();
  }
  EXPECT_GE(engine.stats().flushes, flushes + static_cast<uint64_t>(count));
  for (int i = 0; engine.stats().write_rate == 0 && i < 1000; ++i) put(i);
  return engine.stats().write_rate;
}

TEST(DrainRate, MemtablesThatEndedEarlySayNothingOfIt) {
  const uint64_t rate = rate_after_small_flushes(0);
  EXPECT_GT(rate, 4 * limits::write_rate_min) << "this would prove little";
  EXPECT_GT(rate_after_small_flushes(40), rate / 2);
}

INSTANTIATE_TEST_SUITE_P(Engines, LsmPaceTest, testing::Values(EngineType::lsm));
INSTANTIATE_TEST_SUITE_P(Engines, EnginePaceTest,
                         testing::Values(EngineType::lsm, EngineType::memory),
                         [](const auto& engine) {
                           return engine.param == EngineType::lsm ? "lsm" : "memory";
                         });

}  // namespace
}  // namespace kv
