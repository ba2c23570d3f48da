// Who has sent to this process: the routing ids that a ROUTER gives, under PeerIds that mean
// nothing to anyone else. Bounded: the peer unheard and unanswered for longest is forgotten; a
// reply to it is then dropped, and if it speaks again it is a new peer.
//
// Inbound PeerIds have their top bit set, so that they never meet the outgoing ones.
// Pure. One thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "libkv/base/bytes.h"
#include "libkv/transport/transport.h"

namespace kv {

inline constexpr uint64_t kInboundPeerBit = uint64_t{1} << 63;
inline bool is_inbound(PeerId peer) {
  return (static_cast<uint64_t>(peer) & kInboundPeerBit) != 0;
}

/// Bytes handed to libzmq and not yet written; lowered on libzmq's thread, hence atomic and shared.
using ByteCount = std::shared_ptr<std::atomic<size_t>>;

class InboundPeers {
 public:
  struct Peer {
    PeerId id = PeerId::none;
    std::string routing_id;
    /// It writes an empty frame before each message, as a REQ socket does, and wants the same back.
    bool delimited = false;
    ByteCount unsent;  ///< Made by the first large frame sent to it.
  };

  /// REQUIRES: peers_max > 0.
  explicit InboundPeers(size_t peers_max);

  /// The peer that sent a message just now.
  PeerId heard(BytesView routing_id, bool delimited);
  /// The peer to answer, which counts as use; null if it is forgotten. Valid until the next call of
  /// heard() or forget().
  Peer* find(PeerId id);
  void forget(PeerId id);
  /// As find(), without counting as use.
  const Peer* known(PeerId id) const;
  size_t size() const { return by_id_.size(); }

 private:
  using Entry = std::list<Peer>::iterator;
  void used(Entry peer) { recency_.splice(recency_.begin(), recency_, peer); }
  void erase(Entry peer);

  const size_t peers_max_;
  uint64_t next_ = 1;
  std::list<Peer> recency_;  // The front was used last.
  // The keys are views of the entries' own routing ids.
  std::unordered_map<BytesView, Entry> by_routing_id_;
  std::unordered_map<uint64_t, Entry> by_id_;
};

}  // namespace kv
