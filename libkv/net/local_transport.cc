#include "libkv/net/local_transport.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libkv/base/assert.h"
#include "libkv/net/inbound_peers.h"
#include "libkv/net/ipc_bind.h"

namespace kv {

namespace {

/// More would only lie in the kernel's or in our buffer, and a break loses it.
constexpr size_t kLinkBytesMax = size_t{1} << 20;
/// To one peer in one turn, however fast it reads.
constexpr size_t kWriteBytesMax = size_t{4} << 20;
/// Of one listener in one turn.
constexpr int kAcceptsMax = 64;
/// While the process has no descriptor left.
constexpr Duration kAcceptPause = 100ms;

tl::unexpected<Error> cannot_bind(const Endpoint& endpoint, int code) {
  ErrorKind kind = ErrorKind::io;
  if (code == EADDRINUSE) kind = ErrorKind::locked;
  if (code == EACCES || code == EPERM) kind = ErrorKind::denied;
  return fail(kind, "cannot bind " + endpoint + ": " + std::strerror(code));
}

/// 0, or the errno.
int bind_and_listen(int fd, const std::string& path, int backlog) {
  const sockaddr_un address = unix_address(path);
  const OwnerOnlyFiles owner_only;
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return errno;
  return listen(fd, backlog) == 0 ? 0 : errno;
}

}  // namespace

bool LocalTransport::Peer::is_inbound() const {
  return kv::is_inbound(id);
}

LocalTransport::LocalTransport(Poller& poller, Clock& clock, NetOptions options)
    : poller_(poller), clock_(clock), options_(options) {}

// The endpoints first: who takes over need not wait for our peers.
LocalTransport::~LocalTransport() {
  for (auto& [token, listener] : listeners_) {
    if (listener.watched) poller_.remove(listener.socket.fd());
    unlink(listener.path.c_str());
  }
  listeners_.clear();
  settle();
  linger();
  for (auto& [token, peer] : peers_) hang_up(*peer);
}

/// Waits until what is queued is written, for as long as may be.
void LocalTransport::linger() {
  const Instant deadline = clock_.now() + options_.linger;
  for (;;) {
    std::vector<pollfd> waiting;
    std::vector<Peer*> peers;
    for (auto& [token, peer] : peers_) {
      if (!peer->is_open || peer->unsent() == 0 || !peer->link->is_writable()) continue;
      waiting.push_back({peer->link->fd(), POLLOUT, 0});
      peers.push_back(peer.get());
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock_.now());
    if (peers.empty() || left.count() <= 0) return;
    if (poll(waiting.data(), waiting.size(), static_cast<int>(left.count())) <= 0) continue;
    for (size_t i = 0; i < peers.size(); ++i)
      if (waiting[i].revents != 0) write_out(*peers[i]);
  }
}

ZmtpOptions LocalTransport::link_options() const {
  return {.frame_bytes_max = options_.frame_bytes_max, .unsent_bytes_max = kLinkBytesMax};
}

LocalTransport::PeerRef LocalTransport::find(uint64_t token) const {
  const auto known = peers_.find(token);
  return known == peers_.end() ? nullptr : known->second;
}

// --- Listening ----------------------------------------------------------------------------------

Status LocalTransport::bind(const Endpoint& endpoint) {
  KV_ASSIGN(const ParsedEndpoint parsed, parse_endpoint(endpoint));
  if (parsed.scheme != ParsedEndpoint::Scheme::ipc)
    return fail(ErrorKind::invalid, endpoint + ": an ipc endpoint is needed");
  KV_TRY(clear_ipc_path(parsed.path));
  StreamSocket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.fd() < 0) return cannot_bind(endpoint, errno);
  if (const int code = bind_and_listen(socket.fd(), parsed.path, options_.backlog))
    return cannot_bind(endpoint, code);
  const uint64_t token = kLocalBit | next_number_++;
  if (!poller_.add(socket.fd(), token)) return fail(ErrorKind::io, "too many descriptors");
  listeners_.emplace(token, Listener{std::move(socket), parsed.path, endpoint, true});
  return {};
}

/// Those that come while nothing is accepted wait in the kernel's queue.
void LocalTransport::watch_listeners(bool wanted) {
  for (auto& [token, listener] : listeners_) {
    if (listener.watched == wanted) continue;
    if (!wanted) poller_.remove(listener.socket.fd());
    listener.watched = wanted && poller_.add(listener.socket.fd(), token);
    if (wanted && !listener.watched) accept_later();
  }
}

void LocalTransport::accept_later() {
  accept_again_ = clock_.now() + kAcceptPause;
  next_wake_ = std::min(next_wake_, accept_again_);
}

