// When which operation wants to be woken.
//
// Operations ask anew with each event, nearly always for later than before; so an entry that comes
// too early is left in the queue, and put where it belongs when its time has come. An operation
// that has gone leaves its entry behind, to be passed over then. What an operation wants lies in
// the operation itself, which is looked at anyway.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <queue>
#include <utility>
#include <vector>

#include "libkv/base/time.h"

namespace kv {

class WakeQueue {
 public:
  struct Wake {
    Instant wanted = Instant::max();
    Instant queued = Instant::max();  ///< Of its one entry that counts.
  };

  /// Replaces what was asked for before; Instant::max() is never.
  void set(uint64_t operation, Wake* wake, Instant at) {
    wake->wanted = at;
    if (at < wake->queued) push(operation, wake);
  }
  /// Not after the first time that anybody wants; perhaps before.
  Instant next() const { return queue_.empty() ? Instant::max() : queue_.top().first; }
  /// Takes the first operation that is due out; 0 if none is, and then next() is after `now`.
  /// `wake_of(operation)` is its Wake, or null if it has gone. REQUIRES: operations are not 0.
  template <typename WakeOf>
  uint64_t take_due(Instant now, const WakeOf& wake_of) {
    while (!queue_.empty() && queue_.top().first <= now) {
      const auto [at, operation] = queue_.top();
      queue_.pop();
      Wake* const wake = wake_of(operation);
      if (wake == nullptr || wake->queued != at) continue;
      wake->queued = Instant::max();
      if (wake->wanted > now) {
        if (wake->wanted != Instant::max()) push(operation, wake);
        continue;
      }
      wake->wanted = Instant::max();
      return operation;
    }
    return 0;
  }

 private:
  using Entry = std::pair<Instant, uint64_t>;
  void push(uint64_t operation, Wake* wake) {
    wake->queued = wake->wanted;
    queue_.push({wake->queued, operation});
  }

  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue_;
};

}  // namespace kv
