// The nemesis: decides by a seed which classes of faults a run has and how often, brings them
// about, and in the end heals everything.
//
// Faults that destroy durable copies keep a budget: one member's disk at a time, and the next only
// when the cluster has become equal again. Seeds of one class go beyond it.
//
// Single-threaded. The cluster must outlive it.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/sim_cluster.h"
#include "tests/sim/sim_world.h"

namespace kv {

enum class FaultClass {
  loss,
  duplication,
  straggling,
  partition,
  one_way,
  stall,
  daemon_kill,
  member_kill,
  clean_stop,
  power_loss,
  wipe,
  roll_back,
  rot,
  sync_failure,
  slow_disk,
  full_disk,
  clock_jump,
  map_change,
};
inline constexpr size_t kFaultClasses = 18;
const char* to_string(FaultClass fault);
using FaultCounts = std::array<uint64_t, kFaultClasses>;

class Nemesis {
 public:
  /// `only`: names of classes, with commas between: just these, and often. Empty: as in the world,
  /// which must outlive it. REQUIRES: the cluster has formed.
  Nemesis(SimCluster& cluster, uint64_t seed, const SimWorld& world, const std::string& only);
  ~Nemesis() { *alive_ = false; }
  Nemesis(const Nemesis&) = delete;
  Nemesis& operator=(const Nemesis&) = delete;

  /// Sets the network's faults and brings about others until stop().
  void start();
  /// No new faults; whatever was broken is healed, and every daemon runs again.
  void stop_and_heal();

  const FaultCounts& counts() const { return counts_; }
  bool destroys() const;
  bool beyond_budget() const { return beyond_budget_; }
  /// The classes this seed has, by name.
  std::string classes() const;

 private:
  bool has(FaultClass fault) const { return enabled_[static_cast<size_t>(fault)]; }
  void count(FaultClass fault) { ++counts_[static_cast<size_t>(fault)]; }
  Duration between(Duration min, Duration max);
  SimMember& any_member();
  DaemonKind any_daemon();

  void set_network_faults();
  void strike_later();
  void strike();
  void strike(FaultClass fault);
  void cut(bool one_way);
  void cut_between(const std::vector<SimHost>& here, const std::vector<SimHost>& there,
                   bool one_way, Duration time);
  void isolate(const SimMember& member, Duration time);
  void kill_daemon();
  void kill_member(FaultClass fault);
  void lose_power_everywhere();
  void lose_power_in_a_write(SimMember& member, Duration down);
  void lose_power_when_off(SimMember& member, Duration down, Instant at_latest);
  void lose_power(SimMember& member);
  void enable(const std::string& names);
  void destroy(FaultClass fault);
  void destroy(SimMember& member, FaultClass fault, Duration down_max);
  void rot_a_block(SimMember& member);
  void fail_calls();
  void fill_a_disk();
  void change_map();
  void restart_later(SimMember& member, Duration after);
  void slow_a_disk();
  void start_later(SimMember& member, Duration after);
  void start_or_replace(SimMember& member);
  void note_destroyed(SimMember& member);
  void watch_destroyed();
  bool owes_nothing() const;
  void take_snapshot(SimMember& member);
  bool spares_the_voters(const SimMember& member) const;
  bool may_vote(SimMember& voter, const ClusterMap& map) const;
  void note_store_lost(SimMember& member);
  bool would_be_noticed(const SimMember& member) const;

  SimCluster& cluster_;
  const SimWorld& world_;
  Random random_;
  std::array<bool, kFaultClasses> enabled_{};
  FaultCounts counts_{};
  Duration pause_max_{};
  double network_share_;  // Of frames that each fault of the network may hit.
  bool running_ = false;
  bool beyond_budget_ = false;
  std::map<MemberNumber, uint64_t> lost_stores_;  // Of kv-gossips: the last one destroyed.
  SimMember* destroyed_ = nullptr;                // Whose copies are not yet whole again.
  bool refill_seen_ = false;                      // It has found out.
  SimMember* rotten_ = nullptr;                   // Has a bad block that nobody may have met yet.
  std::map<MemberNumber, bool> down_;             // Held down until its start is due.
  struct Snapshot {
    DiskImage image;
    uint64_t start_number = 0;  // Of the kv-node's start in which it was taken.
  };
  std::map<MemberNumber, Snapshot> snapshots_;  // To roll back to.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace kv
