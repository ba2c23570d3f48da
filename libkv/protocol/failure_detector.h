// The failure detector of kv-gossip: tells its own heartbeat, passes on everybody's, and says who
// is alive, suspect or down (protocols.md, section 4; the judgement itself: member_table.h).
//
// - Each interval it raises its counter and sends a part of its table to a few members, in an order
//   that is shuffled anew for each round through all of them, so that nobody is left out for long
//   (SWIM, section 4.3); and now and then to one that is down, so that a healed partition is
//   noticed. Epidemic spread: van Renesse, Minsky, Hayden, "A Gossip-Style Failure Detection
//   Service", 1998.
// - A message is bounded: its own row, then the rows that changed in a way that matters
//   (suspicions, a restart, a daemon), each a number of times that grows with the logarithm of
//   the cluster, then the next ones of a round through the table.
// - One that hears of itself with a higher number raises its own past it; one that hears itself
//   suspected speaks up at once.
// - A member that is late itself (stalled, overloaded) accuses nobody for what it slept through,
// and
//   is more patient for a while; as it is when it had to refute (Dadgar, Phillips, Currey,
//   "Lifeguard", 2018).
// - Seeds are MapSpread's business: before the first map there are no members to tell of.
//
// Pure: time and randomness are handed in. Not thread-safe.
#pragma once

#include <map>

#include "libkv/base/limits.h"
#include "libkv/base/random.h"
#include "libkv/base/time.h"
#include "libkv/protocol/gossip_actions.h"
#include "libkv/protocol/member_table.h"

namespace kv {

class FailureDetector {
 public:
  struct Settings {
    MemberNumber self = 0;
    uint64_t start_number = 0;  ///< Raised durably at each start of this process; 1 or more.
    Duration interval = limits::heartbeat_interval;
    size_t fan_out = 3;
    size_t rows_per_message_max = 256;
    double chance_to_try_one_down = 0.25;  ///< Each interval.
    unsigned health_worst = 8;             ///< Patience grows up to 1 + this many times.
    ArrivalHistory::Settings history;
  };
  FailureDetector(const Settings& settings, Random random, MapPointer map, Instant now);

  void on_map(const MapPointer& map, Instant now);
  void on_heartbeats(const msg::Heartbeats& heartbeats, Instant now, GossipActions& actions);
  /// The daemons of this member that run, as bits by DaemonKind. A change is told at once.
  void on_daemons_up(uint8_t daemons_up, Instant now, GossipActions& actions);
  void on_tick(Instant now, GossipActions& actions);
  Instant next_wake() const { return next_tick_; }

  /// Every member of the map, this one included.
  std::map<MemberNumber, MemberLiveness> liveness() const;
  /// Rises when liveness() changes; its upper half is the start number, so that it also rises
  /// from one run of this process to the next.
  uint64_t liveness_version() const;

  uint64_t start_number() const { return start_number_; }
  uint64_t counter() const { return counter_; }
  const MemberTable& table() const { return table_; }
  /// 0: healthy. The patience with others is 1 + this many times the usual.
  unsigned ill_health() const { return ill_health_; }

 private:
  void notice_stall(Instant now);
  void worsen(unsigned by);
  void hear_of_self(const msg::HeartbeatRow& row, MemberNumber from, Instant now,
                    GossipActions& actions);
  void refute(const msg::HeartbeatRow& row, MemberNumber from, Instant now, GossipActions& actions);
  void gossip(GossipActions& actions);
  MemberNumber next_target();
  void tell(MemberNumber to, GossipActions& actions);
  void add_urgent_rows(msg::Heartbeats& message);
  void add_rows_in_turn(msg::Heartbeats& message);

  const Settings settings_;
  Random random_;
  MemberTable table_;
  Epoch epoch_ = 0;
  bool in_map_ = false;
  uint64_t start_number_;
  uint64_t counter_ = 0;
  uint8_t daemons_up_;
  uint64_t own_changes_ = 0;

  Instant next_tick_;
  unsigned ill_health_ = 0;
  unsigned ticks_in_time_ = 0;
  uint64_t refuted_counter_ = 0;  ///< Accusations up to here were answered.
  Instant next_refutation_;

  std::vector<MemberNumber> target_order_;
  size_t target_position_ = 0;
  std::vector<MemberNumber> row_order_;
  size_t row_position_ = 0;
  uint64_t messages_ = 0;
};

}  // namespace kv
