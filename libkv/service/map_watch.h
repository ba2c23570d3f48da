// A daemon's watch of its own member's kv-gossip, with the peers and the frame head that follow the
// map: what kv-node, kv-coordinator and kv-repair have in common.
//
// Not thread-safe.
#pragma once

#include <algorithm>

#include "libkv/protocol/view_watch.h"
#include "libkv/service/outbox.h"
#include "libkv/service/peers.h"

namespace kv {

class MapWatch {
 public:
  /// `gossip`: the endpoint of its own member's kv-gossip. `held`: the map it keeps, null if none.
  MapWatch(DaemonKind daemon, MemberNumber self, const Endpoint& gossip, MapPointer held,
           Transport& transport, Outbox& outbox, Instant now);

  /// True if the view changed; the caller then looks at view().
  bool on_view_told(const msg::ViewTold& told, Instant now);
  void on_tick(Instant now);
  Instant next_wake() const {
    return wanted_ ? std::min(asked_at_ + kAskAgainAfter, watch_.next_wake()) : watch_.next_wake();
  }
  /// Somebody has a newer map: ask for it now rather than at the next interval.
  void want(Epoch epoch);

  const View& view() const { return watch_.view(); }
  const MapPointer& map() const { return watch_.view().map; }
  ClusterId cluster() const { return map() ? map()->cluster : ClusterId{}; }
  bool gossip_is_lost(Instant now) const { return watch_.gossip_is_lost(now); }
  PeerId gossip() const { return gossip_; }
  PeerId node(MemberNumber member) { return peers_.peer(member, DaemonKind::node); }
  Peers& peers() { return peers_; }

 private:
  static constexpr Duration kAskAgainAfter = 10ms;
  void take_map();

  ViewWatch watch_;
  const DaemonKind daemon_;
  const MemberNumber self_;
  Outbox& outbox_;
  Peers peers_;
  PeerId gossip_;
  bool wanted_ = false;
  Instant asked_at_{};  ///< When a map was last asked for beside the interval.
};

}  // namespace kv
