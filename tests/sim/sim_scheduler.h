// Simulated time: a queue of events in the order (time, insertion). Events at one instant run in
// the order in which they were added, so that the same additions give the same run.
//
// Single-threaded. Tasks may add tasks.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "libkv/base/time.h"

namespace kv {

class SimScheduler {
 public:
  using Task = std::function<void()>;

  /// Where simulated time begins: not zero, which machines may use for "never".
  static constexpr Instant kStart{std::chrono::seconds(1)};

  Instant now() const { return now_; }
  /// Runs `task` at `time`, or next if that has passed.
  void at(Instant time, Task task);
  void after(Duration delay, Task task) { at(now_ + delay, std::move(task)); }

  /// Runs the earliest event and moves the time to it. False if there is none.
  bool run_one();
  /// Runs all events up to and at `time`, then makes it the time. Returns how many ran.
  size_t run_until(Instant time);
  /// Runs events until `done()` or none is left or `events_max` have run; returns done().
  bool run_until_true(const std::function<bool()>& done, size_t events_max = 10'000'000);

  bool empty() const { return queue_.empty(); }
  size_t pending() const { return queue_.size(); }
  /// REQUIRES: not empty().
  Instant next_time() const { return queue_.front().time; }

 private:
  struct Event {
    Instant time;
    uint64_t number;
    Task task;
  };
  static bool later(const Event& a, const Event& b);

  Instant now_ = kStart;
  uint64_t next_number_ = 0;
  std::vector<Event> queue_;  // A heap, the earliest first.
};

}  // namespace kv
