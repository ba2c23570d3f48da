// Compactions give way to who waits for the disk, as far as debt lets them.
#include "libkv/storage/engines/compaction_pace.h"

#include <cmath>

#include <gtest/gtest.h>

#include "libkv/base/random.h"

namespace kv {
namespace {

/// A compaction that steps and rests, and somebody who waits for the disk all the time.
class CompactionPaceTest : public testing::Test {
 protected:
  /// Waits of such lengths; beside a step, and between steps. Zero: nobody waits.
  struct Disk {
    Duration beside{}, between{};
  };
  /// Returns the part of `time` that steps took.
  double run(Duration time, const Disk& disk, double debt = 0) {
    const Instant end = now + time;
    Duration stepped{};
    while (now < end) {
      pace.begin_step(now);
      const Instant began = now;
      pass(kStep, disk.beside);
      stepped += now - began;
      const Duration rest = pace.end_step(debt, now);
      longest_rest = std::max(longest_rest, rest);
      pass(rest, disk.between);
    }
    return static_cast<double>(stepped.count()) / static_cast<double>(time.count());
  }

  CompactionPace pace;
  Instant now{1s};
  Duration longest_rest{};

 private:
  static constexpr Duration kStep = 2ms;
  void pass(Duration time, Duration wait) {
    const Instant end = now + time;
    if (wait == Duration::zero()) now = end;
    while (now < end) {
      const CompactionPace::Wait begun = pace.begin_wait(now);
      now += wait;
      pace.end_wait(begun, now);
    }
  }
};

TEST_F(CompactionPaceTest, WhileNobodyWaitsThereAreNoRests) {
  EXPECT_GT(run(10s, {}), 0.99);
  EXPECT_EQ(pace.rested(), Duration::zero());
  EXPECT_EQ(pace.share(), 1);
}

TEST_F(CompactionPaceTest, WhereStepsCostNobodyAnythingTheyHaveNearlyAllTheTime) {
  const double had = run(10s, {.beside = 100us, .between = 100us});
  EXPECT_GT(had, 0.9);
  EXPECT_LT(had, 0.96);  // Else nobody would know.
}

TEST_F(CompactionPaceTest, WhereTheyMakeOthersWaitTheyGiveWay) {
  run(5s, {.beside = 900us, .between = 100us});
  EXPECT_EQ(pace.share(), 1.0 / 8);
  EXPECT_NEAR(run(10s, {.beside = 900us, .between = 100us}), 1.0 / 8, 0.03);
  EXPECT_LE(longest_rest, 51ms);
  // And come back when they do not any more.
  run(5s, {.beside = 100us, .between = 100us});
  EXPECT_GT(pace.share(), 0.9);
}

TEST_F(CompactionPaceTest, WhenNobodyWaitsAnyMoreTheyHaveAllTheTime) {
  run(5s, {.beside = 900us, .between = 100us});
  run(3s, {});
  EXPECT_EQ(pace.share(), 1);
  EXPECT_GT(run(10s, {}), 0.99);
}

TEST_F(CompactionPaceTest, DebtHasTheLastWord) {
  run(5s, {.beside = 900us, .between = 100us});
  EXPECT_NEAR(run(10s, {.beside = 900us, .between = 100us}, 0.5), 0.5, 0.05);
  EXPECT_GT(run(10s, {.beside = 900us, .between = 100us}, 1), 0.99);
  EXPECT_GT(run(10s, {.beside = 900us, .between = 100us}, 7), 0.99);
}

// A slow disk: the waits that are to be judged have not ended for seconds.
TEST_F(CompactionPaceTest, WhoHasWaitedForLongIsNotNobody) {
  run(5s, {.beside = 900us, .between = 100us});
  const double had = pace.share();
  ASSERT_LT(had, 0.2);
  const CompactionPace::Wait wait = pace.begin_wait(now);
  run(4s, {});
  EXPECT_EQ(pace.share(), had);
  pace.end_wait(wait, now);
  run(1s, {});
  EXPECT_EQ(pace.share(), had);
  run(2s, {});
  EXPECT_EQ(pace.share(), 1);
}

// Lengths by chance, whoever steps: a long one is no sign that a step made it so.
TEST_F(CompactionPaceTest, LongWaitsThatStepsDoNotMakeSlowNobody) {
  for (const Duration mean : {100us, 1'000us, 10'000us}) {
    SCOPED_TRACE(mean.count());
    Random random(7);
    CompactionPace alone;
    Instant time{1s};
    CompactionPace::Wait wait = alone.begin_wait(time);
    const auto length = [&] {
      const double spread = std::exp(2 * random.unit() - 1);
      return Duration(static_cast<Duration::rep>(static_cast<double>(mean.count()) * spread));
    };
    Instant wait_ends = time + length();
    // Time passes, and one wait follows the other.
    const auto pass_until = [&](Instant end) {
      for (; wait_ends <= end; wait_ends += length()) {
        alone.end_wait(wait, wait_ends);
        wait = alone.begin_wait(wait_ends);
      }
      time = end;
    };
    Duration stepped{};
    const Instant end = time + 60s;
    while (time < end) {
      alone.begin_step(time);
      pass_until(time + 2ms);
      stepped += 2ms;
      pass_until(time + alone.end_step(0, time));
    }
    EXPECT_GT(stepped, 48s);
  }
}

TEST_F(CompactionPaceTest, ARestThatIsNotTakenDoesNotCountAndIsOwedStill) {
  run(5s, {.beside = 900us, .between = 100us});
  pace.begin_step(now);
  const Duration rested = pace.rested();
  now += 2ms;
  pace.cancel_rest(pace.end_step(0, now));
  now += 500ms;  // And then there is the next compaction.
  pace.begin_step(now);
  EXPECT_EQ(pace.rested(), rested);
  now += 1ms;
  EXPECT_GT(pace.end_step(0, now), Duration::zero());
}

// It may have waited for a flush, which goes first.
TEST_F(CompactionPaceTest, OneLongStepIsNotFollowedByALongRest) {
  run(5s, {.beside = 900us, .between = 100us});
  pace.begin_step(now);
  now += 10s;
  EXPECT_LE(pace.end_step(0, now), 50ms);
}

}  // namespace
}  // namespace kv
