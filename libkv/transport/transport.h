// One interface to whatever carries frames: `net` (plain sockets within a host, libzmq beyond it)
// and the simulator's network. Frames may be lost, repeated, reordered or late: whoever sends keeps
// its own deadlines. A frame that arrives is whole and unchanged.
//
// All calls are made on the loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "libkv/base/result.h"
#include "libkv/base/time.h"
#include "libkv/transport/frame.h"

namespace kv {

/// A peer of this process: an endpoint it connected to, or a sender that connected to it. Never
/// reused within a process. 0 is nobody.
enum class PeerId : uint64_t { none = 0 };

/// `ipc:///path`, `tcp://host:port` or, in the simulator, `sim://…`.
using Endpoint = std::string;

class Transport {
 public:
  virtual ~Transport() = default;
  /// The peer that stands for `endpoint`; connecting goes on by itself, and again after a break.
  /// The same endpoint gives the same peer until it is disconnected.
  virtual PeerId connect(const Endpoint& endpoint) = 0;
  /// Forgets an outgoing peer and what is queued for it.
  virtual void disconnect(PeerId peer) = 0;
  /// Hands a frame over without waiting. False: the peer is gone or its queue is full, and the
  /// frame is dropped.
  virtual bool send(PeerId peer, Frame frame) = 0;
  /// Of frames that were taken for the peer and are still here; small ones need not count. 0 for
  /// one that is gone.
  virtual size_t unsent_bytes(PeerId peer) const = 0;
};

/// Who takes what a transport delivers.
class FrameHandler {
 public:
  virtual ~FrameHandler() = default;
  /// A reply goes back with `send(from, …)`.
  virtual void on_frame(PeerId from, Frame frame, Instant now) = 0;
};

}  // namespace kv
