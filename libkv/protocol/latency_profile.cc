#include "libkv/protocol/latency_profile.h"

#include "libkv/base/assert.h"

namespace kv {

namespace {

// Bucket edges in nanoseconds: 2^14 (16 µs), then two a doubling.
constexpr int kFirstShift = 14;

Duration upper_edge(size_t bucket) {
  const int64_t power = int64_t{1} << (kFirstShift + static_cast<int>(bucket / 2));
  return Duration(bucket % 2 == 0 ? power : power + power / 2 - power / 16);
}

}  // namespace

void LatencyProfile::add(Duration latency) {
  size_t bucket = 0;
  while (bucket + 1 < kBuckets && upper_edge(bucket) < latency) ++bucket;
  ++counts_[bucket];
  if (++total_ < kSamplesMax) return;
  total_ = 0;
  for (uint32_t& count : counts_) total_ += count /= 2;
}

Duration LatencyProfile::percentile(unsigned percent, Duration unknown) const {
  KV_ASSERT(percent <= 100);
  if (total_ < kSamplesMin) return unknown;
  const uint64_t wanted = (uint64_t{total_} * percent + 99) / 100;
  uint64_t seen = 0;
  for (size_t bucket = 0; bucket < kBuckets; ++bucket) {
    seen += counts_[bucket];
    if (seen >= wanted) return upper_edge(bucket);
  }
  return upper_edge(kBuckets - 1);
}

}  // namespace kv
