// The map register: the cluster map changes only by agreement on the map of the next epoch.
//
// One single-decree Paxos instance an epoch (Lamport, "Paxos Made Simple", 2001). The map of epoch
// e + 1 is decided by the voters that the map of epoch e names; that of epoch 1 by those whom the
// proposed first map names. Because a voter takes part in e + 1 only when it holds the map of
// epoch e, and answers with its map once it holds e + 1, one row of state is enough for it.
//
//   proposer                    each voter
//      │ Prepare(e+1, ballot)      │  promises never to accept below the ballot, durably
//      │◄────── Promise ───────────│  and tells what it has accepted
//      │   a majority: its value is the accepted map of the highest ballot, or else its own
//      │ Accept(e+1, ballot, map)  │  accepts unless it has promised a higher ballot, durably
//      │◄────── Accepted ──────────│
//      │   a majority: decided. MapPush to all voters; gossip does the rest.
//
// A voter's vote rests on what its store remembers, so the map names the id of that store: one
// that was lost or rolled back has another id, and does not vote until a map change names it. The
// voter refuses by itself, and the proposer counts no vote of an id that the map does not name.
// Before the first map there is nothing that names a store, so each first map needs a cluster id of
// its own (kv-init draws one each time): then two first maps are never two of one cluster.
//
// Both classes are pure: time and randomness are handed in; what must be durable before an answer
// stands before it in the actions (gossip_actions.h). Not thread-safe.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>

#include "libkv/base/limits.h"
#include "libkv/base/random.h"
#include "libkv/base/time.h"
#include "libkv/protocol/gossip_actions.h"

namespace kv {

/// The number of voters that decides: more than half.
constexpr size_t majority_of(size_t voters) {
  return voters / 2 + 1;
}

/// Whether `map` names `member` as a voter, with this store. False if `map` is null.
bool is_voter(const MapPointer& map, MemberNumber member, uint64_t store_id);

/// One member's vote (Paxos: the acceptor).
class Voter {
 public:
  struct Settings {
    MemberNumber self = 0;
    uint64_t store_id = 0;
    /// A map accepted here for so long and not decided: its proposer is gone, somebody must
    /// finish.
    Duration orphaned_after = 2s;
  };
  /// `durable`: the row of the store (a default one if there is none); `held`: its newest map.
  Voter(const Settings& settings, AcceptorRow durable, MapPointer held, Instant now);

  /// A newer decided map is held from now on.
  void on_map(MapPointer map);
  void on_prepare(const msg::Prepare& prepare, AskerId asker, GossipActions& actions);
  void on_accept(const msg::Accept& accept, AskerId asker, Instant now, GossipActions& actions);

  /// Votes no more until the process starts anew: its store has failed, or is an old one.
  void stop() { stopped_ = true; }
  /// Whether it takes part in the next epoch.
  bool may_vote() const;
  /// The map that was accepted for the next epoch and has waited too long for its decision, or
  /// null. Proposer::finish() takes it.
  MapPointer orphan(Instant now) const;

 private:
  bool may_vote_on(Epoch epoch, const ClusterId& cluster) const;
  bool may_accept(const msg::Accept& accept, const AcceptorRow& row) const;
  AcceptorRow row_of(Epoch epoch) const;
  MapPointer decided_at(Epoch epoch) const;
  void pull_if_behind(Epoch epoch, MemberNumber from, GossipActions& actions) const;

  const Settings settings_;
  AcceptorRow row_;
  MapPointer held_;
  Instant accepted_at_;
  bool stopped_ = false;
};

/// Leads proposals to their decision, one after the other. Any kv-gossip that holds the present map
/// may run one; more at a time only delay each other.
class Proposer {
 public:
  struct Settings {
    MemberNumber self = 0;
    uint64_t start_number = 0;  ///< Keeps the ballots of two runs of this process apart.
    Duration resend_after = 200ms;
    Duration backoff = 25ms;  ///< Doubled with each defeat, up to 32 times; then drawn below that.
    Duration finish_within = 5s;
    size_t queue_max = 16;
  };
  Proposer(const Settings& settings, Random random, MapPointer held);

  /// Answered by Proposed: ok, conflict (another map was decided), unknown (an Accept of this map
  /// went out and time ran out), unavailable (time ran out before), invalid, or busy.
  void on_propose(const msg::Propose& propose, AskerId asker, Instant now, GossipActions& actions);
  /// Has the map of an abandoned proposal (Voter::orphan) decided, without an answer to anybody.
  void finish(MapPointer orphan, Instant now, GossipActions& actions);
  void on_promise(const msg::Promise& promise, Instant now, GossipActions& actions);
  void on_accepted(const msg::Accepted& accepted, Instant now, GossipActions& actions);
  /// A newer decided map is held from now on: may end proposals.
  void on_map(MapPointer map, Instant now, GossipActions& actions);
  void on_tick(Instant now, GossipActions& actions);
  /// Instant::max() when there is nothing to do.
  Instant next_wake() const;
  bool is_idle() const { return queue_.empty(); }

 private:
  enum class Phase { idle, preparing, accepting, backing_off, decided };
  struct Proposal {
    msg::RequestId id = 0;
    AskerId asker = AskerId::nobody;
    bool answered_to_nobody = false;
    Instant deadline;
    MapPointer map;
  };

  Epoch epoch_held() const { return held_ ? held_->epoch : 0; }
  const Proposal& current() const { return queue_.front(); }
  const ClusterMap& electorate() const { return held_ ? *held_ : *pursued_; }
  void enqueue(Proposal proposal, Instant now, GossipActions& actions);
  void begin(Instant now, GossipActions& actions);
  void begin_round(Instant now, GossipActions& actions);
  void send_round(Instant now, GossipActions& actions);
  void send_to_voters(const GossipMessage& message, bool only_missing, GossipActions& actions);
  void defeated(const msg::Ballot& by, Instant now);
  void choose(Instant now, GossipActions& actions);
  void decide(Instant now, GossipActions& actions);
  bool take_decided(const MapPointer& map, Instant now, GossipActions& actions);
  bool counts(MemberNumber voter, uint64_t store_id) const;
  void end(Answer answer, std::string detail, Instant now, GossipActions& actions);
  void answer(const Proposal& proposal, Answer answer, std::string detail,
              GossipActions& actions) const;
  Answer outcome(const Proposal& proposal, bool accept_went_out) const;

  const Settings settings_;
  Random random_;
  MapPointer held_;
  std::deque<Proposal> queue_;  ///< The front one is being led.

  Phase phase_ = Phase::idle;
  MapPointer pursued_;            ///< Its own map, or one found accepted.
  bool accept_went_out_ = false;  ///< With its own map.
  uint64_t round_ = 0;            ///< Of ballots; rises for ever.
  unsigned defeats_ = 0;
  msg::Ballot ballot_;
  msg::RequestId request_ = 0;
  std::map<MemberNumber, msg::Promise> promises_;
  std::set<MemberNumber> accepted_;
  Instant resend_at_;
};

}  // namespace kv
