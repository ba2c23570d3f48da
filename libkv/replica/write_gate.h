// Writes that wait because the engine has no room for them, or slows its writers: in the order of
// their coming, bounded in number, and each no longer than its time. Nobody polls: the engine says
// when there will be room, or calls when there is.
//
// Lives on the loop's thread. Takes the engine's one listener for room, and leaves an empty one
// behind.
#pragma once

#include <deque>
#include <functional>

#include "libkv/base/environment.h"
#include "libkv/storage/engine.h"

namespace kv {

class WriteGate {
 public:
  using Then = std::function<void()>;

  WriteGate(Engine& engine, Clock& clock, size_t waiters_max);
  ~WriteGate();
  WriteGate(const WriteGate&) = delete;
  WriteGate& operator=(const WriteGate&) = delete;

  /// Who comes now need not wait.
  bool is_open();
  /// Calls `then` when it is its turn, or when `until` has come: it looks itself whether it is too
  /// late. False if too many wait already; `then` is dropped.
  bool wait(Instant until, Then then);
  size_t waiting() const { return waiters_.size(); }

  /// When on_time() is due.
  Instant next_wake() const;
  void on_time(Instant now);

 private:
  struct Waiter {
    Instant until;
    Then then;
  };
  void release_late(Instant now);
  void release(Instant now);

  Engine& engine_;
  Clock& clock_;
  const size_t waiters_max_;
  std::deque<Waiter> waiters_;
  Instant earliest_ = Instant::max();  // No waiter's time ends before.
  Instant released_at_{};              // When some were let go last, though perhaps not all.
};

}  // namespace kv
