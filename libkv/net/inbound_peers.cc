#include "libkv/net/inbound_peers.h"

#include "libkv/base/assert.h"

namespace kv {

InboundPeers::InboundPeers(size_t peers_max) : peers_max_(peers_max) {
  KV_ASSERT(peers_max > 0);
}

PeerId InboundPeers::heard(BytesView routing_id, bool delimited) {
  if (const auto known = by_routing_id_.find(routing_id); known != by_routing_id_.end()) {
    const Entry peer = known->second;
    peer->delimited = delimited;
    used(peer);
    return peer->id;
  }
  if (size() == peers_max_) erase(std::prev(recency_.end()));
  const auto id = static_cast<PeerId>(kInboundPeerBit | next_++);
  recency_.push_front(Peer{id, std::string(routing_id), delimited, nullptr});
  by_routing_id_.emplace(recency_.front().routing_id, recency_.begin());
  by_id_.emplace(static_cast<uint64_t>(id), recency_.begin());
  return id;
}

InboundPeers::Peer* InboundPeers::find(PeerId id) {
  const auto known = by_id_.find(static_cast<uint64_t>(id));
  if (known == by_id_.end()) return nullptr;
  used(known->second);
  return &*known->second;
}

const InboundPeers::Peer* InboundPeers::known(PeerId id) const {
  const auto known = by_id_.find(static_cast<uint64_t>(id));
  return known == by_id_.end() ? nullptr : &*known->second;
}

void InboundPeers::forget(PeerId id) {
  const auto known = by_id_.find(static_cast<uint64_t>(id));
  if (known != by_id_.end()) erase(known->second);
}

void InboundPeers::erase(Entry peer) {
  by_routing_id_.erase(peer->routing_id);
  by_id_.erase(static_cast<uint64_t>(peer->id));
  recency_.erase(peer);
}

}  // namespace kv
