#include "tests/sim/sim_run.h"

#include <algorithm>
#include <memory>

#include <sqlite3.h>

#include "tests/sim/sim_client.h"

namespace kv {

namespace {

/// How long a healed cluster may take to become equal.
constexpr Duration kSettleLimit = 180s;
constexpr SimHost kFirstClientHost = 200'000;

const SimWorld& world_for(const SimRunOptions& options) {
  if (options.world != nullptr) return *options.world;
  return options.only.empty() ? world_of(options.seed) : *find_world("any");
}

class SimRun {
 public:
  explicit SimRun(const SimRunOptions& options)
      : options_(options),
        world_(world_for(options)),
        random_(options.seed),
        cluster_(cluster_options()),
        began_(cluster_.scheduler().now()) {}

  SimRunResult run();

 private:
  SimClusterOptions cluster_options();
  unsigned between(unsigned min, unsigned max);
  void make_clients();
  void finish_clients();
  void read_everything();
  void check_leaves();
  SimRunResult result() const;

  bool run_faults();

  const SimRunOptions options_;
  const SimWorld& world_;
  Random random_;
  std::string shape_;
  SimCluster cluster_;
  const Instant began_;
  std::vector<std::unique_ptr<SimClient>> clients_;
  std::unique_ptr<Nemesis> nemesis_;
  unsigned keys_ = 0;
};

SimClusterOptions SimRun::cluster_options() {
  SimClusterOptions options;
  options.seed = random_.next();
  options.members = between(world_.members_min, world_.members_max);
  options.partitions = random_.chance(0.5) ? 16 : 4;
  options.memory_engine = random_.chance(world_.memory_engine);
  if (options_.faults && random_.chance(0.5)) {
    options.clocks_apart = 10s;
    options.drift_max = 1e-3;
  }
  options.trace = options_.trace;
  options.watched = options_.watched;
  shape_ = std::string(world_.name) + ": " + std::to_string(options.members) + " members, " +
           (options.memory_engine ? "memory" : "lsm") + " engine" +
           (options.drift_max > 0 ? ", clocks apart" : "");
  return options;
}

unsigned SimRun::between(unsigned min, unsigned max) {
  return min + static_cast<unsigned>(random_.below(max - min + 1));
}

void SimRun::make_clients() {
  const auto count = between(world_.clients_min, world_.clients_max);
  keys_ = between(world_.keys_min, world_.keys_max);
  Duration pause_max = random_.chance(0.3) ? 10ms : 60ms;
  if (world_.client_pause_max != Duration::zero()) pause_max = world_.client_pause_max;
  for (unsigned i = 0; i < count; ++i) {
    SimClientOptions options;
    options.seed = random_.next();
    options.host = kFirstClientHost + i;
    options.keys = keys_;
    options.writes = world_.writes > 0 ? world_.writes : 0.3 + 0.5 * random_.unit();
    options.pause_max = pause_max;
    options.deletes = world_.deletes;
    options.siblings = world_.siblings;
    options.contexts = world_.contexts;
    options.scans = world_.scans;
    options.overrides = world_.overrides;
    options.big_values = world_.big_values;
    options.keyspace = world_.keyspace;
    clients_.push_back(std::make_unique<SimClient>(cluster_, options));
    clients_.back()->run();
  }
}

void SimRun::finish_clients() {
  for (auto& client : clients_) client->finish();
  const auto idle = [this] {
    for (const auto& client : clients_)
      if (!client->idle()) return false;
    return true;
  };
  for (int i = 0; i < 100 && !idle(); ++i) cluster_.run_for(100ms);
  if (!idle()) cluster_.history().violation("a client never had its answer");
}

void SimRun::read_everything() {
  SimClient& client = *clients_.front();
  for (const SimKeyspace& keyspace : cluster_.keyspaces())
    for (unsigned number = 0; number < keys_; ++number) {
      const std::string key = SimClient::key_name(keyspace, number);
      client.read_all(keyspace, key);
      cluster_.run_for(1ms);
      while (!client.idle()) cluster_.run_for(1ms);
      const msg::GetDone& got = client.last_get();
      if (got.answer != Answer::ok && got.answer != Answer::not_found) {
        cluster_.history().stale(key + ": cannot be read from all its slots: " +
                                 to_string(got.answer) + ": " + got.detail);
        continue;
      }
      cluster_.history().judge(key, got.record);
    }
}

/// The leaves that writes kept up to date are those that the data gives.
void SimRun::check_leaves() {
  for (auto& member : cluster_.members()) {
    Replica* replica = member->replica();
    if (replica == nullptr) continue;
    for (size_t i = 0; i < cluster_.map().placements.size() * cluster_.map().partitions(); ++i) {
      (void)replica->check_next_partition();  // Its own check may be running.
      cluster_.run_for(5ms);
    }
    if (const uint64_t differing = replica->counters().leaves_differing; differing != 0)
      cluster_.history().violation("member " + std::to_string(member->number()) + ": " +
                                   std::to_string(differing) +
                                   " leaves differ from what the data gives");
  }
}

/// False: stopped at a violation.
bool SimRun::run_faults() {
  constexpr Duration kStep = 500ms;
  for (Duration done{}; done < options_.time; done += kStep) {
    cluster_.run_for(std::min(kStep, options_.time - done));
    if (options_.stop && !cluster_.history().violations().empty()) return false;
  }
  return true;
}

SimRunResult SimRun::run() {
  if (const Status formed = cluster_.form(); !formed) {
    cluster_.history().violation("the cluster did not form: " + formed.error().what);
    return result();
  }
  make_clients();
  nemesis_ = std::make_unique<Nemesis>(cluster_, random_.next(), world_, options_.only);
  if (options_.faults) {
    if (nemesis_->destroys()) cluster_.history().set_copies_lost(1);
    if (nemesis_->beyond_budget()) cluster_.history().judge_falsehood_only();
    nemesis_->start();
  }
  if (!run_faults()) return result();
  nemesis_->stop_and_heal();
  finish_clients();
  std::string why;
  if (!cluster_.settle(kSettleLimit, &why))
    cluster_.history().stale("not settled after " +
                             std::to_string(static_cast<int>(seconds_of(kSettleLimit))) +
                             " s: " + why);
  read_everything();
  check_leaves();
  return result();
}

SimRunResult SimRun::result() const {
  SimRunResult result;
  auto& cluster = const_cast<SimCluster&>(cluster_);
  result.trace_hash = cluster.trace().hash();
  result.simulated = cluster.scheduler().now() - began_;
  result.shape = shape_ + (nemesis_ && options_.faults ? "; " + nemesis_->classes() : "");
  result.figures = cluster.history().figures();
  if (nemesis_) result.faults = nemesis_->counts();
  const SimNetwork::Counters& network = cluster.network().counters();
  result.faults[static_cast<size_t>(FaultClass::loss)] = network.lost;
  result.faults[static_cast<size_t>(FaultClass::duplication)] = network.duplicated;
  result.faults[static_cast<size_t>(FaultClass::straggling)] = network.straggled;
  result.violations = cluster.history().violations();
  return result;
}

}  // namespace

SimRunResult run_seed(const SimRunOptions& options) {
  // SQLite's own randomness, so that a seed repeats.
  sqlite3_initialize();
  sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, static_cast<int>(options.seed | 1),
                       static_cast<sqlite3*>(nullptr));
  return SimRun(options).run();
}

}  // namespace kv
