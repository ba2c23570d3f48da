// kv-repair: hands hints back to their owners and keeps copies equal.
#include "daemons/daemon.h"
#include "libkv/service/repair_service.h"

namespace {

class RepairDaemon final : public kv::Daemon {
 public:
  explicit RepairDaemon(const kv::DaemonWorld& world)
      : service_(world.environment, world.transport, world.self, {}) {}
  kv::LoopHandler& handler() override { return service_; }
  kv::Status stop(kv::EventLoop&) override { return {}; }

 private:
  kv::RepairService service_;
};

}  // namespace

int main(int argc, char** argv) {
  return kv::run_daemon(
      argc, argv, {kv::DaemonKind::repair, "Hand hints back and keep a member's copies equal"},
      [](const kv::DaemonWorld& world) -> kv::Result<std::unique_ptr<kv::Daemon>> {
        return std::make_unique<RepairDaemon>(world);
      });
}