void LocalTransport::accept_from(Listener& listener) {
  for (int i = 0; i < kAcceptsMax; ++i) {
    StreamSocket socket(
        accept4(listener.socket.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (socket.fd() >= 0) {
      admit(listener, std::move(socket));
      continue;
    }
    if (errno == EAGAIN) return;
    if (errno == EINTR || errno == ECONNABORTED) continue;
    // No descriptor or memory is left: the listener would stay readable, and the loop would spin.
    watch_listeners(false);
    return accept_later();
  }
}

void LocalTransport::admit(const Listener& listener, StreamSocket socket) {
  if (recency_.size() >= options_.inbound_peers_max) remove(find(recency_.back()));
  const auto peer = std::make_shared<Peer>();
  peer->token = kLocalBit | next_number_++;
  if (!poller_.add(socket.fd(), peer->token)) return;
  peer->id = PeerId(kInboundPeerBit | peer->token);
  peer->endpoint = listener.endpoint;
  peer->link = ZmtpConnection::accept(listener.endpoint, std::move(socket), clock_, link_options());
  recency_.push_front(peer->token);
  peer->recency = recency_.begin();
  peers_.emplace(peer->token, peer);
  expect(*peer, clock_.now() + options_.handshake_limit);
  not_open_.emplace(peer->token, peer);
  advance(peer);
}

// --- Connecting ---------------------------------------------------------------------------------

PeerId LocalTransport::connect(const Endpoint& endpoint) {
  if (const auto known = by_endpoint_.find(endpoint); known != by_endpoint_.end())
    return PeerId(known->second);
  const auto parsed = parse_endpoint(endpoint);
  if (!parsed || parsed->scheme != ParsedEndpoint::Scheme::ipc) return PeerId::none;
  const auto peer = std::make_shared<Peer>();
  peer->token = kLocalBit | next_number_++;
  peer->id = PeerId(peer->token);
  peer->endpoint = endpoint;
  peers_.emplace(peer->token, peer);
  by_endpoint_.emplace(endpoint, peer->token);
  begin(peer);
  return peer->id;
}

void LocalTransport::disconnect(PeerId id) {
  if (kv::is_inbound(id)) return;
  if (const PeerRef peer = find(static_cast<uint64_t>(id))) remove(peer);
}

/// Wakes the loop at `deadline` if `peer` is not open by then.
void LocalTransport::expect(Peer& peer, Instant deadline) {
  peer.deadline = deadline;
  next_wake_ = std::min(next_wake_, deadline);
}

void LocalTransport::begin(const PeerRef& peer) {
  not_open_.emplace(peer->token, peer);
  auto link = ZmtpConnection::begin(peer->endpoint, clock_, link_options());
  if (!link || !poller_.add((*link)->fd(), peer->token)) return retry_later(*peer);
  peer->link = std::move(*link);
  expect(*peer, clock_.now() + options_.handshake_limit);
  advance(peer);
}

void LocalTransport::advance(const PeerRef& peer) {
  peer->link->borrow_room(spare_room_);
  const Result<bool> done = peer->link->advance();
  if (!done) return broken(peer);
  peer->link->return_room(spare_room_);
  peer->is_open = *done;
  if (!peer->is_open) return;
  not_open_.erase(peer->token);
  peer->pause = Duration::zero();
  touch(peer);
  list(peer);  // What came with the READY lies in the link already.
}

void LocalTransport::broken(const PeerRef& peer) {
  if (peer->is_inbound()) return remove(peer);
  hang_up(*peer);
  not_open_.emplace(peer->token, peer);
  retry_later(*peer);
}

void LocalTransport::retry_later(Peer& peer) {
  peer.pause =
      std::clamp<Duration>(peer.pause * 2, options_.reconnect_first, options_.reconnect_max);
  expect(peer, clock_.now() + peer.pause);
}

void LocalTransport::hang_up(Peer& peer) {
  if (!peer.link) return;
  poller_.remove(peer.link->fd());
  peer.link.reset();
  peer.is_open = false;
  peer.writes_watched = false;
  peer.counted_drops = 0;
  recount(peer);
}

void LocalTransport::remove(const PeerRef& peer) {
  peer->waiting.clear();
  peer->waiting_bytes = 0;
  hang_up(*peer);
  recount(*peer);
  if (peer->is_inbound())
    recency_.erase(peer->recency);
  else
    by_endpoint_.erase(peer->endpoint);
  not_open_.erase(peer->token);
  peers_.erase(peer->token);
}

void LocalTransport::on_tick(Instant now) {
  if (now >= accept_again_) {
    accept_again_ = Instant::max();
    watch_listeners(true);
  }
  next_wake_ = accept_again_;
  std::vector<PeerRef> due;
  for (const auto& [token, peer] : not_open_) {
    if (peer->deadline <= now)
      due.push_back(peer);
    else
      next_wake_ = std::min(next_wake_, peer->deadline);
  }
  for (const PeerRef& peer : due) {
    if (peer->link)
      broken(peer);
    else
      begin(peer);
  }
}

// --- Sending ------------------------------------------------------------------------------------

bool LocalTransport::send(PeerId id, Frame frame) {
  const size_t size = frame.size();
  if (size > options_.frame_bytes_max) {
    ++counters_.dropped_oversize;
    return false;
  }
  const PeerRef peer = find(static_cast<uint64_t>(id) & ~kInboundPeerBit);
  if (!peer || peer->id != id) {
    ++counters_.dropped_gone;
    return false;
  }
  if (!has_room(*peer, size)) {
    ++counters_.dropped_full;
    return false;
  }
  ++counters_.frames_sent;
  counters_.bytes_sent += size;
  if (!peer->is_open || !peer->waiting.empty() || !peer->link->queue(frame.view())) {
    peer->waiting_bytes += size;
    peer->waiting.push_back(std::move(frame));
  }
  recount(*peer);
  touch(peer);
  return true;
}

size_t LocalTransport::unsent_bytes(PeerId id) const {
  const PeerRef peer = find(static_cast<uint64_t>(id) & ~kInboundPeerBit);
  return peer && peer->id == id ? peer->counted_bytes : 0;
}

bool LocalTransport::has_room(const Peer& peer, size_t size) const {
  if (peer.waiting.size() >= static_cast<size_t>(options_.queued_frames_max)) return false;
  if (size < options_.shared_bytes_min) return true;
  if (peer.counted_bytes == 0)
    return unsent_ + size <= options_.queued_bytes_max + options_.frame_bytes_max;
  return peer.counted_bytes + size <= options_.queued_bytes_per_peer_max &&
         unsent_ + size <= options_.queued_bytes_max;
}

void LocalTransport::recount(Peer& peer) {
  const size_t now = peer.unsent();
  unsent_ += now - peer.counted_bytes;
  peer.counted_bytes = now;
}

void LocalTransport::touch(const PeerRef& peer) {
  if (!std::exchange(peer->touched, true)) touched_.push_back(peer);
}

/// Gives the link what waits, as far as it takes it.
Status LocalTransport::fill_link(Peer& peer) {
  while (!peer.waiting.empty()) {
    const Status queued = peer.link->queue(peer.waiting.front().view());
    if (!queued) return queued.error().kind == ErrorKind::busy ? Status{} : queued;
    peer.waiting_bytes -= peer.waiting.front().size();
    peer.waiting.pop_front();
  }
  return {};
}

/// Writes what the kernel takes. False: the peer takes nothing any more.
bool LocalTransport::write_out(Peer& peer) {
  const size_t before = peer.unsent();
  bool is_writable = true;
  do {
    is_writable = fill_link(peer).has_value() && peer.link->flush().has_value();
  } while (is_writable && !peer.link->wants_write() && !peer.waiting.empty() &&
           before - peer.unsent() < kWriteBytesMax);
  recount(peer);
  const bool goes_on = is_writable && peer.unsent() > 0;
  if (goes_on != peer.writes_watched) {
    peer.writes_watched = goes_on;
    poller_.watch_writes(peer.link->fd(), peer.token, goes_on);
  }
  return is_writable;
}

bool LocalTransport::settle() {
  // Here nobody is called who could touch more.
  for (const PeerRef& peer : touched_) {
    peer->touched = false;
    // What it had sent is heard first; then it is broken.
    if (peer->is_open && !write_out(*peer)) list(peer);
  }
  touched_.clear();
  return !readable_.empty();
}

// --- Receiving ----------------------------------------------------------------------------------

void LocalTransport::list(const PeerRef& peer) {
  if (!std::exchange(peer->listed, true)) readable_.push_back(peer);
}

void LocalTransport::mark_ready(uint64_t token) {
  if (const auto listener = listeners_.find(token); listener != listeners_.end())
    return accept_from(listener->second);
  const PeerRef peer = find(token);
  if (!peer || !peer->link) return;
  if (!peer->is_open) return advance(peer);
  if (peer->writes_watched) touch(peer);
  list(peer);
}

size_t LocalTransport::receive(FrameHandler& handler, Instant now, const ReceiveBudget& budget) {
  size_t frames = 0;
  size_t bytes = 0;
  while (!readable_.empty() && frames < budget.frames && bytes < budget.bytes) {
    const PeerRef peer = std::move(readable_.front());
    readable_.pop_front();
    peer->listed = false;
    if (peer->is_open) deliver(peer, handler, now, budget, frames, bytes);
  }
  return frames;
}

/// One peer's turn.
void LocalTransport::deliver(const PeerRef& peer, FrameHandler& handler, Instant now,
                             const ReceiveBudget& budget, size_t& frames, size_t& bytes) {
  if (peer->is_inbound()) recency_.splice(recency_.begin(), recency_, peer->recency);
  peer->link->borrow_room(spare_room_);
  for (size_t slice = 0;; ++slice) {
    if (slice == budget.frames_per_slice || frames >= budget.frames || bytes >= budget.bytes) {
      list(peer);
      break;
    }
    auto frame = peer->link->try_receive();
    const uint64_t dropped = peer->link->dropped() - peer->counted_drops;
    peer->counted_drops += dropped;
    counters_.dropped_malformed += dropped;
    frames += dropped;  // They took their time too.
    if (!frame) return broken(peer);
    if (!*frame && !peer->link->is_writable()) return broken(peer);
    if (!*frame) break;
    ++frames;
    bytes += (*frame)->size();
    ++counters_.frames_received;
    counters_.bytes_received += (*frame)->size();
    handler.on_frame(peer->id, *std::move(*frame), now);
    if (!peer->is_open) return;  // Disconnected by the handler.
  }
  peer->link->return_room(spare_room_);
  if (peer->link->wants_write()) touch(peer);
}

}  // namespace kv
