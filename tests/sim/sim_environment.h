// A simulated process' Environment: its host's disk, its own clock (whose wall time may be apart
// from the others'), entropy from a seed, and an executor on simulated time.
//
// Work runs when its delay is over, not when it is posted: a crash in between leaves it undone, as
// a sync that had not returned may never have happened. Its completion follows a moment later, so
// that a crash may also fall between a sync that has happened and its acknowledgement.
//
// Single-threaded. Scheduler, disk and log must outlive it; what runs in the process must be
// destroyed before it, or after kill() at any time before it.
#pragma once

#include <functional>
#include <memory>

#include "libkv/base/environment.h"
#include "libkv/base/random.h"
#include "tests/sim/sim_file_system.h"
#include "tests/sim/sim_scheduler.h"

namespace kv {

struct SimProcessOptions {
  uint64_t seed = 1;
  Duration wall_offset{0};
  double wall_drift = 0;  ///< Seconds gained each second: 1e-4 is 100 ppm fast.
  /// Means; each task takes between half and one and a half of it.
  Duration log_sync_delay = 100us;
  Duration background_delay = 1ms;
  Duration read_delay = 80us;
  Duration completion_delay = 5us;
  double disk_slowness = 1;  ///< Multiplies the delays above but the completion's.
  /// And those of syncs and reads that begin while something runs in the background.
  double slowness_beside_background = 1;
};

class SimEnvironment {
 public:
  SimEnvironment(SimScheduler& scheduler, SimDisk& disk, Log& log,
                 const SimProcessOptions& options = {});
  ~SimEnvironment() { kill(); }
  SimEnvironment(const SimEnvironment&) = delete;
  SimEnvironment& operator=(const SimEnvironment&) = delete;

  /// For the code under test. The reference lives as long as this.
  Environment& environment() { return environment_; }

  /// The process ends now: nothing it has posted runs, its locks vanish, its files fail.
  void kill();
  bool alive() const { return *alive_; }
  /// Runs `task` after `delay` unless the process has been killed by then.
  void post(Duration delay, std::function<void()> task);

  void set_disk_slowness(double factor) { options_.disk_slowness = factor; }
  /// The wall clock jumps by `by`.
  void shift_wall(Duration by) { options_.wall_offset += by; }

 private:
  class ProcessClock final : public Clock {
   public:
    explicit ProcessClock(const SimEnvironment& process) : process_(process) {}
    Instant now() override { return process_.scheduler_.now(); }
    WallTime wall() override;

   private:
    const SimEnvironment& process_;
  };
  class ProcessExecutor final : public Executor {
   public:
    explicit ProcessExecutor(SimEnvironment& process) : process_(process) {}
    void run(Lane lane, std::function<void()> work, std::function<void()> done) override;
    bool begin_read(const std::shared_ptr<FileRead>& read, std::function<void()> done) override;
    void finish_read(FileRead& read) override;

   private:
    /// When a task posted now on `lane` has run.
    Instant end_of_task(Lane lane);
    SimEnvironment& process_;
    Instant log_sync_free_{}, background_free_{};  // When the lane's one thread is idle again.
  };

  SimScheduler& scheduler_;
  SimProcessOptions options_;
  Random random_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  SimFileSystem files_;
  ProcessClock clock_;
  ProcessExecutor executor_;
  Environment environment_;
};

}  // namespace kv
