// Mixed load at full speed on kv's engine, every answer verified: puts, removals, gets, gets of
// many, read-merge-writes and walks, with clean stops and kills between. The engine is driven from
// one loop, as in a kv-node; who is told to wait for room reads meanwhile.
#pragma once

#include <algorithm>
#include <memory>
#include <string>

#include "libkv/base/histogram.h"
#include "libkv/base/posix_environment.h"
#include "libkv/base/random.h"
#include "libkv/base/stderr_log.h"
#include "libkv/base/thread_executor.h"
#include "libkv/storage/engine.h"
#include "tests/bench/engines/figures.h"
#include "tests/bench/engines/soak_model.h"

namespace kv::bench {

struct SoakOptions {
  std::string directory;  ///< Exists and is empty.
  uint64_t keys = 1'000'000;
  size_t value_bytes = 100;
  Duration duration{};
  Duration between_stops = 60s;
  uint64_t seed = 1;
};

/// What its clients saw.
struct SoakFigures {
  uint64_t puts = 0, removals = 0, gets = 0, many_gets = 0, merges = 0, walks = 0;
  uint64_t clean_stops = 0, kills = 0, cut = 0;  ///< `cut`: operations that a kill took back.
  uint64_t told_to_wait = 0, refused = 0;
  Histogram write, read, turn;
  Duration delay_max{}, stall_max{};  ///< The engine's own.
  uint64_t delays = 0, stalls = 0;
  uint64_t flushes = 0, compactions = 0;
  uint64_t user_bytes = 0, written_bytes = 0;
  uint64_t resident_bytes_max = 0, disk_bytes_max = 0, disk_bytes_end = 0;
  double seconds = 0;
};

class Soak {
 public:
  explicit Soak(const SoakOptions& options);

  /// Errors: corrupt for a wrong answer; the engine's.
  Status run();
  /// Whatever run() came to.
  Figures figures() const;
  /// That the engine made its writers wait.
  Duration longest_wait() const { return std::max(counts_.delay_max, counts_.stall_max); }

 private:
  /// The engine and what a process has around it. Members are destroyed from below.
  struct Process {
    std::unique_ptr<DirectoryLock> lock;
    std::unique_ptr<MetaStore> meta;
    std::unique_ptr<Engine> engine;
  };

  Status open();
  Status run_until(Instant end);
  Status stop();
  Status turn();
  Status wait_for_something();
  Status step();
  void write(uint64_t number, bool removal);
  Status get(uint64_t number, bool then_write);
  Status get_many();
  Status walk();
  Status walk_all();
  Status check_range(uint64_t first, uint64_t end);
  void note(Status status);
  void count_engine();
  void look_at_process();
  bool has_room();
  uint64_t random_number();

  const SoakOptions options_;
  Random random_;
  SoakModel model_;
  SoakFigures counts_;
  Status noted_;  // The first wrong answer.
  size_t outstanding_ = 0;
  Sequence durable_ = 0;
  WriteBatch batch_;

  StderrLog log_;
  PosixEnvironment posix_;
  ThreadExecutor executor_;
  Environment environment_;
  Process process_;
};

}  // namespace kv::bench
