#include "libkv/service/wake_queue.h"

#include <gtest/gtest.h>

namespace kv {
namespace {

constexpr Instant at(int seconds) {
  return Instant(std::chrono::seconds(seconds));
}

TEST(WakeQueue, WakesInTheOrderOfTimes) {
  WakeQueue queue;
  queue.set(1, at(3));
  queue.set(2, at(1));
  queue.set(3, at(2));
  EXPECT_EQ(queue.next(), at(1));
  EXPECT_EQ(queue.take_due(at(2)), 2u);
  EXPECT_EQ(queue.take_due(at(2)), 3u);
  EXPECT_EQ(queue.take_due(at(2)), 0u);
  EXPECT_EQ(queue.take_due(at(3)), 1u);
  EXPECT_EQ(queue.next(), Instant::max());
}

TEST(WakeQueue, TheLastWishCountsWhetherEarlierOrLater) {
  WakeQueue queue;
  queue.set(1, at(5));
  queue.set(1, at(9));
  queue.set(2, at(5));
  queue.set(2, at(3));
  EXPECT_EQ(queue.take_due(at(4)), 2u);
  EXPECT_EQ(queue.take_due(at(6)), 0u);
  EXPECT_GT(queue.next(), at(6));
  EXPECT_EQ(queue.take_due(at(9)), 1u);
  EXPECT_EQ(queue.take_due(at(20)), 0u);
}

TEST(WakeQueue, WhoHasGoneIsNotWoken) {
  WakeQueue queue;
  queue.set(1, at(1));
  queue.clear(1);
  EXPECT_EQ(queue.take_due(at(2)), 0u);
  queue.set(1, at(3));
  EXPECT_EQ(queue.take_due(at(3)), 1u);
}

}  // namespace
}  // namespace kv
