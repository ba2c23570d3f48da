// How long a member's heartbeat may stay where it is before that means something: learnt from the
// intervals at which it rose so far.
//
// The idea is that of accrual detectors (Hayashibara et al., "The φ Accrual Failure Detector",
// 2004): not a fixed timeout but the history of arrivals tells how surprising a silence is. Their
// normal distribution has too thin a tail for heartbeats that come by gossip, where the interval
// is regular in a small cluster and near exponential in one so large that a message carries only a
// part of the table. So the patience is mean + k · mean deviation, both moving averages as in
// TCP's timer (Jacobson, 1988), with a k that suits the exponential tail: there the mean deviation
// is 0.74 of the mean, and k = 20 means that one silence in 3 million is taken for a failure. In
// a small cluster the deviation is tiny, and the floor decides: six intervals lost in a row.
//
// A value. Pure.
#pragma once

#include <algorithm>
#include <cmath>

#include "libkv/base/time.h"

namespace kv {

class ArrivalHistory {
 public:
  struct Settings {
    double deviations = 20;
    Duration floor = 1500ms;
    Duration ceiling = 30s;
    Duration first = 3s;  ///< While there is no history.
  };

  void add(Duration interval) {
    const double x = seconds_of(interval);
    if (samples_ == 0) {
      mean_seconds_ = x;
      deviation_seconds_ = x / 2;
    } else {
      deviation_seconds_ += (std::abs(x - mean_seconds_) - deviation_seconds_) * kWeight;
      mean_seconds_ += (x - mean_seconds_) * kWeight;
    }
    if (samples_ < kEnough) ++samples_;
  }

  Duration patience(const Settings& settings) const {
    if (samples_ < kEnough) return std::max(settings.first, settings.floor);
    const double seconds = mean_seconds_ + settings.deviations * deviation_seconds_;
    const auto learnt =
        std::chrono::duration_cast<Duration>(std::chrono::duration<double>(std::min(seconds, 1e6)));
    return std::clamp(learnt, settings.floor, settings.ceiling);
  }

 private:
  static constexpr double kWeight = 1.0 / 16;
  static constexpr int kEnough = 4;  ///< Fewer samples say nothing about a deviation.
  double mean_seconds_ = 0;
  double deviation_seconds_ = 0;
  int samples_ = 0;
};

}  // namespace kv
