// The view: a map, and who is alive as seen from here. What every daemon watches at its own
// member's kv-gossip. Liveness is soft: it only chooses whom to try first.
#pragma once

#include <cstdint>
#include <map>

#include "libkv/model/cluster_map.h"

namespace kv {

/// On the wire: never change.
enum class Liveness : uint8_t { alive = 0, suspect = 1, down = 2 };
const char* to_string(Liveness liveness);

struct MemberLiveness {
  Liveness liveness = Liveness::down;
  uint8_t daemons_up = 0;  ///< Bit DaemonKind: its member says that this daemon runs.

  bool is_up(DaemonKind kind) const {
    return liveness == Liveness::alive && (daemons_up & (1u << static_cast<int>(kind))) != 0;
  }
  friend bool operator==(const MemberLiveness&, const MemberLiveness&) = default;
};

struct View {
  MapPointer map;  ///< Null before the first map.
  std::map<MemberNumber, MemberLiveness> liveness;

  Epoch epoch() const { return map ? map->epoch : 0; }
  bool is_up(MemberNumber member, DaemonKind kind) const {
    const auto found = liveness.find(member);
    return found != liveness.end() && found->second.is_up(kind);
  }
};

}  // namespace kv
