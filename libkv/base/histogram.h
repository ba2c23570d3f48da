// Durations counted in log-linear buckets (the layout of Gil Tene's HdrHistogram): 64 buckets for
// each power of two, so that every answer is at most 1/64 above a value that was recorded, in
// constant memory (17 KB), from one nanosecond to 2^38 of them (275 s).
//
//     value      0 … 127     128 … 255     256 … 511     512 … 1023   …   nanoseconds
//     a bucket      1             2             4             8        …   nanoseconds wide
//
// Pure. Not thread-safe: each thread records into its own, and they are merged.
#pragma once

#include <array>
#include <cstdint>

#include "libkv/base/time.h"

namespace kv {

class Histogram {
 public:
  /// Counts `value` `times` times. Negative counts as zero; beyond the range as its end, though
  /// max() is exact.
  void record(Duration value, uint64_t times = 1);
  /// Adds all that `other` has counted.
  void merge(const Histogram& other);
  void clear() { *this = Histogram(); }

  uint64_t count() const { return count_; }
  /// Zero if nothing has been recorded.
  Duration min() const { return count_ == 0 ? Duration(0) : min_; }
  Duration max() const { return max_; }
  Duration mean() const;
  /// The least duration that at least `fraction` of the recorded ones do not exceed, rounded up to
  /// its bucket's end but never above max(). Zero if nothing has been recorded.
  /// REQUIRES: 0 <= fraction <= 1.
  Duration percentile(double fraction) const;

  /// Calls `visit(upper, count)` for each bucket that is not empty, in rising order; `upper` is the
  /// greatest duration that falls into it.
  template <typename Visit>
  void for_each_bucket(Visit visit) const {
    for (size_t i = 0; i < kBuckets; ++i)
      if (buckets_[i] != 0) visit(upper_end(i), buckets_[i]);
  }

 private:
  static constexpr unsigned kSubBucketBits = 6;  // 64 buckets a power of two.
  static constexpr unsigned kValueBits = 38;
  static constexpr size_t kBuckets = (kValueBits - kSubBucketBits + 1) << kSubBucketBits;

  static size_t bucket_of(uint64_t nanoseconds);
  static Duration upper_end(size_t bucket);

  std::array<uint64_t, kBuckets> buckets_{};
  uint64_t count_ = 0;
  double sum_ = 0;  // In nanoseconds; an integer could overflow within a long life.
  Duration min_ = Duration::max();
  Duration max_{0};
};

}  // namespace kv
