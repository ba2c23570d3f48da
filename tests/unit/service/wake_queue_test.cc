#include "libkv/service/wake_queue.h"

#include <map>

#include <gtest/gtest.h>

namespace kv {
namespace {

constexpr Instant at(int seconds) {
  return Instant(std::chrono::seconds(seconds));
}

/// The queue, and the operations that it serves.
struct Woken {
  void set(uint64_t operation, Instant when) { queue.set(operation, &wakes[operation], when); }
  uint64_t take_due(Instant now) {
    return queue.take_due(now, [this](uint64_t operation) {
      const auto found = wakes.find(operation);
      return found == wakes.end() ? nullptr : &found->second;
    });
  }
  WakeQueue queue;
  std::map<uint64_t, WakeQueue::Wake> wakes;
};

TEST(WakeQueue, WakesInTheOrderOfTimes) {
  Woken woken;
  woken.set(1, at(3));
  woken.set(2, at(1));
  woken.set(3, at(2));
  EXPECT_EQ(woken.queue.next(), at(1));
  EXPECT_EQ(woken.take_due(at(2)), 2u);
  EXPECT_EQ(woken.take_due(at(2)), 3u);
  EXPECT_EQ(woken.take_due(at(2)), 0u);
  EXPECT_EQ(woken.take_due(at(3)), 1u);
  EXPECT_EQ(woken.queue.next(), Instant::max());
}

TEST(WakeQueue, TheLastWishCountsWhetherEarlierOrLater) {
  Woken woken;
  woken.set(1, at(5));
  woken.set(1, at(9));
  woken.set(2, at(5));
  woken.set(2, at(3));
  EXPECT_EQ(woken.take_due(at(4)), 2u);
  EXPECT_EQ(woken.take_due(at(6)), 0u);
  EXPECT_GT(woken.queue.next(), at(6));
  EXPECT_EQ(woken.take_due(at(9)), 1u);
  EXPECT_EQ(woken.take_due(at(20)), 0u);
}

TEST(WakeQueue, WhoHasGoneIsNotWokenNorWhoWantsItNoMore) {
  Woken woken;
  woken.set(1, at(1));
  woken.wakes.erase(1);
  woken.set(2, at(1));
  woken.set(2, Instant::max());
  EXPECT_EQ(woken.take_due(at(2)), 0u);
  EXPECT_EQ(woken.queue.next(), Instant::max());
  woken.set(1, at(3));
  woken.set(2, at(4));
  EXPECT_EQ(woken.take_due(at(3)), 1u);
  EXPECT_EQ(woken.take_due(at(4)), 2u);
}

}  // namespace
}  // namespace kv
