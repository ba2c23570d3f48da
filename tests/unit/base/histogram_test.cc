#include "libkv/base/histogram.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "libkv/base/random.h"

namespace kv {
namespace {

TEST(HistogramTest, AnEmptyOneAnswersZero) {
  const Histogram empty;
  EXPECT_EQ(empty.count(), 0u);
  EXPECT_EQ(empty.percentile(0.99), Duration(0));
  EXPECT_EQ(empty.min(), Duration(0));
  EXPECT_EQ(empty.max(), Duration(0));
  EXPECT_EQ(empty.mean(), Duration(0));
}

TEST(HistogramTest, EveryValueFromAMicrosecondTo100SecondsComesBackWithinOnePart64) {
  for (double v = 1000; v <= 1e11; v *= 1.0007) {
    Histogram histogram;
    const Duration value(static_cast<Duration::rep>(v));
    histogram.record(value);
    histogram.record(200s);  // So that max() does not round the answer down.
    const Duration answer = histogram.percentile(0.5);
    ASSERT_GE(answer, value);
    ASSERT_LE(static_cast<double>(answer.count()), v * (1 + 1.0 / 64)) << v;
  }
}

TEST(HistogramTest, BucketsMeetWithoutGapOrOverlap) {
  // Around each power of two the bucket's width changes.
  for (unsigned bits = 1; bits < 38; ++bits)
    for (int64_t value = (int64_t{1} << bits) - 2; value < (int64_t{1} << bits) + 2; ++value) {
      Histogram histogram;
      histogram.record(Duration(value));
      histogram.for_each_bucket([&](Duration upper, uint64_t count) {
        EXPECT_GE(upper.count(), value);
        EXPECT_LE(upper.count() - value, value / 64);
        EXPECT_EQ(count, 1u);
      });
    }
}

TEST(HistogramTest, PercentilesAreThoseOfTheSortedValues) {
  Random random(1);
  Histogram histogram;
  std::vector<Duration> values;
  for (int i = 0; i < 10'000; ++i) {
    values.emplace_back(static_cast<Duration::rep>(std::exp(random.unit() * 20) * 10));
    histogram.record(values.back());
  }
  std::sort(values.begin(), values.end());
  for (const double fraction : {0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const double rank = std::max(std::ceil(fraction * 10'000), 1.0);
    const Duration exact = values[static_cast<size_t>(rank) - 1];
    EXPECT_GE(histogram.percentile(fraction), exact);
    EXPECT_LE(histogram.percentile(fraction), exact + exact / 64);
  }
  EXPECT_EQ(histogram.percentile(1), values.back());
  EXPECT_EQ(histogram.min(), values.front());
}

TEST(HistogramTest, MergingIsRecordingInOne) {
  Histogram all, one, two;
  for (int i = 1; i <= 1000; ++i) {
    all.record(i * 1us);
    (i % 3 == 0 ? one : two).record(i * 1us);
  }
  one.merge(two);
  EXPECT_EQ(one.count(), 1000u);
  for (const double fraction : {0.1, 0.5, 0.99, 1.0})
    EXPECT_EQ(one.percentile(fraction), all.percentile(fraction));
  EXPECT_EQ(one.mean(), 500'500ns);
  EXPECT_EQ(one.max(), 1ms);
  EXPECT_EQ(one.min(), 1us);
  one.merge(Histogram());
  EXPECT_EQ(one.min(), 1us);
  one.clear();
  EXPECT_EQ(one.count(), 0u);
}

TEST(HistogramTest, WhatLiesOutsideTheRangeIsCountedAtItsEnds) {
  Histogram histogram;
  histogram.record(-5ms);
  EXPECT_EQ(histogram.percentile(1), Duration(0));
  histogram.record(1h, 3);
  EXPECT_EQ(histogram.count(), 4u);
  EXPECT_EQ(histogram.max(), Duration(1h));
  EXPECT_EQ(histogram.percentile(0.5), Duration(1h));
}

}  // namespace
}  // namespace kv
