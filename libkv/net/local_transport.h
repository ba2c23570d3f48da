// The Transport between processes of one host: ZMTP over unix sockets, read and written by the
// loop's own thread. libzmq has a thread for that, and each frame then costs two wakes more at
// either end: more than a small frame costs otherwise. On the wire both are the same, so a libzmq
// DEALER, ROUTER or REQ may connect here, and this may connect to a libzmq ROUTER.
//
//     bind(endpoint)     a listener; who connects to it is an inbound peer
//     connect(endpoint)  an outgoing peer, with a queue from the first moment:
//
//         closed ── pause over ──▶ shaking hands ── READY ──▶ open
//            ▲                          │                      │
//            └───── refused, late ──────┴─────── broken ───────┘
//
// A turn's frames to one peer leave in one write, in settle(). Nothing here waits. What a peer that
// is not there, or does not read, leaves unsent stays in its queue up to the bounds of NetOptions;
// beyond them send() refuses. When a connection breaks, what the peer had sent is still delivered;
// what was given to the kernel or stood next in line for it is lost; the rest goes out over the
// next connection. An inbound peer ends with its own. Beyond the bound on inbound peers, the one
// unheard for longest is closed (an answer to it does not count).
//
// Threading: one thread, the loop's. Received frames may be released on any.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "libkv/base/environment.h"
#include "libkv/base/result.h"
#include "libkv/net/net_counters.h"
#include "libkv/net/net_options.h"
#include "libkv/net/poller.h"
#include "libkv/transport/endpoint.h"
#include "libkv/transport/transport.h"
#include "libkv/zmtp/zmtp_connection.h"

namespace kv {

class LocalTransport final : public Transport {
 public:
  /// Set in all its PeerIds and poller tokens, and in nobody else's.
  static constexpr uint64_t kLocalBit = uint64_t{1} << 61;

  /// `poller` and `clock` must outlive it.
  LocalTransport(Poller& poller, Clock& clock, NetOptions options = {});
  /// Closes everything; waits at most the linger time for the last frames of open connections.
  ~LocalTransport() override;

  /// Listens at an ipc endpoint, on a socket for the owner alone (mode 0600).
  /// invalid: malformed, or in the way is a file. locked: somebody listens there. denied, io:
  /// whatever the system says. REQUIRES: see ipc_bind.h.
  Status bind(const Endpoint& endpoint);

  /// none if it is no ipc endpoint; sending to none fails.
  PeerId connect(const Endpoint& endpoint) override;
  void disconnect(PeerId peer) override;
  bool send(PeerId peer, Frame frame) override;
  size_t unsent_bytes(PeerId peer) const override;

  /// The poller returned `token`. Unknown ones are ignored: a peer may just have gone.
  void mark_ready(uint64_t token);
  /// Delivers what has come, the peers taking turns, until nothing is left or the budget is spent.
  /// The handler may call connect, disconnect and send. Returns how many frames.
  size_t receive(FrameHandler& handler, Instant now, const ReceiveBudget& budget = {});
  /// Writes what is queued. Then: whether receive() has something to do; if not, the poller may
  /// sleep.
  bool settle();

  /// When on_tick() is due: to connect again, to give up a handshake, to accept again.
  Instant next_wake() const { return next_wake_; }
  void on_tick(Instant now);

  const NetCounters& counters() const { return counters_; }
  size_t inbound_peers() const { return recency_.size(); }
  size_t outgoing_peers() const { return by_endpoint_.size(); }

 private:
  struct Listener {
    StreamSocket socket;
    std::string path;
    Endpoint endpoint;
    bool watched = false;
  };
  struct Peer {
    uint64_t token = 0;
    PeerId id = PeerId::none;
    Endpoint endpoint;                     ///< Its own, or the listener's it came in by.
    std::unique_ptr<ZmtpConnection> link;  ///< Null in the pause after a failure.
    bool is_open = false;
    bool writes_watched = false;
    bool listed = false;   ///< In readable_.
    bool touched = false;  ///< In touched_.
    Instant deadline{};    ///< Until it is open: of the handshake, or the pause's end.
    Duration pause{};
    std::deque<Frame> waiting;  ///< Behind what the link has taken.
    size_t waiting_bytes = 0;
    size_t counted_bytes = 0;               ///< Its part of unsent_.
    uint64_t counted_drops = 0;             ///< Of the link's.
    std::list<uint64_t>::iterator recency;  ///< Of an inbound one.

    bool is_inbound() const;
    size_t unsent() const { return waiting_bytes + (link && is_open ? link->unsent_bytes() : 0); }
  };
  using PeerRef = std::shared_ptr<Peer>;

  ZmtpOptions link_options() const;
  PeerRef find(uint64_t token) const;

  void accept_from(Listener& listener);
  void admit(const Listener& listener, StreamSocket socket);
  void watch_listeners(bool wanted);
  void accept_later();

  void begin(const PeerRef& peer);
  void advance(const PeerRef& peer);
  void broken(const PeerRef& peer);
  void hang_up(Peer& peer);
  void retry_later(Peer& peer);
  void remove(const PeerRef& peer);
  void expect(Peer& peer, Instant deadline);

  bool has_room(const Peer& peer, size_t size) const;
  void linger();
  Status fill_link(Peer& peer);
  bool write_out(Peer& peer);
  void recount(Peer& peer);
  void touch(const PeerRef& peer);
  void list(const PeerRef& peer);
  void deliver(const PeerRef& peer, FrameHandler& handler, Instant now, const ReceiveBudget& budget,
               size_t& frames, size_t& bytes);

  Poller& poller_;
  Clock& clock_;
  const NetOptions options_;
  uint64_t next_number_ = 1;
  std::unordered_map<uint64_t, Listener> listeners_;
  std::unordered_map<uint64_t, PeerRef> peers_;
  std::unordered_map<Endpoint, uint64_t> by_endpoint_;  // Outgoing.
  std::list<uint64_t> recency_;                         // Inbound; the front was heard last.
  std::unordered_map<uint64_t, PeerRef> not_open_;
  Instant next_wake_ = Instant::max();
  Instant accept_again_ = Instant::max();
  std::deque<PeerRef> readable_;
  std::vector<PeerRef> touched_;
  ZmtpInput spare_room_;
  size_t unsent_ = 0;
  NetCounters counters_;
};

}  // namespace kv
