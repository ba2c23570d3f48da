#include "libkv/base/counters.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace kv {
namespace {

TEST(CountersTest, ANameIsOneCounterAndAllAreVisitedInOrder) {
  Counters counters;
  Counter& puts = counters.of("puts");
  counters.of("gets").add(5);
  puts.add();
  counters.of("puts").add();
  counters.of("members").set(3);
  std::string shown;
  counters.for_each([&](const std::string& name, uint64_t value) {
    shown += name + "=" + std::to_string(value) + " ";
  });
  EXPECT_EQ(shown, "gets=5 members=3 puts=2 ");
}

TEST(CountersTest, ThreadsLoseNoCount) {
  Counters counters;
  Counter& counter = counters.of("n");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) counter.add();
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter.value(), 4000u);
}

}  // namespace
}  // namespace kv
