// A daemon's Transport: what stays on this host (ipc) goes by LocalTransport, everything else by
// libzmq, which brings heartbeats, names and encryption. Which it is, the endpoint says; both speak
// the same protocol.
//
// Threading: one thread, the loop's.
#pragma once

#include <cstddef>
#include <cstdint>

#include "libkv/net/local_transport.h"
#include "libkv/net/zmq_transport.h"

namespace kv {

class NetTransport final : public Transport {
 public:
  /// Poller tokens from here on are the caller's own.
  static constexpr uint64_t kFirstForeignToken = uint64_t{1} << 62;

  /// `poller` and `clock` must outlive it.
  NetTransport(Poller& poller, Clock& clock, const NetOptions& options = {})
      : zmq_(poller, options), local_(poller, clock, options) {}

  /// Listens on `endpoint` too; errors as those of the two.
  Status bind(const Endpoint& endpoint);

  PeerId connect(const Endpoint& endpoint) override;
  void disconnect(PeerId peer) override;
  bool send(PeerId peer, Frame frame) override;
  size_t unsent_bytes(PeerId peer) const override;

  void mark_ready(uint64_t token);
  /// Each of the two has the whole budget.
  size_t receive(FrameHandler& handler, Instant now, const ReceiveBudget& budget = {});
  bool settle();
  Instant next_wake() const { return local_.next_wake(); }
  void on_tick(Instant now) { local_.on_tick(now); }

  NetCounters counters() const { return local_.counters() + zmq_.counters(); }
  size_t inbound_peers() const { return local_.inbound_peers() + zmq_.inbound_peers(); }
  size_t outgoing_peers() const { return local_.outgoing_peers() + zmq_.outgoing_peers(); }

 private:
  Transport& of(PeerId peer);

  ZmqTransport zmq_;
  LocalTransport local_;  // Behind it: its last frames do not wait for libzmq's.
};

}  // namespace kv
