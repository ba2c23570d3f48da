// A simulated member: a disk, and four daemons on it that are started, killed, and lose power
// together. A daemon that cannot be opened has ended; whoever asked starts it again later.
//
// Single-threaded. What it is made with must outlive it.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "libkv/base/random.h"
#include "tests/sim/sim_daemon.h"

namespace kv {

struct SimMemberOptions {
  uint64_t seed = 1;
  Duration wall_offset{0};
  double wall_drift = 0;
};

class SimMember {
 public:
  SimMember(const SimDaemonWorld& world, const SimMemberOptions& options);

  MemberNumber number() const { return world_.self.number; }
  const MemberInfo& info() const { return world_.self; }
  SimDisk& disk() { return world_.disk; }

  /// Ok if it runs already.
  Status start(DaemonKind kind);
  /// Starts all; the first error if some could not be.
  Status start_all();
  /// Ends a process at once; what it wrote is in the kernel's hands. Ok if it does not run.
  void kill(DaemonKind kind);
  void kill_all();
  bool runs(DaemonKind kind) const { return daemon(kind) != nullptr; }
  bool runs_all() const;
  /// Stops kv-node as SIGTERM does, then kills all, then calls `stopped`.
  void stop_cleanly(std::function<void()> stopped);

  /// All processes end, and the disk loses what was not synced, by `policy`.
  void lose_power(CrashPolicy policy);
  /// All processes end; the disk comes back empty, or as it was.
  void wipe();
  void roll_back(const DiskImage& image);

  /// Null unless it runs.
  SimDaemon* daemon(DaemonKind kind) const { return daemons_[static_cast<size_t>(kind)].get(); }
  /// The replica of a running kv-node, else null.
  Replica* replica() const;
  void stall(DaemonKind kind, Duration time);
  void set_disk_slowness(double factor);
  /// The host's wall clock jumps.
  void shift_wall(Duration by);

 private:
  SimDaemonWorld world_;
  SimMemberOptions options_;
  Random random_;
  double slowness_ = 1;
  std::array<std::unique_ptr<SimDaemon>, kDaemonKinds> daemons_;
};

inline constexpr std::array<DaemonKind, kDaemonKinds> kAllDaemons = {
    DaemonKind::gossip, DaemonKind::node, DaemonKind::coordinator, DaemonKind::repair};

}  // namespace kv
