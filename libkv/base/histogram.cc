#include "libkv/base/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "libkv/base/assert.h"

namespace kv {

// A value's bucket is its first seven bits (of which the highest is 1 from 64 up) and how many bits
// follow them: the shift counts the powers of two.
size_t Histogram::bucket_of(uint64_t nanoseconds) {
  constexpr uint64_t kLast = (uint64_t{1} << kValueBits) - 1;
  const uint64_t value = std::min(nanoseconds, kLast);
  const unsigned width = static_cast<unsigned>(std::bit_width(value));
  const unsigned shift = width > kSubBucketBits + 1 ? width - (kSubBucketBits + 1) : 0;
  return (static_cast<size_t>(shift) << kSubBucketBits) + static_cast<size_t>(value >> shift);
}

Duration Histogram::upper_end(size_t bucket) {
  constexpr size_t kLinear = size_t{2} << kSubBucketBits;
  if (bucket < kLinear) return Duration(static_cast<Duration::rep>(bucket));
  const size_t shift = (bucket >> kSubBucketBits) - 1;
  const uint64_t first_bits = bucket - (shift << kSubBucketBits);
  return Duration(static_cast<Duration::rep>(((first_bits + 1) << shift) - 1));
}

void Histogram::record(Duration value, uint64_t times) {
  if (times == 0) return;
  value = std::max(value, Duration(0));
  buckets_[bucket_of(static_cast<uint64_t>(value.count()))] += times;
  count_ += times;
  sum_ += static_cast<double>(value.count()) * static_cast<double>(times);
  min_ = std::min(min_, value);
  max_ = std::max(max_, value);
}

void Histogram::merge(const Histogram& other) {
  for (size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

Duration Histogram::mean() const {
  if (count_ == 0) return Duration(0);
  return Duration(static_cast<Duration::rep>(sum_ / static_cast<double>(count_)));
}

Duration Histogram::percentile(double fraction) const {
  KV_ASSERT(fraction >= 0 && fraction <= 1);
  const auto wanted = static_cast<uint64_t>(std::ceil(fraction * static_cast<double>(count_)));
  const uint64_t rank = std::clamp<uint64_t>(wanted, 1, std::max<uint64_t>(count_, 1));
  uint64_t seen = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    seen += buckets_[i];
    // The last bucket also holds what lies beyond the range, of which only the maximum is known.
    if (seen >= rank) return i + 1 == kBuckets ? max_ : std::min(upper_end(i), max_);
  }
  return Duration(0);
}

}  // namespace kv
