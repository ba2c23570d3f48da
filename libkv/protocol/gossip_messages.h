// What kv-gossips tell one another, and what the daemons of a member tell their own kv-gossip.
#pragma once

#include <string>
#include <vector>

#include "libkv/model/cluster_map.h"
#include "libkv/model/view.h"
#include "libkv/protocol/node_messages.h"

namespace kv::msg {

/// Who says that a member's heartbeat has not risen beyond (start, counter).
struct Suspicion {
  MemberNumber suspecter = 0;
  uint64_t start = 0;
  uint64_t counter = 0;
  KV_FIELDS(a, b, c)
};

struct HeartbeatRow {
  MemberNumber member = 0;
  uint64_t start = 0;    ///< Of its kv-gossip: raised durably at each start.
  uint64_t counter = 0;  ///< Raised by itself each interval.
  uint8_t daemons_up = 0;
  std::vector<Suspicion> suspicions;
  KV_FIELDS(a, b, c, d, e)
};

/// One's table, to a few random members each interval. Not answered. The map's epoch rides along:
/// who is behind asks with MapPull.
struct Heartbeats {
  MemberNumber from = 0;
  Epoch epoch = 0;
  std::vector<HeartbeatRow> rows;
  KV_FIELDS(a, b, c)
};

/// Answered by MapPush if there is a map newer than `have`.
struct MapPull {
  Epoch have = 0;
  KV_FIELDS(a)
};
struct MapPush {
  MapPointer map;
  KV_FIELDS(a)
};

/// The register (Lamport 2001; one instance an epoch). Higher ballots win; the proposer's member
/// breaks ties.
struct Ballot {
  uint64_t counter = 0;
  MemberNumber member = 0;
  friend bool operator==(const Ballot&, const Ballot&) = default;
  friend auto operator<=>(const Ballot&, const Ballot&) = default;
  KV_FIELDS(a, b)
};

struct Prepare {
  RequestId id = 0;
  Epoch epoch = 0;  ///< The epoch to be decided.
  Ballot ballot;
  ClusterId cluster;
  KV_FIELDS(a, b, c, d)
};
struct Promise {
  RequestId id = 0;
  MemberNumber voter = 0;
  uint64_t store_id = 0;
  bool promised = false;  ///< False: `ballot` is higher, or the voter must not vote.
  Ballot ballot;          ///< The highest promised.
  Ballot accepted_ballot;
  MapPointer accepted;  ///< Null if none was accepted for this epoch.
  MapPointer decided;   ///< The newest decided map, if it is of this epoch or later.
  KV_FIELDS(a, b, c, d, e, f, g, h)
};
struct Accept {
  RequestId id = 0;
  Epoch epoch = 0;
  Ballot ballot;
  MapPointer map;
  KV_FIELDS(a, b, c, d)
};
struct Accepted {
  RequestId id = 0;
  MemberNumber voter = 0;
  uint64_t store_id = 0;
  bool accepted = false;
  Ballot ballot;
  MapPointer decided;
  KV_FIELDS(a, b, c, d, e, f)
};

/// Make `map` the next one, if its epoch is the present one plus 1. A kv-gossip that is no voter
/// passes it on. Answered by Proposed.
struct Propose {
  RequestId id = 0;
  Duration time_left{};
  MapPointer map;
  KV_FIELDS(a, b, c)
};
struct Proposed {
  RequestId id = 0;
  Answer answer = Answer::ok;  ///< conflict: another map was decided; unknown: it may yet be.
  Epoch epoch = 0;             ///< Of the newest map known.
  std::string detail;
  KV_FIELDS(a, b, c, d)
};

/// A daemon to its own member's kv-gossip, each watch interval: I am here, this is the newest map I
/// have. Answered by ViewTold at once, and again when the view changes.
struct Watch {
  DaemonKind daemon = DaemonKind::node;
  MemberNumber member = 0;
  Epoch epoch = 0;
  uint64_t liveness_version = 0;  ///< Of the last ViewTold; 0 for none.
  KV_FIELDS(a, b, c, d)
};
struct MemberSeen {
  MemberNumber member = 0;
  Liveness liveness = Liveness::down;
  uint8_t daemons_up = 0;
  KV_FIELDS(a, b, c)
};
struct ViewTold {
  Epoch epoch = 0;
  MapPointer map;  ///< Null unless newer than the watcher's.
  uint64_t liveness_version = 0;
  std::vector<MemberSeen> members;  ///< Empty unless newer than the watcher's.
  KV_FIELDS(a, b, c, d)
};

/// A kv-node's start, shown to the voters through its own kv-gossip: is this incarnation the one
/// they hold, and the start number higher? Answered by StartJudged.
struct StartShown {
  RequestId id = 0;
  MemberNumber member = 0;
  uint64_t incarnation = 0;
  uint64_t start_number = 0;
  bool incarnation_is_new = false;  ///< Drawn anew at this start: to be recorded, not judged.
  uint64_t run = 0;                 ///< Of the process, random, not 0. It may draw more than once.
  uint64_t judged_start = 0;  ///< The last start of this directory that heard its verdict; 0: none.
  KV_FIELDS(a, b, c, d, e, f, g)
};
struct StartJudged {
  RequestId id = 0;
  bool known = false;  ///< A majority of the voters said yes.
  uint8_t yes = 0;
  uint8_t answered = 0;
  uint8_t voters = 0;
  bool behind = false;  ///< A voter holds a later start: this directory was wiped or rolled back.
  KV_FIELDS(a, b, c, d, e, f)
};
/// The same, from a kv-gossip to one voter.
struct StartVote {
  RequestId id = 0;
  MemberNumber member = 0;
  uint64_t incarnation = 0;
  uint64_t start_number = 0;
  bool incarnation_is_new = false;
  uint64_t run = 0;
  uint64_t judged_start = 0;
  KV_FIELDS(a, b, c, d, e, f, g)
};
struct StartVoted {
  RequestId id = 0;
  MemberNumber voter = 0;
  bool yes = false;
  bool behind = false;  ///< The voter holds this start or a later one, of another run; or
                        ///< it held one then, and that verdict was not heard.
  bool knew = false;    ///< It held an earlier start of this member when it was first asked.
  KV_FIELDS(a, b, c, d, e)
};

/// kv-init to a kv-gossip: who are you? Answered by Introduced.
struct Introduce {
  RequestId id = 0;
  KV_FIELDS(a)
};
struct Introduced {
  RequestId id = 0;
  MemberInfo member;
  ClusterId cluster;  ///< None before kv-init.
  Epoch epoch = 0;
  KV_FIELDS(a, b, c, d)
};

}  // namespace kv::msg
