// The Transport over libzmq: one ROUTER bound to this process's endpoints, and one DEALER for each
// peer it connects to. A reply goes back the way its request came.
//
//     connect(endpoint) → DEALER ──────► ROUTER of that process
//     on_frame(from, …)  ◄────── ROUTER ◄── DEALERs of others;  send(from, …) answers
//
// On the wire a frame is one message part. A REQ socket's empty delimiter is accepted and given
// back; any other multipart message is dropped.
//
// Nothing here waits: a frame that finds a full queue, a peer that is gone, or a limit is dropped
// and counted, and send() says so. A DEALER that lost its peer connects again by itself and sends
// what it has queued; who knows better calls disconnect() and connect() anew.
//
// Bounds: NetOptions. libzmq resolves host names on its I/O thread, which stalls all peers when the
// resolver does: configurations name addresses.
//
// Threading: one thread, the loop's. Frames may be released on any thread, and those sent in
// net_options' shared size are released on libzmq's: their owners must allow it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "libkv/base/result.h"
#include "libkv/net/inbound_peers.h"
#include "libkv/net/net_counters.h"
#include "libkv/net/net_options.h"
#include "libkv/net/poller.h"
#include "libkv/net/zmq_message.h"
#include "libkv/net/zmq_socket.h"
#include "libkv/transport/endpoint.h"
#include "libkv/transport/transport.h"

namespace kv {

class ZmqTransport final : public Transport {
 public:
  /// `poller` must outlive the transport.
  explicit ZmqTransport(Poller& poller, NetOptions options = {});
  /// Closes everything; waits at most the linger time for the last frames to be written.
  ~ZmqTransport() override;

  /// Listens on `endpoint` too. An ipc socket is made for the owner alone (mode 0600).
  /// invalid: malformed, or in the way is a file. locked: somebody listens there. denied, io:
  /// whatever the system says. REQUIRES for ipc: see ipc_bind.h.
  Status bind(const Endpoint& endpoint);

  /// none if the endpoint is malformed or there are no sockets left; sending to none fails.
  PeerId connect(const Endpoint& endpoint) override;
  void disconnect(PeerId peer) override;
  bool send(PeerId peer, Frame frame) override;
  size_t unsent_bytes(PeerId peer) const override;

  /// The poller returned `token`. Unknown ones are ignored: a socket may just have been closed.
  void mark_readable(uint64_t token);
  /// Delivers what has come, the sockets taking turns, until nothing is left or the budget is
  /// spent. The handler may call anything here but receive() and settle(). Returns how many frames.
  size_t receive(FrameHandler& handler, Instant now, const ReceiveBudget& budget = {});
  /// Whether receive() has something to do; if not, the poller may sleep.
  /// REQUIRES: asked immediately before, since a send may have hidden an arrival from the poller.
  bool settle();

  const NetCounters& counters() const { return counters_; }
  size_t inbound_peers() const { return inbound_.size(); }
  size_t outgoing_peers() const { return outgoing_.size(); }

 private:
  struct Outgoing {
    std::shared_ptr<ZmqSocket> socket;
    Endpoint endpoint;
    ByteCount unsent;
  };
  struct Arrival {
    PeerId from = PeerId::none;
    Frame frame;
  };
  enum class Received { frame, dropped, nothing };

  Status open_router();
  void set_limits(ZmqSocket& socket);
  void set_endpoint_options(ZmqSocket& socket, const ParsedEndpoint& endpoint);
  bool watch(const std::shared_ptr<ZmqSocket>& socket, uint64_t token);
  void unwatch(ZmqSocket& socket);

  bool has_room(const ByteCount& peer_unsent, size_t size) const;
  void fill(ZmqMessage& message, Frame frame, const ByteCount& peer_unsent);
  bool send_out(PeerId peer, Frame frame);
  bool send_back(PeerId peer, Frame frame);
  bool count_sent(ZmqSocket::Outcome outcome, size_t size);
  void touch(const std::shared_ptr<ZmqSocket>& socket);

  void list(const std::shared_ptr<ZmqSocket>& socket);
  Received receive_one(ZmqSocket& socket, Arrival& arrival);
  Received receive_from_router(Arrival& arrival);
  Received receive_from_dealer(ZmqSocket& socket, Arrival& arrival);
  Received drop_rest(ZmqSocket& socket);
  Frame take_spare();

  Poller& poller_;
  const NetOptions options_;
  void* context_;
  std::shared_ptr<ZmqSocket> router_;  // Null until the first bind().
  InboundPeers inbound_;
  uint64_t next_peer_ = 1;
  std::unordered_map<uint64_t, Outgoing> outgoing_;
  std::unordered_map<Endpoint, PeerId> by_endpoint_;
  ByteCount unsent_;
  std::deque<std::shared_ptr<ZmqSocket>> readable_;
  std::vector<std::shared_ptr<ZmqSocket>> touched_;
  ZmqMessage routing_id_;
  std::shared_ptr<ZmqMessage> spare_;  // Where the next part is received.
  NetCounters counters_;
};

}  // namespace kv
