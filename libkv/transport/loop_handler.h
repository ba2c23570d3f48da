// What an event loop drives: a service. The real loop (net/event_loop.h) and the simulator call the
// same service in the same way, a turn at a time:
//
//     on_frame …  every frame that has arrived, up to a bound
//     (completions of the executor)
//     on_tick     if next_wake() has come
//     end_of_turn always, last: here batches gathered during the turn are sent
//
// All calls are made on the loop's thread; a handler never blocks.
#pragma once

#include "libkv/base/time.h"
#include "libkv/transport/transport.h"

namespace kv {

class LoopHandler : public FrameHandler {
 public:
  /// When on_tick() is due at the latest. Instant::max() is never. Asked after each turn.
  virtual Instant next_wake() const = 0;
  /// REQUIRES: afterwards next_wake() > now, or the loop would spin.
  virtual void on_tick(Instant now) = 0;
  /// The turn's last call.
  virtual void end_of_turn(Instant now) = 0;
};

}  // namespace kv
