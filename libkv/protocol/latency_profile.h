// How quickly a member has answered of late, as percentiles. A histogram whose buckets grow by half
// a power of two, halved now and then so that old answers fade. A pure value of fixed size;
// deterministic. A percentile is the upper edge of its bucket: at most 42 % too high, never too
// low.
#pragma once

#include <array>
#include <cstdint>

#include "libkv/base/time.h"

namespace kv {

class LatencyProfile {
 public:
  void add(Duration latency);
  /// The latency that `percent` of the recent answers stayed within; `unknown` while there are
  /// fewer than kSamplesMin. REQUIRES: percent <= 100.
  Duration percentile(unsigned percent, Duration unknown) const;
  uint32_t samples() const { return total_; }

  static constexpr uint32_t kSamplesMin = 16;
  static constexpr uint32_t kSamplesMax = 2048;  ///< Then all counts are halved.

 private:
  static constexpr size_t kBuckets = 48;
  std::array<uint32_t, kBuckets> counts_{};
  uint32_t total_ = 0;
};

}  // namespace kv
