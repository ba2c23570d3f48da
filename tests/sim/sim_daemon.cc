#include "tests/sim/sim_daemon.h"

namespace kv {

SimDaemon::SimDaemon(const SimDaemonWorld& world, DaemonKind kind, const SimProcessOptions& options)
    : sim_environment_(world.scheduler, world.disk, world.log, options),
      process_(world.network, world.self.number, world.self.endpoint(kind)),
      executor_(sim_environment_.environment().executor, process_),
      environment_{sim_environment_.environment().files, sim_environment_.environment().clock,
                   executor_, world.log, sim_environment_.environment().entropy} {}

SimDaemon::~SimDaemon() {
  sim_environment_.kill();
  process_.detach();
}

Result<std::unique_ptr<SimDaemon>> SimDaemon::start(const SimDaemonWorld& world, DaemonKind kind,
                                                    const SimProcessOptions& options) {
  std::unique_ptr<SimDaemon> daemon(new SimDaemon(world, kind, options));
  KV_TRY(daemon->open(world, kind));
  daemon->process_.drive(daemon->node_ ? daemon->node_.get() : daemon->other_.get());
  return daemon;
}

Status SimDaemon::open(const SimDaemonWorld& world, DaemonKind kind) {
  switch (kind) {
    case DaemonKind::node:
      return open_node(world);
    case DaemonKind::gossip:
      return open_gossip(world);
    case DaemonKind::coordinator:
      other_ = std::make_unique<CoordinatorService>(environment_, process_, world.self,
                                                    CoordinatorSettings{});
      return {};
    case DaemonKind::repair:
      other_ =
          std::make_unique<RepairService>(environment_, process_, world.self, RepairSettings{});
      return {};
  }
  return {};
}

Status SimDaemon::open_node(const SimDaemonWorld& world) {
  const std::string path = "member/node";
  KV_ASSIGN(directory_,
            DataDirectory::open(environment_, path, DaemonKind::node, world.self.number));
  const auto open_engine = world.memory_engine ? open_memory_engine : open_lsm_engine;
  KV_ASSIGN(engine_, open_engine(environment_, directory_->meta(), path, world.engine));
  NodeSettings settings;
  // Each partition in the time of a run: leaves that differ are a violation (sim_run.cc).
  settings.replica.check_interval = 300ms;
  KV_ASSIGN(node_,
            NodeService::open(environment_, process_, *directory_, *engine_, world.self, settings));
  return {};
}

Status SimDaemon::open_gossip(const SimDaemonWorld& world) {
  KV_ASSIGN(directory_, DataDirectory::open(environment_, "member/gossip", DaemonKind::gossip,
                                            world.self.number));
  KV_ASSIGN(auto gossip, GossipService::open(environment_, process_, *directory_, world.self,
                                             GossipSettings{world.seeds}));
  gossip_ = gossip.get();
  other_ = std::move(gossip);
  return {};
}

void SimDaemon::stop(std::function<void(const Status&)> stopped) {
  node_->stop(std::move(stopped));
}

Status SimDaemon::close() {
  return engine_->close();
}

}  // namespace kv
