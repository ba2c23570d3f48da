// What a transport has carried and dropped. Counted on the loop's thread.
#pragma once

#include <cstdint>

namespace kv {

struct NetCounters {
  uint64_t frames_received = 0;
  uint64_t bytes_received = 0;
  uint64_t frames_sent = 0;
  uint64_t bytes_sent = 0;
  uint64_t dropped_full = 0;       ///< To a peer whose queue is full.
  uint64_t dropped_gone = 0;       ///< To a peer that is not known or connected any more.
  uint64_t dropped_oversize = 0;   ///< Larger than a frame may be.
  uint64_t dropped_malformed = 0;  ///< Received in several parts.

  friend NetCounters operator+(NetCounters a, const NetCounters& b) {
    a.frames_received += b.frames_received;
    a.bytes_received += b.bytes_received;
    a.frames_sent += b.frames_sent;
    a.bytes_sent += b.bytes_sent;
    a.dropped_full += b.dropped_full;
    a.dropped_gone += b.dropped_gone;
    a.dropped_oversize += b.dropped_oversize;
    a.dropped_malformed += b.dropped_malformed;
    return a;
  }
};

}  // namespace kv
