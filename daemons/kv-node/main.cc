// kv-node: stores a member's share of the data.
#include <algorithm>

#include <malloc.h>

#include "daemons/daemon.h"
#include "libkv/base/limits.h"
#include "libkv/base/process_memory.h"
#include "libkv/replica/key_layout.h"
#include "libkv/service/data_directory.h"
#include "libkv/service/node_memory.h"
#include "libkv/service/node_service.h"

namespace {

/// How long a clean stop may take before it is given up; the log replays the rest.
constexpr kv::Duration kStopTimeout = std::chrono::seconds(20);

/// glibc's defaults give each thread a heap of its own, and learn from the first large block freed
/// to keep large ones: more of what was let go would stay with the process. Yet where there is room
/// for it, values of a megabyte are to use memory again: fresh pages take longer than all else.
void settle_allocator(uint64_t memory_bytes) {
  constexpr uint64_t kShare = 64, kLeast = 128u << 10, kMost = 4u << 20;
  const uint64_t room = memory_bytes - kv::limits::node_memory_bytes_min;
  const int large = static_cast<int>(std::clamp(room / kShare, kLeast, kMost));
  ::mallopt(M_ARENA_MAX, 2);
  ::mallopt(M_MMAP_THRESHOLD, large);
  ::mallopt(M_TRIM_THRESHOLD, large * 2);
}

class NodeDaemon final : public kv::Daemon {
 public:
  static kv::Result<std::unique_ptr<kv::Daemon>> open(const kv::DaemonWorld& world) {
    settle_allocator(world.node_memory_bytes);
    auto daemon = std::make_unique<NodeDaemon>();
    const std::string path = world.directory + "/node";
    KV_ASSIGN(daemon->directory_, kv::DataDirectory::open(world.environment, path,
                                                          kv::DaemonKind::node, world.self.number));
    kv::EngineOptions options;
    const kv::NodeMemory memory = kv::divide_node_memory(world.node_memory_bytes);
    options.memory_bytes = memory.storage_bytes;
    options.group_prefix_bytes = kv::kPartitionPrefixBytes;
    KV_ASSIGN(daemon->engine_,
              kv::open_lsm_engine(world.environment, daemon->directory_->meta(), path, options));
    kv::NodeSettings settings;
    settings.replica.value_bytes_max = world.value_bytes_max;
    settings.replica.waiting_bytes_max = memory.waiting_bytes;
    settings.replica.scan_pages_at_once = memory.scan_pages;
    settings.replica.untaken_bytes_max = memory.untaken_bytes;
    settings.memory_bytes_max = world.node_memory_bytes;
    settings.resident_bytes = kv::resident_bytes;
    settings.give_up = world.give_up;
    KV_ASSIGN(daemon->service_,
              kv::NodeService::open(world.environment, world.transport, *daemon->directory_,
                                    *daemon->engine_, world.self, settings));
    daemon->clock_ = &world.environment.clock;
    return daemon;
  }

  kv::LoopHandler& handler() override { return *service_; }

  kv::Status stop(kv::EventLoop& loop) override {
    std::optional<kv::Status> stopped;
    service_->stop([&](const kv::Status& status) { stopped = status; });
    const kv::Instant deadline = clock_->now() + kStopTimeout;
    while (!stopped && clock_->now() < deadline)
      loop.turn(*service_, std::chrono::milliseconds(50));
    if (!stopped) return kv::fail(kv::ErrorKind::io, "the log was not synced in time");
    KV_TRY(*stopped);
    return engine_->close();
  }

 private:
  std::unique_ptr<kv::DataDirectory> directory_;
  std::unique_ptr<kv::Engine> engine_;
  std::unique_ptr<kv::NodeService> service_;
  kv::Clock* clock_ = nullptr;
};

}  // namespace

int main(int argc, char** argv) {
  return kv::run_daemon(argc, argv, {kv::DaemonKind::node, "Store a member's share of the data"},
                        NodeDaemon::open);
}
