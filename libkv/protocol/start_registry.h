// The voters' memory of starts, by which a kv-node learns that its disk was rolled back although no
// file betrays it (protocols.md, section 2, "Amnesia").
//
// Each start of a kv-node durably raises its start number and shows it, with its incarnation, to
// the voters. A voter keeps one (incarnation, start number) a member and says yes only if the
// incarnation is the one it holds and the number is higher: a disk that was rolled back shows a
// number that was shown before. Unknown is no. An incarnation drawn anew at this start is
// recorded instead of judged. Without a majority of yes the kv-node draws a new incarnation.
//
// Frames may come late or twice. So an incarnation that was replaced is remembered as retired, and
// an old announcement of it does not bring it back. And a process may show its start again, also
// under another incarnation, as the answer may have been lost: what was true of it when it was
// first recorded is kept with the row, by the random number of its run, and is told again.
//
// Pure: time and randomness are handed in. Not thread-safe.
#pragma once

#include <map>

#include "libkv/base/random.h"
#include "libkv/base/time.h"
#include "libkv/protocol/gossip_actions.h"

namespace kv {

/// The voter's side.
class StartRegistry {
 public:
  struct Settings {
    MemberNumber self = 0;
    uint64_t store_id = 0;
    size_t retired_max = 8;
  };
  /// `durable`: the rows of the store; `held`: its newest map.
  StartRegistry(const Settings& settings, std::vector<StartRow> durable, MapPointer held,
                GossipActions& actions);

  /// Not named as a voter any more: what it holds grows old unseen, so it is forgotten.
  void on_map(MapPointer map, GossipActions& actions);
  void on_vote(const msg::StartVote& vote, AskerId asker, GossipActions& actions);
  /// Answers no from now on: the store has failed, or is an old one.
  void stop() { stopped_ = true; }

 private:
  const StartRow* row_of(MemberNumber member) const;
  void judge(const msg::StartVote& vote, msg::StartVoted& voted, GossipActions& actions);
  static bool is_taken(const msg::StartVote& vote, const StartRow* row);
  void forget_unless_voter(GossipActions& actions);

  const Settings settings_;
  std::map<MemberNumber, StartRow> rows_;
  MapPointer held_;
  bool stopped_ = false;
};

/// The asker's side: carries a start that its own member's kv-node showed to the voters, and tells
/// what a majority says.
class StartInquiry {
 public:
  struct Settings {
    Duration resend_after = 200ms;
    Duration give_up_after = 2s;
    size_t inquiries_max = 16;
  };
  StartInquiry(const Settings& settings, Random random, MapPointer held);

  void on_map(MapPointer map) { held_ = std::move(map); }
  /// Answered by StartJudged: once a majority said yes that knew the member, or the asker is known
  /// to be behind, or all have answered, or after give_up_after. Without a map there are no voters,
  /// and the answer is no.
  void on_shown(const msg::StartShown& shown, AskerId asker, Instant now, GossipActions& actions);
  void on_voted(const msg::StartVoted& voted, GossipActions& actions);
  void on_tick(Instant now, GossipActions& actions);
  /// Instant::max() when there is nothing to do.
  Instant next_wake() const;

 private:
  struct Inquiry {
    msg::StartVote vote;
    msg::RequestId shown_id = 0;
    AskerId asker = AskerId::nobody;
    std::vector<MemberNumber> voters;
    std::map<MemberNumber, bool> answers;
    size_t knew = 0;  ///< Of those that said yes.
    bool behind = false;
    Instant resend_at;
    Instant give_up_at;
    size_t yes() const;
  };
  void ask(Inquiry& inquiry, Instant now, GossipActions& actions) const;
  static bool is_settled(const Inquiry& inquiry);
  static void judge(const Inquiry& inquiry, GossipActions& actions);

  const Settings settings_;
  Random random_;
  MapPointer held_;
  std::vector<Inquiry> inquiries_;
};

}  // namespace kv
