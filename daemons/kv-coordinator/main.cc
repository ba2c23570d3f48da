// kv-coordinator: takes clients' requests and talks to the replicas for them.
#include "daemons/daemon.h"
#include "libkv/service/coordinator_service.h"

namespace {

kv::CoordinatorSettings settings_of(const kv::DaemonWorld& world) {
  kv::CoordinatorSettings settings;
  settings.value_bytes_max = world.value_bytes_max;
  return settings;
}

class CoordinatorDaemon final : public kv::Daemon {
 public:
  explicit CoordinatorDaemon(const kv::DaemonWorld& world)
      : service_(world.environment, world.transport, world.self, settings_of(world)) {}
  kv::LoopHandler& handler() override { return service_; }
  kv::Status stop(kv::EventLoop&) override {
    service_.abandon_all();
    return {};
  }

 private:
  kv::CoordinatorService service_;
};

}  // namespace

int main(int argc, char** argv) {
  return kv::run_daemon(
      argc, argv,
      {kv::DaemonKind::coordinator, "Serve clients by talking to the replicas of each key"},
      [](const kv::DaemonWorld& world) -> kv::Result<std::unique_ptr<kv::Daemon>> {
        return std::make_unique<CoordinatorDaemon>(world);
      });
}
