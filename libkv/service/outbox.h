// The outbox of a service: gathers what a turn has to say to each peer, and sends it as one frame a
// peer at the turn's end. Here "everything is a batch" happens: idle, a frame carries one message
// and nothing waits; under load frames grow by themselves.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "libkv/transport/transport.h"
#include "libkv/wire/frame_codec.h"

namespace kv {

class Outbox {
 public:
  explicit Outbox(Transport& transport) : transport_(transport) {}

  /// What leads every frame from now on.
  void set_head(const FrameHead& head) { head_ = head; }
  const FrameHead& head() const { return head_; }

  /// Adds a message for a peer; PeerId::none drops it. A batch beyond limits::frame_bytes_target
  /// is sent at once.
  template <typename M>
  void add(PeerId to, const M& message) {
    if (to == PeerId::none) return;
    FrameBuilder& builder = builder_for(to);
    builder.add(message);
    if (builder.bytes() >= limits::frame_bytes_target ||
        builder.count() >= limits::frame_messages_max)
      send(to, builder);
  }

  /// Sends what was gathered, in the order in which peers were first addressed.
  void flush();

  uint64_t frames_sent() const { return frames_sent_; }
  uint64_t frames_dropped() const { return frames_dropped_; }

 private:
  FrameBuilder& builder_for(PeerId to);
  void send(PeerId to, FrameBuilder& builder);

  Transport& transport_;
  FrameHead head_;
  std::vector<PeerId> order_;  ///< Peers with something gathered: the order of sending.
  std::unordered_map<uint64_t, FrameBuilder> gathered_;  ///< Never iterated.
  uint64_t frames_sent_ = 0;
  uint64_t frames_dropped_ = 0;
};

}  // namespace kv
