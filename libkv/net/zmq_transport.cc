#include "libkv/net/zmq_transport.h"

#include <cerrno>
#include <utility>

#include "libkv/base/assert.h"
#include "libkv/net/ipc_bind.h"

namespace kv {

namespace {

constexpr uint64_t kRouterToken = 0;

void* new_context(const NetOptions& options) {
  void* context = zmq_ctx_new();
  KV_ASSERT(context != nullptr);
  KV_ASSERT(zmq_ctx_set(context, ZMQ_IO_THREADS, 1) == 0);
  KV_ASSERT(zmq_ctx_set(context, ZMQ_MAX_SOCKETS, options.sockets_max) == 0);
  return context;
}

tl::unexpected<Error> cannot_bind(const Endpoint& endpoint, int code) {
  ErrorKind kind = ErrorKind::io;
  if (code == EADDRINUSE) kind = ErrorKind::locked;
  if (code == EACCES || code == EPERM) kind = ErrorKind::denied;
  if (code == EADDRNOTAVAIL || code == ENODEV || code == EINVAL) kind = ErrorKind::invalid;
  return fail(kind, "cannot bind " + endpoint + ": " + zmq_strerror(code));
}

}  // namespace

ZmqTransport::ZmqTransport(Poller& poller, NetOptions options)
    : poller_(poller),
      options_(options),
      context_(new_context(options)),
      inbound_(options.inbound_peers_max),
      unsent_(std::make_shared<std::atomic<size_t>>(0)),
      spare_(std::make_shared<ZmqMessage>()) {}

ZmqTransport::~ZmqTransport() {
  const auto finish = [this](ZmqSocket& socket) {
    unwatch(socket);
    socket.set(ZMQ_LINGER, options_.linger);
    socket.close();
  };
  if (router_) finish(*router_);
  for (auto& [id, peer] : outgoing_) finish(*peer.socket);
  while (zmq_ctx_term(context_) != 0) KV_ASSERT(errno == EINTR);
}

// --- Sockets ------------------------------------------------------------------------------------

void ZmqTransport::set_limits(ZmqSocket& socket) {
  socket.set(ZMQ_MAXMSGSIZE, static_cast<int64_t>(options_.frame_bytes_max));
  socket.set(ZMQ_SNDHWM, options_.queued_frames_max);
  socket.set(ZMQ_RCVHWM, options_.queued_frames_max);
  socket.set(ZMQ_HANDSHAKE_IVL, options_.handshake_limit);
  socket.set(ZMQ_LINGER, 0);
  socket.set(ZMQ_BACKLOG, options_.backlog);
  socket.set(ZMQ_CONNECT_TIMEOUT, options_.connect_limit);
  socket.set(ZMQ_RECONNECT_IVL, options_.reconnect_first);
  socket.set(ZMQ_RECONNECT_IVL_MAX, options_.reconnect_max);
}

/// libzmq copies a socket's options into each endpoint as it is bound or connected, so these may
/// differ between the endpoints of one ROUTER.
void ZmqTransport::set_endpoint_options(ZmqSocket& socket, const ParsedEndpoint& endpoint) {
  const bool is_tcp = endpoint.scheme == ParsedEndpoint::Scheme::tcp;
  using std::chrono::milliseconds;
  socket.set(ZMQ_IPV6, is_tcp && endpoint.is_ipv6() ? 1 : 0);
  // A local peer's end is told by the kernel; only a network swallows it.
  socket.set(ZMQ_HEARTBEAT_IVL, is_tcp ? options_.heartbeat_interval : milliseconds(0));
  socket.set(ZMQ_HEARTBEAT_TIMEOUT, is_tcp ? options_.heartbeat_limit : milliseconds(0));
  socket.set(ZMQ_HEARTBEAT_TTL, is_tcp ? options_.heartbeat_limit : milliseconds(0));
}

bool ZmqTransport::watch(const std::shared_ptr<ZmqSocket>& socket, uint64_t token) {
  socket->token = token;
  if (!poller_.add(socket->fd(), token)) return false;
  list(socket);  // What came before the poller knew it would not be told again.
  return true;
}

void ZmqTransport::unwatch(ZmqSocket& socket) {
  poller_.remove(socket.fd());
}

Status ZmqTransport::open_router() {
  auto router = std::make_shared<ZmqSocket>(context_, ZMQ_ROUTER);
  if (!router->is_open()) return fail(ErrorKind::io, zmq_strerror(errno));
  set_limits(*router);
  router->set(ZMQ_ROUTER_MANDATORY, 1);
  if (!watch(router, kRouterToken)) return fail(ErrorKind::io, "too many descriptors are watched");
  router_ = std::move(router);
  return {};
}

Status ZmqTransport::bind(const Endpoint& endpoint) {
  KV_ASSIGN(const ParsedEndpoint parsed, parse_endpoint(endpoint));
  if (!router_) KV_TRY(open_router());
  set_endpoint_options(*router_, parsed);
  if (parsed.scheme != ParsedEndpoint::Scheme::ipc) {
    if (zmq_bind(router_->raw(), endpoint.c_str()) != 0) return cannot_bind(endpoint, errno);
  } else {
    KV_TRY(clear_ipc_path(parsed.path));
    const OwnerOnlyFiles owner_only;
    if (zmq_bind(router_->raw(), endpoint.c_str()) != 0) return cannot_bind(endpoint, errno);
  }
  touch(router_);
  return {};
}

PeerId ZmqTransport::connect(const Endpoint& endpoint) {
  if (const auto known = by_endpoint_.find(endpoint); known != by_endpoint_.end())
    return known->second;
  const auto parsed = parse_endpoint(endpoint);
  if (!parsed) return PeerId::none;
  auto socket = std::make_shared<ZmqSocket>(context_, ZMQ_DEALER);
  if (!socket->is_open()) return PeerId::none;
  set_limits(*socket);
  set_endpoint_options(*socket, *parsed);
  if (zmq_connect(socket->raw(), endpoint.c_str()) != 0) return PeerId::none;
  const uint64_t number = next_peer_++;
  if (!watch(socket, number)) return PeerId::none;
  outgoing_.emplace(
      number, Outgoing{std::move(socket), endpoint, std::make_shared<std::atomic<size_t>>(0)});
  by_endpoint_.emplace(endpoint, PeerId(number));
  return PeerId(number);
}

void ZmqTransport::disconnect(PeerId peer) {
  const auto known = outgoing_.find(static_cast<uint64_t>(peer));
  if (known == outgoing_.end()) return;
  unwatch(*known->second.socket);
  known->second.socket->close();
  by_endpoint_.erase(known->second.endpoint);
  outgoing_.erase(known);
}

// --- Sending ------------------------------------------------------------------------------------

bool ZmqTransport::send(PeerId peer, Frame frame) {
  if (frame.size() > options_.frame_bytes_max) {
    // The peer would close the connection, and with it all that is under way there.
    ++counters_.dropped_oversize;
    return false;
  }
  return is_inbound(peer) ? send_back(peer, std::move(frame)) : send_out(peer, std::move(frame));
}

size_t ZmqTransport::unsent_bytes(PeerId peer) const {
  ByteCount unsent;
  if (is_inbound(peer)) {
    if (const InboundPeers::Peer* known = inbound_.known(peer)) unsent = known->unsent;
  } else if (const auto known = outgoing_.find(static_cast<uint64_t>(peer));
             known != outgoing_.end()) {
    unsent = known->second.unsent;
  }
  return unsent ? unsent->load(std::memory_order_relaxed) : 0;
}

bool ZmqTransport::has_room(const ByteCount& peer_unsent, size_t size) const {
  if (size < options_.shared_bytes_min) return true;  // Bounded by the count of frames.
  const size_t peer = peer_unsent->load(std::memory_order_relaxed);
  const size_t all = unsent_->load(std::memory_order_relaxed);
  if (peer == 0) return all + size <= options_.queued_bytes_max + options_.frame_bytes_max;
  return peer + size <= options_.queued_bytes_per_peer_max &&
         all + size <= options_.queued_bytes_max;
}

void ZmqTransport::fill(ZmqMessage& message, Frame frame, const ByteCount& peer_unsent) {
  if (frame.size() < options_.shared_bytes_min)
    copy_into(message, frame.view());
  else
    share_into(message, std::move(frame), peer_unsent, unsent_);
}

bool ZmqTransport::count_sent(ZmqSocket::Outcome outcome, size_t size) {
  switch (outcome) {
    case ZmqSocket::Outcome::done:
      ++counters_.frames_sent;
      counters_.bytes_sent += size;
      return true;
    case ZmqSocket::Outcome::would_block:
      ++counters_.dropped_full;
      return false;
    case ZmqSocket::Outcome::unreachable:
      ++counters_.dropped_gone;
      return false;
  }
  return false;
}

bool ZmqTransport::send_out(PeerId peer, Frame frame) {
  const size_t size = frame.size();
  const auto known = outgoing_.find(static_cast<uint64_t>(peer));
  if (known == outgoing_.end()) return count_sent(ZmqSocket::Outcome::unreachable, size);
  const Outgoing& to = known->second;
  if (!has_room(to.unsent, size)) return count_sent(ZmqSocket::Outcome::would_block, size);
  ZmqMessage message;
  fill(message, std::move(frame), to.unsent);
  touch(to.socket);
  return count_sent(to.socket->send(message, false), size);
}

bool ZmqTransport::send_back(PeerId peer, Frame frame) {
  using Outcome = ZmqSocket::Outcome;
  const size_t size = frame.size();
  InboundPeers::Peer* to = inbound_.find(peer);
  if (to == nullptr) return count_sent(Outcome::unreachable, size);
  if (!to->unsent) to->unsent = std::make_shared<std::atomic<size_t>>(0);
  if (!has_room(to->unsent, size)) return count_sent(Outcome::would_block, size);
  ZmqMessage part;
  copy_into(part, to->routing_id);
  touch(router_);
  const Outcome reached = router_->send(part, true);
  if (reached != Outcome::done) {
    if (reached == Outcome::unreachable) inbound_.forget(peer);
    return count_sent(reached, size);
  }
  // A ROUTER decides at the routing id whether the whole message goes; the rest cannot fail.
  ZmqMessage delimiter;
  if (to->delimited) KV_ASSERT(router_->send(delimiter, true) == Outcome::done);
  fill(part, std::move(frame), to->unsent);
  KV_ASSERT(router_->send(part, false) == Outcome::done);
  return count_sent(Outcome::done, size);
}

void ZmqTransport::touch(const std::shared_ptr<ZmqSocket>& socket) {
  if (std::exchange(socket->touched, true)) return;
  touched_.push_back(socket);
}

// --- Receiving ----------------------------------------------------------------------------------

void ZmqTransport::list(const std::shared_ptr<ZmqSocket>& socket) {
  if (!std::exchange(socket->listed, true)) readable_.push_back(socket);
}

void ZmqTransport::mark_readable(uint64_t token) {
  if (token == kRouterToken) {
    if (router_) list(router_);
    return;
  }
  const auto known = outgoing_.find(token);
  if (known != outgoing_.end()) list(known->second.socket);
}

bool ZmqTransport::settle() {
  for (const auto& socket : touched_) {
    socket->touched = false;
    if (socket->is_open() && !socket->listed && socket->readable()) list(socket);
  }
  touched_.clear();
  return !readable_.empty();
}

size_t ZmqTransport::receive(FrameHandler& handler, Instant now, const ReceiveBudget& budget) {
  size_t frames = 0;
  size_t bytes = 0;
  while (!readable_.empty() && frames < budget.frames && bytes < budget.bytes) {
    const std::shared_ptr<ZmqSocket> socket = std::move(readable_.front());
    readable_.pop_front();
    socket->listed = false;
    for (size_t slice = 0;; ++slice) {
      if (!socket->is_open()) break;  // Disconnected by the handler.
      if (slice == budget.frames_per_slice || frames == budget.frames || bytes >= budget.bytes) {
        list(socket);
        break;
      }
      Arrival arrival;
      const Received received = receive_one(*socket, arrival);
      if (received == Received::nothing) break;
      ++frames;  // A dropped one took its time too.
      if (received == Received::dropped) continue;
      bytes += arrival.frame.size();
      handler.on_frame(arrival.from, std::move(arrival.frame), now);
    }
  }
  return frames;
}

ZmqTransport::Received ZmqTransport::receive_one(ZmqSocket& socket, Arrival& arrival) {
  const Received received = &socket == router_.get() ? receive_from_router(arrival)
                                                     : receive_from_dealer(socket, arrival);
  if (received == Received::dropped) ++counters_.dropped_malformed;
  if (received != Received::frame) return received;
  ++counters_.frames_received;
  counters_.bytes_received += arrival.frame.size();
  return received;
}

ZmqTransport::Received ZmqTransport::receive_from_dealer(ZmqSocket& socket, Arrival& arrival) {
  if (socket.receive(*spare_) != ZmqSocket::Outcome::done) return Received::nothing;
  if (spare_->more()) return drop_rest(socket);
  arrival.from = PeerId(socket.token);
  arrival.frame = take_spare();
  return Received::frame;
}

ZmqTransport::Received ZmqTransport::receive_from_router(Arrival& arrival) {
  using Outcome = ZmqSocket::Outcome;
  if (router_->receive(routing_id_) != Outcome::done) return Received::nothing;
  // Messages arrive whole: after the routing id the other parts are there.
  KV_ASSERT(routing_id_.more() && router_->receive(*spare_) == Outcome::done);
  const bool delimited = spare_->view().empty() && spare_->more();
  if (delimited) KV_ASSERT(router_->receive(*spare_) == Outcome::done);
  if (spare_->more()) return drop_rest(*router_);
  arrival.from = inbound_.heard(routing_id_.view(), delimited);
  arrival.frame = take_spare();
  return Received::frame;
}

ZmqTransport::Received ZmqTransport::drop_rest(ZmqSocket& socket) {
  while (spare_->more()) KV_ASSERT(socket.receive(*spare_) == ZmqSocket::Outcome::done);
  return Received::dropped;
}

Frame ZmqTransport::take_spare() {
  return frame_of(std::exchange(spare_, std::make_shared<ZmqMessage>()));
}

}  // namespace kv
