// One simulated daemon: a real service with a simulated environment, process and network. It opens
// what the real daemon's main opens, in that order, and dies as a real one does: by its destructor,
// at once, with nothing of its memory left.
//
// Single-threaded. Scheduler, network, disk and log must outlive it. REQUIRES: it is destroyed from
// a task of the scheduler, never from one of its own turns.
#pragma once

#include <memory>
#include <vector>

#include "libkv/service/coordinator_service.h"
#include "libkv/service/data_directory.h"
#include "libkv/service/gossip_service.h"
#include "libkv/service/node_service.h"
#include "libkv/service/repair_service.h"
#include "tests/sim/sim_environment.h"
#include "tests/sim/sim_network.h"

namespace kv {

/// What the daemons of a member have in common.
struct SimDaemonWorld {
  SimScheduler& scheduler;
  SimNetwork& network;
  SimDisk& disk;
  Log& log;
  MemberInfo self;
  std::vector<Endpoint> seeds;  ///< kv-gossips of other members.
  bool memory_engine = false;
  EngineOptions engine;
};

class SimDaemon {
 public:
  /// Errors: whatever the service's open says; the process has then ended again.
  static Result<std::unique_ptr<SimDaemon>> start(const SimDaemonWorld& world, DaemonKind kind,
                                                  const SimProcessOptions& options);
  ~SimDaemon();

  /// Null unless it is of that kind.
  NodeService* node() { return node_.get(); }
  Engine* engine() { return engine_.get(); }
  /// Null unless it is of that kind.
  const GossipService* gossip() const { return gossip_; }
  /// Of a daemon that keeps a store.
  uint64_t store_id() const { return directory_->store_id(); }
  SimProcess& process() { return process_; }
  SimEnvironment& environment() { return sim_environment_; }
  /// kv-node: lets it finish as SIGTERM does; `stopped` comes in a turn of its own process.
  void stop(std::function<void(const Status&)> stopped);
  /// Closes what a clean stop closes. After stop()'s callback, outside the process' turns.
  Status close();

 private:
  SimDaemon(const SimDaemonWorld& world, DaemonKind kind, const SimProcessOptions& options);
  Status open(const SimDaemonWorld& world, DaemonKind kind);
  Status open_node(const SimDaemonWorld& world);
  Status open_gossip(const SimDaemonWorld& world);

  SimEnvironment sim_environment_;
  SimProcess process_;
  TurnExecutor executor_;
  Environment environment_;
  std::unique_ptr<DataDirectory> directory_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<NodeService> node_;
  std::unique_ptr<LoopHandler> other_;
  const GossipService* gossip_ = nullptr;  ///< That is `other_`.
};

}  // namespace kv
