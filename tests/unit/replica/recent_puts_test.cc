#include "libkv/replica/recent_puts.h"

#include <algorithm>
#include <deque>
#include <tuple>

#include <gtest/gtest.h>

#include "libkv/base/random.h"

namespace kv::test {
namespace {

TEST(RecentPuts, KnowsWhatItRemembers) {
  RecentPuts puts(2);
  EXPECT_FALSE(puts.knows("k", {1, 1}, 1));
  puts.remember("k", {1, 1}, 1);
  EXPECT_TRUE(puts.knows("k", {1, 1}, 1));
  EXPECT_FALSE(puts.knows("k", {1, 1}, 2));
  EXPECT_FALSE(puts.knows("k", {1, 2}, 1));
  EXPECT_FALSE(puts.knows("other", {1, 1}, 1));
  puts.remember("k", {1, 1}, 1);
  EXPECT_EQ(puts.size(), 1u);
}

TEST(RecentPuts, TheOldestIsForgottenFirst) {
  RecentPuts puts(2);
  for (uint64_t number = 1; number <= 3; ++number) puts.remember("k", {7, number}, 1);
  EXPECT_FALSE(puts.knows("k", {7, 1}, 1));
  EXPECT_TRUE(puts.knows("k", {7, 2}, 1));
  EXPECT_TRUE(puts.knows("k", {7, 3}, 1));
  EXPECT_EQ(puts.size(), 2u);
}

// Against a queue that is searched from end to end.
TEST(RecentPuts, AreThoseOfAPlainQueue) {
  constexpr size_t kMax = 100;
  Random random(3);
  RecentPuts puts(kMax);
  std::deque<std::tuple<std::string, uint64_t, Attempt>> queue;
  for (int i = 0; i < 20'000; ++i) {
    const std::string key = "k" + std::to_string(random.below(5));
    const uint64_t number = random.below(40);
    const auto attempt = static_cast<Attempt>(1 + random.below(2));
    const std::tuple one(key, number, attempt);
    const bool known = std::find(queue.begin(), queue.end(), one) != queue.end();
    ASSERT_EQ(puts.knows(key, {9, number}, attempt), known) << "after " << i;
    if (random.below(2) == 0) continue;
    puts.remember(key, {9, number}, attempt);
    if (known) continue;
    queue.push_back(one);
    if (queue.size() > kMax) queue.pop_front();
    ASSERT_EQ(puts.size(), queue.size());
  }
}

}  // namespace
}  // namespace kv::test
