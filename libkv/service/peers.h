// Which transport peer stands for which daemon of which member, by the newest map.
//
// Not thread-safe.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "libkv/model/cluster_map.h"
#include "libkv/transport/transport.h"

namespace kv {

class Peers {
 public:
  explicit Peers(Transport& transport) : transport_(transport) {}

  /// A member that has gone, or moved to another endpoint, is disconnected.
  void set_map(const ClusterMap& map);
  /// The peer, connected on first use; none if the map does not know the member.
  PeerId peer(MemberNumber member, DaemonKind daemon);
  /// Closes the connection; the next use opens a new one. For a peer that is suspected: a
  /// connection may be dead without anybody having been told.
  void reopen(MemberNumber member, DaemonKind daemon);

 private:
  struct Connection {
    std::string endpoint;
    PeerId peer = PeerId::none;
  };
  Transport& transport_;
  std::map<std::pair<MemberNumber, DaemonKind>, Connection> connections_;
};

}  // namespace kv
