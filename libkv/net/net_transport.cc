#include "libkv/net/net_transport.h"

#include <utility>

namespace kv {

namespace {

bool is_local(uint64_t token) {
  return (token & LocalTransport::kLocalBit) != 0;
}

bool is_local(const Endpoint& endpoint) {
  return endpoint.starts_with("ipc:");
}

}  // namespace

Status NetTransport::bind(const Endpoint& endpoint) {
  return is_local(endpoint) ? local_.bind(endpoint) : zmq_.bind(endpoint);
}

PeerId NetTransport::connect(const Endpoint& endpoint) {
  return is_local(endpoint) ? local_.connect(endpoint) : zmq_.connect(endpoint);
}

Transport& NetTransport::of(PeerId peer) {
  if (is_local(static_cast<uint64_t>(peer))) return local_;
  return zmq_;
}

void NetTransport::disconnect(PeerId peer) {
  of(peer).disconnect(peer);
}

bool NetTransport::send(PeerId peer, Frame frame) {
  return of(peer).send(peer, std::move(frame));
}

size_t NetTransport::unsent_bytes(PeerId peer) const {
  if (is_local(static_cast<uint64_t>(peer))) return local_.unsent_bytes(peer);
  return zmq_.unsent_bytes(peer);
}

void NetTransport::mark_ready(uint64_t token) {
  if (is_local(token))
    local_.mark_ready(token);
  else
    zmq_.mark_readable(token);
}

size_t NetTransport::receive(FrameHandler& handler, Instant now, const ReceiveBudget& budget) {
  return local_.receive(handler, now, budget) + zmq_.receive(handler, now, budget);
}

bool NetTransport::settle() {
  const bool local = local_.settle();
  const bool zmq = zmq_.settle();
  return local || zmq;
}

}  // namespace kv
