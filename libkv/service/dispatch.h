// What every service does with a frame: parse it, refuse another cluster's, and hand its messages
// to an object with one `on(msg::X)` for each type that it takes.
#pragma once

#include "libkv/base/log.h"
#include "libkv/model/ids.h"
#include "libkv/wire/frame_codec.h"

namespace kv {

struct DispatchCounters {
  uint64_t frames = 0;
  uint64_t refused = 0;  ///< Hostile or of a newer version.
  uint64_t wrong_cluster = 0;
};

/// `own` may be none: then any cluster's frames are taken. Returns the epoch that the frame's
/// sender has, 0 if the frame was refused.
template <typename Handler>
Epoch dispatch(const Frame& frame, const ClusterId& own, Log& log, DispatchCounters* counters,
               Handler&& handler) {
  ++counters->frames;
  FrameParser parser(frame);
  if (!parser.status()) {
    ++counters->refused;
    log.warning("frame_refused", {{"reason", parser.status().error().what}});
    return 0;
  }
  const ClusterId& theirs = parser.head().cluster;
  if (!own.is_none() && !theirs.is_none() && !(own == theirs)) {
    ++counters->wrong_cluster;
    log.warning("frame_of_another_cluster", {{"own", own.to_hex()}, {"theirs", theirs.to_hex()}});
    return 0;
  }
  const Epoch epoch = parser.head().epoch;
  if (const Status status = parser.for_each(handler); !status) {
    ++counters->refused;
    log.warning("frame_refused", {{"reason", status.error().what}});
  }
  return epoch;
}

}  // namespace kv
