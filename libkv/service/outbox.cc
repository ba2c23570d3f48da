#include "libkv/service/outbox.h"

namespace kv {

FrameBuilder& Outbox::builder_for(PeerId to) {
  FrameBuilder& builder = gathered_[static_cast<uint64_t>(to)];
  if (builder.empty()) order_.push_back(to);
  return builder;
}

void Outbox::send(PeerId to, FrameBuilder& builder) {
  ++frames_sent_;
  // A frame that cannot be handed over is a lost frame: whoever asked has a deadline of its own.
  if (!transport_.send(to, builder.take(head_))) ++frames_dropped_;
}

void Outbox::flush() {
  // Sending may be to a peer twice where a batch was cut; then its builder is empty here.
  for (const PeerId to : order_) {
    const auto found = gathered_.find(static_cast<uint64_t>(to));
    if (found == gathered_.end()) continue;
    if (!found->second.empty()) send(to, found->second);
    gathered_.erase(found);
  }
  order_.clear();
}

}  // namespace kv
