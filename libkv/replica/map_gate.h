// Requests planned with a map newer than this node's: it must take that map before it serves them.
// They wait, bounded in number and time, until the map comes. Lives on the loop's thread.
#pragma once

#include <functional>
#include <vector>

#include "libkv/base/time.h"
#include "libkv/model/ids.h"

namespace kv {

class MapGate {
 public:
  enum class Outcome { map_came, too_late };
  using Then = std::function<void(Outcome)>;

  explicit MapGate(size_t waiters_max) : waiters_max_(waiters_max) {}

  /// False if too many wait already; `then` is dropped.
  bool wait(Epoch epoch, Instant until, Then then);
  /// The node's map is of this epoch now: lets those go whose epoch it reaches, in their order.
  void reached(Epoch epoch);
  void on_time(Instant now);
  size_t waiting() const { return waiters_.size(); }

 private:
  struct Waiter {
    Epoch epoch;
    Instant until;
    Then then;
  };
  template <typename Chosen>
  void release(Outcome outcome, Chosen&& chosen);

  const size_t waiters_max_;
  std::vector<Waiter> waiters_;  // In the order of their coming.
};

}  // namespace kv
