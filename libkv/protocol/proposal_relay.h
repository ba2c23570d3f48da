// Passing a proposal on: a kv-gossip that is no voter hands it to one that is, and its answer back.
//
// A voter that does not answer may be dead, so after a while the same map goes to another. That is
// safe: the map is the same, whoever leads it. But an answer that comes when several had it says
// less: "conflict", with an epoch beyond the proposal's own, may mean that another copy won before.
//
// Pure: time and randomness are handed in. Not thread-safe.
#pragma once

#include <vector>

#include "libkv/base/random.h"
#include "libkv/base/time.h"
#include "libkv/protocol/gossip_actions.h"

namespace kv {

class ProposalRelay {
 public:
  struct Settings {
    Duration try_another_after = 1s;
    size_t relayed_max = 64;
  };
  ProposalRelay(const Settings& settings, Random random) : settings_(settings), random_(random) {}

  /// Answered by Proposed. `voters` in the order in which to try them, those alive first; none:
  /// unavailable.
  void on_propose(const msg::Propose& propose, AskerId asker, std::vector<MemberNumber> voters,
                  Instant now, GossipActions& actions);
  void on_proposed(const msg::Proposed& proposed, Instant now, GossipActions& actions);
  void on_tick(Instant now, GossipActions& actions);
  /// Instant::max() when there is nothing to do.
  Instant next_wake() const;

 private:
  struct Relayed {
    msg::Propose propose;  ///< Under an id of this relay.
    msg::RequestId asked_id = 0;
    AskerId asker = AskerId::nobody;
    std::vector<MemberNumber> voters;
    size_t tried = 0;  ///< How many copies went out.
    Instant deadline;
    Instant try_another_at;
  };
  void try_next(Relayed& relayed, Instant now, GossipActions& actions) const;
  static void answer(const Relayed& relayed, msg::Proposed proposed, GossipActions& actions);

  const Settings settings_;
  Random random_;
  std::vector<Relayed> relayed_;
};

}  // namespace kv
