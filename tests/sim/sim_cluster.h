// A simulated cluster: members, their network, an operator, and the judge who sees every message.
// Everything that happens goes into a hash, by which two runs of a seed are compared.
//
// Single-threaded.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "libkv/protocol/first_map.h"
#include "tests/sim/history.h"
#include "tests/sim/sim_member.h"
#include "tests/sim/sim_operator.h"

namespace kv {

struct SimClusterOptions {
  uint64_t seed = 1;
  unsigned members = 3;
  unsigned partitions = 16;
  bool memory_engine = false;
  Duration clocks_apart{0};  ///< Wall clocks differ by up to this.
  double drift_max = 0;      ///< And run apart by up to this much a second.
  bool trace = false;        ///< Print what happens.
  std::string watched;       ///< And every message about this key.
};

/// What a client needs to know of a keyspace.
struct SimKeyspace {
  std::string name;
  unsigned n = 0, r = 0, w = 0;
  bool strict = false;
};

/// The log of all daemons: into the hash, and printed if asked for.
class SimTrace final : public Log {
 public:
  SimTrace(const SimScheduler& scheduler, bool print) : scheduler_(scheduler), print_(print) {}
  void write(LogLevel level, std::string_view line) override;
  void mix(uint64_t a, uint64_t b) {
    hash_ = (hash_ ^ a) * 0x9e3779b97f4a7c15u + (b ^ hash_ >> 29);
  }
  uint64_t hash() const { return hash_; }
  bool prints() const { return print_; }

 private:
  const SimScheduler& scheduler_;
  bool print_;
  uint64_t hash_ = 0;
};

class SimCluster {
 public:
  explicit SimCluster(const SimClusterOptions& options);
  ~SimCluster();

  /// Starts all members and makes the first map, as kv-init does.
  Status form();
  void run_for(Duration time) { scheduler_.run_until(scheduler_.now() + time); }
  /// Runs until nothing is left to repair, at most for `limit`. False: `*why` names what is left.
  bool settle(Duration limit, std::string* why);

  /// Proposes, through that member, a map in which rows have their slots in another order: the
  /// same holders, but every request planned with the older map is refused. May fail.
  void rotate_slots(const SimMember& through, uint64_t seed);

  SimScheduler& scheduler() { return scheduler_; }
  SimNetwork& network() { return network_; }
  SimTrace& trace() { return trace_; }
  History& history() { return history_; }
  std::vector<std::unique_ptr<SimMember>>& members() { return members_; }
  const std::vector<SimKeyspace>& keyspaces() const { return keyspaces_; }
  std::vector<Endpoint> coordinators() const;
  const ClusterMap& map() const { return map_; }

 private:
  void observe(SimHost from, SimHost to, const Frame& frame);
  void print_watched(SimHost from, SimHost to, const Frame& frame);
  void make_members(const SimClusterOptions& options);
  FirstMapOptions first_map_options();
  std::string unsettled();
  std::string unequal();

  SimClusterOptions options_;
  Random random_;
  std::vector<std::unique_ptr<SimDisk>> disks_;
  SimScheduler scheduler_;
  SimTrace trace_;
  SimNetwork network_;
  History history_;
  SimOperator operator_;
  std::vector<std::unique_ptr<SimMember>> members_;
  std::vector<SimKeyspace> keyspaces_;
  ClusterMap map_;
  msg::RequestId next_id_ = 1;
  std::set<std::pair<SimHost, msg::RequestId>> watched_ids_;
};

}  // namespace kv
