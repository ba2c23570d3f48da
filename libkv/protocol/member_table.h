// What one kv-gossip knows of the others: their heartbeats, who suspects them, and what that makes
// of them: alive, suspect or down (protocols.md, section 4).
//
// A suspicion says "I have not heard beyond (start, counter)". It travels with its suspecter's name
// and is void for everyone who has heard beyond it, so a live member that was accused is cleared by
// its next heartbeat wherever that arrives (SWIM: Das, Gupta, Motivala, 2002; there the accused
// must hear of it first).
//
//   alive ──(I suspect it, or two others do)──► suspect ──(two independent, for a while)──► down
//     ▲                                            │                                          │
//     └──────────────── its heartbeat rises past all suspicions ──────────────────────────────┘
//
// Two suspecters are independent if their racks or data centres differ, where the members that
// nobody suspects span more than one; a suspecter counts while it is alive itself. Where only two
// members are left, one is enough. The while is what a refutation may take to come round.
//
// Pure. Not thread-safe.
#pragma once

#include <map>
#include <vector>

#include "libkv/model/cluster_map.h"
#include "libkv/model/view.h"
#include "libkv/protocol/arrival_history.h"
#include "libkv/protocol/gossip_messages.h"

namespace kv {

/// One member as seen from here.
struct MemberRow {
  MemberNumber member = 0;
  uint32_t place = 0;  ///< Its rack and data centre, numbered.
  uint64_t start = 0;
  uint64_t counter = 0;
  uint8_t daemons_up = 0;
  /// Its heartbeat was seen to rise, or came from itself: a number told once by another proves
  /// nothing, it may be long dead.
  bool risen = false;
  Liveness liveness = Liveness::suspect;
  Instant rose_at;
  Instant condemned_at = Instant::max();  ///< Enough suspecters since; max(): not enough.
  uint32_t urgent = 0;                    ///< How many more messages carry it out of turn.
  uint64_t sent_in = 0;                   ///< The last message that carried it.
  ArrivalHistory history;
  std::vector<msg::Suspicion> suspicions;  ///< None void; bounded.

  bool was_heard() const { return start != 0 || counter != 0; }
  bool is_suspected_by(MemberNumber suspecter) const;
  msg::HeartbeatRow to_message() const { return {member, start, counter, daemons_up, suspicions}; }
};

class MemberTable {
 public:
  struct Settings {
    MemberNumber self = 0;
    ArrivalHistory::Settings history;
    size_t suspicions_max = 8;  ///< Kept for a member: enough to find two independent ones.
  };
  explicit MemberTable(const Settings& settings) : settings_(settings) {}

  /// The members are those of `map`; new ones are suspect until heard, and may be accused when
  /// their first patience is over.
  void on_map(const ClusterMap& map, Instant now);

  /// Takes in what somebody tells of another member. REQUIRES: row.member is not `self`.
  void hear(const msg::HeartbeatRow& row, MemberNumber from, Instant now);
  /// Accuses those whose silence exceeds `impatience` (1 or more) times their patience, and judges
  /// everyone anew.
  void judge_all(Instant now, double impatience);
  /// This process did not run for so long: nobody's silence during it counts.
  void forgive(Duration stalled, Instant now);

  /// All but this one, in the order of their numbers.
  std::vector<MemberRow>& rows() { return rows_; }
  const std::vector<MemberRow>& rows() const { return rows_; }
  const MemberRow* find(MemberNumber member) const;
  /// Rises whenever a member's liveness or daemons change.
  uint64_t changes() const { return changes_; }
  /// Rises whenever somebody may have come to be suspected by another, or to be so no more.
  uint64_t suspicion_changes() const { return suspicion_changes_; }

 private:
  MemberRow* find_row(MemberNumber member);
  void rise(MemberRow& row, const msg::HeartbeatRow& heard, bool direct, Instant now);
  bool add_suspicion(MemberRow& row, const msg::Suspicion& suspicion);
  void make_urgent(MemberRow& row) const;
  void judge(MemberRow& row, Instant now);
  Liveness verdict(MemberRow& row, Instant now);
  bool is_condemned(const MemberRow& row, const std::vector<uint32_t>& places) const;
  void count_living();
  Duration refutation_time() const;

  const Settings settings_;
  std::vector<MemberRow> rows_;
  uint32_t own_place_ = 0;
  size_t members_left_ = 1;  ///< Not down, this one included.
  size_t places_left_ = 1;   ///< Of those that are alive, this one included.
  std::vector<bool> seen_places_;
  uint32_t places_ = 1;
  uint64_t changes_ = 0;
  uint64_t suspicion_changes_ = 0;
};

/// How many rounds a rumour takes, at most, to be known to all of `members` with high probability.
uint32_t rumour_rounds(size_t members);

}  // namespace kv
