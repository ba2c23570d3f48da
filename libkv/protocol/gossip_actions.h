// What the machines of kv-gossip ask of their service, in the order in which it is to be done.
//
// The rule of durability: a Persist comes before every action that exposes what it holds. The
// service performs a list from its front; where a Persist fails it drops the rest of the list, and
// from then on neither votes nor records starts (Voter::stop), because the machines' memory is
// then ahead of the disk. A Persist that succeeded needs no answer back.
//
// Plain values; nothing here does I/O.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "libkv/model/cluster_map.h"
#include "libkv/protocol/gossip_messages.h"

namespace kv {

/// Whoever sent a message, in the service's own numbering. It comes back in ReplyTo; the machines
/// never look into it.
enum class AskerId : uint64_t { nobody = 0 };

using GossipMessage =
    std::variant<msg::Heartbeats, msg::MapPull, msg::MapPush, msg::Prepare, msg::Promise,
                 msg::Accept, msg::Accepted, msg::Propose, msg::Proposed, msg::Watch, msg::ViewTold,
                 msg::StartShown, msg::StartJudged, msg::StartVote, msg::StartVoted>;

/// A voter's state for the one epoch that it may vote on. Replaces the row before.
struct AcceptorRow {
  Epoch epoch = 0;
  msg::Ballot promised;         ///< Counter 0: none.
  msg::Ballot accepted_ballot;  ///< Counter 0: none.
  MapPointer accepted;
};

/// What a voter holds of a member's kv-node (start_registry.h). Replaces the member's row before.
struct StartRow {
  MemberNumber member = 0;
  uint64_t incarnation = 0;
  uint64_t start_number = 0;
  std::vector<uint64_t> retired;  ///< Incarnations before this one, the latest last; bounded.
  uint64_t run = 0;               ///< Of the process that showed this start.
  bool knew = false;              ///< As it was told then: an earlier start of the member was held.
  bool behind = false;            ///< As it was told then.
};
/// All rows of starts are removed.
struct StartsForgotten {};

/// A decided map, newer than every one before it: the one held, and a row of the history.
struct DecidedRow {
  MapPointer map;
};

/// This kv-gossip's own start number.
struct OwnStartRow {
  uint64_t start_number = 0;
};

struct Persist {
  std::variant<AcceptorRow, StartRow, StartsForgotten, DecidedRow, OwnStartRow> row;
};

/// To a member's kv-gossip; to itself, if `to` is its own number: then it is taken in as if it had
/// arrived, with AskerId::nobody, and replies to nobody are taken in likewise.
struct Send {
  MemberNumber to = 0;
  GossipMessage message;
  MapPointer addresses;  ///< Where `to` is reached; null: by the map held.
};
/// To the seed of this index in the configuration.
struct SendToSeed {
  size_t seed = 0;
  GossipMessage message;
};
struct ReplyTo {
  AskerId to = AskerId::nobody;
  GossipMessage message;
};

/// The register decided this map: MapSpread::on_decided() is to take it.
struct Decided {
  MapPointer map;
};
/// MapSpread holds this map from now on (its Persist came before): every machine's on_map().
struct Adopted {
  MapPointer map;
};
/// Others have heard of a start of this kv-gossip that its own store does not know: the store was
/// rolled back. It needs a new store id, and must not vote under the old one.
struct StoreIsOld {
  uint64_t start_number = 0;  ///< The one they know.
};

using GossipAction = std::variant<Persist, Send, SendToSeed, ReplyTo, Decided, Adopted, StoreIsOld>;
using GossipActions = std::vector<GossipAction>;

}  // namespace kv
