// kv-gossip: tells who is alive, keeps the cluster map, votes on its changes.
#include "daemons/daemon.h"
#include "libkv/service/data_directory.h"
#include "libkv/service/gossip_service.h"

namespace {

class GossipDaemon final : public kv::Daemon {
 public:
  static kv::Result<std::unique_ptr<kv::Daemon>> open(const kv::DaemonWorld& world) {
    auto daemon = std::make_unique<GossipDaemon>();
    KV_ASSIGN(daemon->directory_,
              kv::DataDirectory::open(world.environment, world.directory + "/gossip",
                                      kv::DaemonKind::gossip, world.self.number));
    KV_ASSIGN(daemon->service_,
              kv::GossipService::open(world.environment, world.transport, *daemon->directory_,
                                      world.self, {world.gossip_seeds}));
    return daemon;
  }
  kv::LoopHandler& handler() override { return *service_; }
  kv::Status stop(kv::EventLoop&) override { return {}; }

 private:
  std::unique_ptr<kv::DataDirectory> directory_;
  std::unique_ptr<kv::GossipService> service_;
};

}  // namespace

int main(int argc, char** argv) {
  return kv::run_daemon(argc, argv,
                        {kv::DaemonKind::gossip, "Tell who is alive and keep the cluster map"},
                        GossipDaemon::open);
}
