#include "tests/sim/sim_environment.h"

#include <gtest/gtest.h>

namespace kv {
namespace {

TEST(SimSchedulerTest, EventsRunByTimeAndThenInTheOrderAdded) {
  SimScheduler scheduler;
  std::string order;
  scheduler.after(2ms, [&] { order += "c"; });
  scheduler.after(1ms, [&] {
    order += "a";
    scheduler.after(1ms, [&] { order += "d"; });
    scheduler.at(SimScheduler::kStart, [&] { order += "b"; });
  });
  EXPECT_EQ(scheduler.run_until(SimScheduler::kStart + 1ms), 2u);
  EXPECT_EQ(order, "ab");
  EXPECT_TRUE(scheduler.run_until_true([&] { return order == "abcd"; }));
  EXPECT_EQ(scheduler.now(), SimScheduler::kStart + 2ms);
  EXPECT_FALSE(scheduler.run_one());
  EXPECT_FALSE(scheduler.run_until_true([] { return false; }));
}

class SimEnvironmentTest : public testing::Test {
 protected:
  SimScheduler scheduler_;
  SimDisk disk_;
  NullLog log_;
};

TEST_F(SimEnvironmentTest, ALaneKeepsItsOrderAndCompletesAfterItsDelay) {
  SimEnvironment process(scheduler_, disk_, log_);
  Executor& executor = process.environment().executor;
  std::string order;
  for (const char c : {'a', 'b', 'c'})
    executor.run(
        Lane::log_sync, [&, c] { order += c; },
        [&, c] { order += static_cast<char>(c - 'a' + 'A'); });
  EXPECT_EQ(order, "");
  scheduler_.run_until(SimScheduler::kStart + 49us);
  EXPECT_EQ(order, "");
  scheduler_.run_until(SimScheduler::kStart + 1ms);
  EXPECT_EQ(order, "aAbBcC");
}

TEST_F(SimEnvironmentTest, ASlowDiskTakesItsFactorLonger) {
  SimEnvironment process(scheduler_, disk_, log_);
  process.set_disk_slowness(100);
  bool done = false;
  process.environment().executor.run(
      Lane::log_sync, [] {}, [&] { done = true; });
  scheduler_.run_until(SimScheduler::kStart + 4900us);
  EXPECT_FALSE(done);
  scheduler_.run_until(SimScheduler::kStart + 16ms);
  EXPECT_TRUE(done);
}

TEST_F(SimEnvironmentTest, AKilledProcessRunsNothingThatWasPosted) {
  SimEnvironment process(scheduler_, disk_, log_);
  bool worked = false, told = false;
  process.environment().executor.run(
      Lane::log_sync, [&] { worked = true; }, [&] { told = true; });
  process.post(1us, [&] { told = true; });
  process.kill();
  while (scheduler_.run_one()) {
  }
  EXPECT_FALSE(worked);
  EXPECT_FALSE(told);
  EXPECT_FALSE(process.environment().files.exists("/").has_value());
}

TEST_F(SimEnvironmentTest, AKillMayFallBetweenTheWorkAndItsCompletion) {
  SimEnvironment process(scheduler_, disk_, log_);
  bool worked = false, told = false;
  process.environment().executor.run(
      Lane::log_sync, [&] { worked = true; }, [&] { told = true; });
  ASSERT_TRUE(scheduler_.run_until_true([&] { return worked; }));
  process.kill();
  while (scheduler_.run_one()) {
  }
  EXPECT_FALSE(told);
}

TEST_F(SimEnvironmentTest, WallClocksAreApartAndDrift) {
  SimProcessOptions fast;
  fast.wall_offset = 3s;
  fast.wall_drift = 0.01;
  SimEnvironment right(scheduler_, disk_, log_), wrong(scheduler_, disk_, log_, fast);
  Clock& a = right.environment().clock;
  Clock& b = wrong.environment().clock;
  EXPECT_EQ(b.wall() - a.wall(), 3s);
  scheduler_.run_until(SimScheduler::kStart + 100s);
  EXPECT_EQ(b.wall() - a.wall(), 4s);
  EXPECT_EQ(b.now(), a.now());
  wrong.shift_wall(-5s);
  EXPECT_EQ(b.wall() - a.wall(), -1s);
}

TEST_F(SimEnvironmentTest, TheSameSeedGivesTheSameTimesAndEntropy) {
  const auto run = [](uint64_t seed) {
    SimScheduler scheduler;
    SimDisk disk;
    NullLog log;
    SimProcessOptions options;
    options.seed = seed;
    SimEnvironment process(scheduler, disk, log, options);
    std::string trace = std::to_string(process.environment().entropy());
    for (const Lane lane : {Lane::read, Lane::read, Lane::background, Lane::log_sync})
      process.environment().executor.run(
          lane, [] {},
          [&] { trace += " " + std::to_string(scheduler.now().time_since_epoch().count()); });
    while (scheduler.run_one()) {
    }
    return trace;
  };
  EXPECT_EQ(run(5), run(5));
  EXPECT_NE(run(5), run(6));
}

}  // namespace
}  // namespace kv
