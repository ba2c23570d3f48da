// How much background work may be on its way to one member at once: a window that grows by one
// for each answer as quick as the member's best, and halves when answers take several times as
// long, so that repair gives way to clients (additive increase, multiplicative decrease; Chiu and
// Jain 1989). Pure.
#pragma once

#include <algorithm>
#include <cstddef>

#include "libkv/base/time.h"

namespace kv {

class Pace {
 public:
  static constexpr size_t kWindowMin = 4;
  static constexpr size_t kWindowMax = 512;

  size_t window() const { return window_; }
  void on_answer(Duration latency) {
    best_ = best_ == Duration::zero() ? latency : std::min(best_ + best_ / 64, latency);
    if (latency > std::max<Duration>(best_ * 8, 20ms)) {
      shrink();
    } else {
      window_ = std::min(window_ + 1, kWindowMax);
    }
  }
  void on_failure() { shrink(); }

 private:
  void shrink() { window_ = std::max(window_ / 2, kWindowMin); }

  size_t window_ = 32;
  Duration best_{};
};

}  // namespace kv
