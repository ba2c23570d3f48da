#include "libkv/service/peers.h"

namespace kv {

void Peers::set_map(const ClusterMap& map) {
  for (auto it = connections_.begin(); it != connections_.end();) {
    const MemberInfo* member = map.member(it->first.first);
    if (member == nullptr || member->endpoint(it->first.second) != it->second.endpoint) {
      if (it->second.peer != PeerId::none) transport_.disconnect(it->second.peer);
      it = connections_.erase(it);
    } else {
      ++it;
    }
  }
  for (const MemberInfo& member : map.members)
    for (int daemon = 0; daemon < kDaemonKinds; ++daemon)
      connections_[{member.number, static_cast<DaemonKind>(daemon)}].endpoint =
          member.endpoints[daemon];
}

PeerId Peers::peer(MemberNumber member, DaemonKind daemon) {
  const auto found = connections_.find({member, daemon});
  if (found == connections_.end() || found->second.endpoint.empty()) return PeerId::none;
  if (found->second.peer == PeerId::none)
    found->second.peer = transport_.connect(found->second.endpoint);
  return found->second.peer;
}

void Peers::reopen(MemberNumber member, DaemonKind daemon) {
  const auto found = connections_.find({member, daemon});
  if (found == connections_.end() || found->second.peer == PeerId::none) return;
  transport_.disconnect(found->second.peer);
  found->second.peer = PeerId::none;
}

}  // namespace kv
