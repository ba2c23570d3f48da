// What the four daemons share: parse, take settings, build the world (log, executor, loop), let the
// daemon open what it owns, listen, announce readiness, run until SIGTERM or SIGINT, stop cleanly.
#pragma once

#include <functional>
#include <memory>

#include "libkv/base/environment.h"
#include "libkv/base/result.h"
#include "libkv/model/cluster_map.h"
#include "libkv/net/event_loop.h"
#include "libkv/transport/loop_handler.h"

namespace kv {

/// What a daemon is made of: opened before it listens, stopped after its last request.
class Daemon {
 public:
  virtual ~Daemon() = default;
  virtual LoopHandler& handler() = 0;
  /// Finishes what was begun; may run turns of the loop. Called once, after the signal.
  virtual Status stop(EventLoop& loop) = 0;
};

struct DaemonWorld {
  Environment& environment;
  Transport& transport;
  MemberInfo self;
  std::string directory;  ///< The member's; each daemon keeps its own below it.
  std::vector<Endpoint> gossip_seeds;
  size_t value_bytes_max;
  uint64_t node_memory_bytes;
  /// Ends the daemon with this error as its last word, once the turn is over.
  std::function<void(const Error&)> give_up;
};

struct DaemonKindInfo {
  DaemonKind kind;
  const char* summary;
};

/// The whole of a daemon's main. Returns its exit code.
int run_daemon(int argc, char** argv, const DaemonKindInfo& info,
               const std::function<Result<std::unique_ptr<Daemon>>(const DaemonWorld&)>& open);

}  // namespace kv
