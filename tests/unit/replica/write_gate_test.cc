// Writes wait for room in the engine: in order, not for ever, and nobody polls.
#include "libkv/replica/write_gate.h"

#include <gtest/gtest.h>

#include "libkv/base/limits.h"
#include "tests/unit/replica/fake_engine.h"

namespace kv {
namespace {

class HandClock final : public Clock {
 public:
  Instant now() override { return at; }
  WallTime wall() override { return {}; }
  Instant at{1s};
};

class WriteGateTest : public testing::Test {
 public:
  bool wait(int name, Duration time = 10s) {
    return gate.wait(clock.at + time, [this, name] { gone.push_back(name); });
  }
  test::FakeStore store;
  test::FakeEngine engine{&store};
  HandClock clock;
  WriteGate gate{engine, clock, 4};
  std::vector<int> gone;
};

TEST_F(WriteGateTest, WhoNeedNotWaitIsNotAskedTheTime) {
  EXPECT_TRUE(gate.is_open());
  EXPECT_EQ(gate.next_wake(), Instant::max());
}

TEST_F(WriteGateTest, TheyGoWhenTheirTimeComesInTheirOrder) {
  engine.room = clock.at + 5ms;
  EXPECT_FALSE(gate.is_open());
  ASSERT_TRUE(wait(1));
  ASSERT_TRUE(wait(2));
  EXPECT_EQ(gate.next_wake(), clock.at + 5ms);
  gate.on_time(clock.at + 4ms);
  EXPECT_TRUE(gone.empty());
  clock.at += 5ms;
  EXPECT_FALSE(gate.is_open()) << "those who wait come first";
  gate.on_time(clock.at);
  EXPECT_EQ(gone, (std::vector<int>{1, 2}));
  EXPECT_TRUE(gate.is_open());
  EXPECT_EQ(gate.next_wake(), Instant::max());
}

TEST_F(WriteGateTest, TheEngineCallsWhereNoTimeIsKnown) {
  engine.room = Instant::max();
  ASSERT_TRUE(wait(1));
  EXPECT_EQ(gate.next_wake(), clock.at + 10s) << "the end of its time";
  engine.make_room();
  EXPECT_EQ(gone, std::vector<int>{1});
}

TEST_F(WriteGateTest, AWriteMayMakeTheNextWait) {
  engine.room = Instant::max();
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(gate.wait(clock.at + 10s, [this, i] {
      gone.push_back(i);
      engine.room = clock.at + 1ms;
    }));
  engine.make_room();
  EXPECT_EQ(gone, std::vector<int>{0});
  clock.at += 1ms;
  gate.on_time(clock.at);
  EXPECT_EQ(gone, (std::vector<int>{0, 1}));
  EXPECT_GT(gate.next_wake(), clock.at) << "the loop would spin";
}

TEST_F(WriteGateTest, NobodyWaitsLongerThanHisTimeNorAreThereTooMany) {
  engine.room = Instant::max();
  ASSERT_TRUE(wait(1, 3s));
  ASSERT_TRUE(wait(2, 1s));
  ASSERT_TRUE(wait(3, 2s));
  ASSERT_TRUE(wait(4, 1s));
  EXPECT_FALSE(wait(5));
  gate.on_time(clock.at + 1s);
  EXPECT_EQ(gone, (std::vector<int>{2, 4}));
  EXPECT_EQ(gate.next_wake(), clock.at + 2s);
  gate.on_time(clock.at + 3s);
  EXPECT_EQ(gone, (std::vector<int>{2, 4, 1, 3}));
}

TEST_F(WriteGateTest, NotAllAreLetGoInOneTurn) {
  WriteGate wide(engine, clock, 10 * limits::paced_writes_a_turn);
  engine.room = Instant::max();
  size_t through = 0;
  for (size_t i = 0; i < 2 * limits::paced_writes_a_turn; ++i)
    ASSERT_TRUE(wide.wait(clock.at + 10s, [&through] { ++through; }));
  engine.make_room();
  EXPECT_EQ(through, limits::paced_writes_a_turn);
  EXPECT_LE(wide.next_wake(), clock.at + 1ms);
  wide.on_time(wide.next_wake());
  EXPECT_EQ(wide.waiting(), 0u);
}

}  // namespace
}  // namespace kv
