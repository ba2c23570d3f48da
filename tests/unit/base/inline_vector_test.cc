#include "libkv/base/inline_vector.h"

#include <vector>

#include <gtest/gtest.h>

#include "libkv/base/random.h"

namespace kv {
namespace {

using Numbers = InlineVector<uint64_t, 3>;

std::vector<uint64_t> contents(const Numbers& numbers) {
  return {numbers.begin(), numbers.end()};
}

TEST(InlineVector, KeepsItsFirstValuesInItself) {
  Numbers numbers{1, 2, 3};
  const auto* self = reinterpret_cast<const char*>(&numbers);
  const auto* data = reinterpret_cast<const char*>(numbers.data());
  EXPECT_TRUE(data >= self && data < self + sizeof numbers);
  numbers.push_back(4);
  data = reinterpret_cast<const char*>(numbers.data());
  EXPECT_FALSE(data >= self && data < self + sizeof numbers);
  EXPECT_EQ(contents(numbers), (std::vector<uint64_t>{1, 2, 3, 4}));
}

TEST(InlineVector, AMovedOneIsEmptyAndUsable) {
  for (const size_t size : {2u, 9u}) {
    Numbers from;
    for (size_t i = 0; i < size; ++i) from.push_back(i);
    const std::vector<uint64_t> before = contents(from);
    Numbers to = std::move(from);
    EXPECT_EQ(contents(to), before);
    EXPECT_TRUE(from.empty());
    from.push_back(7);
    EXPECT_EQ(contents(from), std::vector<uint64_t>{7});
    from = std::move(to);
    EXPECT_EQ(contents(from), before);
  }
}

TEST(InlineVector, TakesAValueOfItsOwnWhileItGrows) {
  Numbers numbers{5, 6, 7};
  numbers.push_back(numbers[0]);
  numbers.insert(numbers.begin(), numbers.back());
  EXPECT_EQ(contents(numbers), (std::vector<uint64_t>{5, 5, 6, 7, 5}));
}

// Whatever is done to it, it holds what a std::vector holds.
TEST(InlineVector, AgreesWithAVector) {
  Random random(7);
  Numbers numbers;
  std::vector<uint64_t> model;
  for (int i = 0; i < 20'000; ++i) {
    switch (random.below(6)) {
      case 0:
      case 1:
        numbers.push_back(static_cast<uint64_t>(i));
        model.push_back(static_cast<uint64_t>(i));
        break;
      case 2: {
        const size_t at = random.below(model.size() + 1);
        numbers.insert(numbers.begin() + at, static_cast<uint64_t>(i));
        model.insert(model.begin() + static_cast<long>(at), static_cast<uint64_t>(i));
        break;
      }
      case 3: {
        const Numbers copy = numbers;
        ASSERT_EQ(copy, numbers);
        numbers = copy;
        break;
      }
      case 4: {
        Numbers moved = std::move(numbers);
        numbers = std::move(moved);
        break;
      }
      default:
        if (random.below(4) == 0) {
          numbers.clear();
          model.clear();
        }
    }
    ASSERT_EQ(contents(numbers), model) << i;
  }
}

}  // namespace
}  // namespace kv
