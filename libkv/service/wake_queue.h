// When which operation wants to be woken.
//
// Operations ask anew with each event, nearly always for later than before; so an entry that comes
// too early is left in the queue, and put where it belongs when its time has come. An operation
// that has gone leaves its entry behind, to be passed over then.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <queue>
#include <unordered_map>
#include <utility>
#include <vector>

#include "libkv/base/time.h"

namespace kv {

class WakeQueue {
 public:
  /// Replaces what was asked for before.
  void set(uint64_t operation, Instant at) {
    Wake& wake = wakes_[operation];
    wake.wanted = at;
    if (at < wake.queued) push(operation, &wake);
  }
  void clear(uint64_t operation) { wakes_.erase(operation); }
  /// Not after the first time that anybody wants; perhaps before.
  Instant next() const { return queue_.empty() ? Instant::max() : queue_.top().first; }
  /// Takes the first operation that is due out; 0 if none is, and then next() is after `now`.
  /// REQUIRES: operations are not 0.
  uint64_t take_due(Instant now) {
    while (!queue_.empty() && queue_.top().first <= now) {
      const auto [at, operation] = queue_.top();
      queue_.pop();
      const auto found = wakes_.find(operation);
      if (found == wakes_.end() || found->second.queued != at) continue;
      if (found->second.wanted > now) {
        push(operation, &found->second);
        continue;
      }
      wakes_.erase(found);
      return operation;
    }
    return 0;
  }

 private:
  using Entry = std::pair<Instant, uint64_t>;
  struct Wake {
    Instant wanted = Instant::max();
    Instant queued = Instant::max();  ///< Of its one entry that counts.
  };
  void push(uint64_t operation, Wake* wake) {
    wake->queued = wake->wanted;
    queue_.push({wake->queued, operation});
  }

  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue_;
  std::unordered_map<uint64_t, Wake> wakes_;  ///< Never iterated.
};

}  // namespace kv
