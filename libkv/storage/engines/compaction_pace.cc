#include "libkv/storage/engines/compaction_pace.h"

#include <algorithm>
#include <utility>

#include "libkv/base/planted.h"

namespace kv {

namespace {

constexpr double kLeast = 1.0 / 8;
constexpr double kMost = 15.0 / 16;  // While anybody waits: else there would be nothing to compare.
constexpr double kLess = 3.0 / 4, kMore = 5.0 / 4;
constexpr double kTooLong = 1.5;
constexpr uint64_t kWaitsToJudge = 4;  // Of each kind.
constexpr Duration kJudgeInterval = 100ms;
constexpr Duration kNobodyWaits = 1s;  // If nobody has for so long.
constexpr Duration kShortestRest = 5ms;
constexpr Duration kLongestRest = 50ms;

}  // namespace

void CompactionPace::begin_step(Instant now) {
  if (std::exchange(resting_, false)) rested_ += now - step_ended_;
  stepping_ = true;
  step_began_ = now;
}

Duration CompactionPace::end_step(double debt, Instant now) {
  stepping_ = false;
  step_ended_ = now;
  if (now - judged_ >= kJudgeInterval) judge(now);
  used_share_ = std::max(share_, std::min(debt, 1.0));
  if (used_share_ >= 1 || KV_PLANTED(compact_without_rest)) {
    owed_ = {};
    return {};
  }
  const double step = static_cast<double>((now - step_began_).count());
  // No more than one rest is owed: a step that had to wait for a flush was not that long.
  owed_ = std::min(owed_ + Duration(static_cast<Duration::rep>(step * (1 / used_share_ - 1))),
                   kLongestRest);
  if (owed_ < kShortestRest) return {};
  resting_ = true;
  return std::exchange(owed_, Duration{});
}

void CompactionPace::cancel_rest(Duration rest) {
  resting_ = false;
  owed_ = std::max(owed_, rest);
}

CompactionPace::Wait CompactionPace::begin_wait(Instant now) {
  ++waiting_;
  return {now, stepping_};
}

// By when it began: were it by what it met, a long one would always have met a step.
void CompactionPace::end_wait(const Wait& wait, Instant now) {
  Waits& waits = wait.in_step ? in_steps_ : in_rests_;
  --waiting_;
  ++waits.count;
  waits.total += now - wait.began;
  waited_ = now;
}

void CompactionPace::judge(Instant now) {
  judged_ = now;
  if (waiting_ == 0 && now - waited_ >= kNobodyWaits) {
    share_ = 1;
    return;
  }
  share_ = std::min(share_, kMost);
  if (in_steps_.count < kWaitsToJudge || in_rests_.count < kWaitsToJudge) return;
  const bool costs = in_steps_.mean() > kTooLong * in_rests_.mean();
  share_ = std::clamp(share_ * (costs ? kLess : kMore), kLeast, kMost);
  in_steps_.age();
  in_rests_.age();
}

void CompactionPace::Waits::age() {
  count /= 2;
  total /= 2;
}

}  // namespace kv
