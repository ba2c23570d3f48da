// Every bound and interval of the transports, in one place.
#pragma once

#include <cstddef>

#include "libkv/base/time.h"

namespace kv {

struct NetOptions {
  /// Of a frame, either way. A connection that claims more is closed, before anything is allocated.
  size_t frame_bytes_max = size_t{80} << 20;
  /// Waiting to be sent to one peer (with libzmq also, to be received from it); the bytes of large
  /// ones are bounded below.
  int queued_frames_max = 4096;
  /// Frames of at least this size are bounded by their bytes (and given to libzmq without a copy).
  size_t shared_bytes_min = 2048;
  /// Unwritten bytes for one peer. One frame is always taken.
  size_t queued_bytes_per_peer_max = size_t{128} << 20;
  /// The same over all peers.
  size_t queued_bytes_max = size_t{512} << 20;
  /// Senders remembered; the one unheard for longest is forgotten first, and its ipc connection
  /// closed.
  size_t inbound_peers_max = 16384;
  int sockets_max = 4096;  ///< Of libzmq.
  int backlog = 1024;

  std::chrono::milliseconds handshake_limit{3000};
  std::chrono::milliseconds connect_limit{1000};  ///< Of libzmq; a unix socket does not wait.
  /// A restarted peer is reached within about the second of these.
  std::chrono::milliseconds reconnect_first{10};
  std::chrono::milliseconds reconnect_max{80};
  /// On tcp a silent peer is given up after the second of these.
  std::chrono::milliseconds heartbeat_interval{2000};
  std::chrono::milliseconds heartbeat_limit{6000};
  /// What the last frames have to reach the peer when the transport is destroyed.
  std::chrono::milliseconds linger{300};
};

/// What one turn of the loop takes in at most, and in which slices the sockets take turns.
struct ReceiveBudget {
  size_t frames = 1024;
  size_t bytes = size_t{4} << 20;
  size_t frames_per_slice = 32;
};

}  // namespace kv
