// One run of engine_bench: the engine, its directory, and what lies in it. Workloads (workloads.cc)
// bring it into the state they begin from, and measure.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "tests/bench/engines/drive.h"
#include "tests/bench/engines/figures.h"

namespace kv::bench {

struct RunOptions {
  std::string directory;  ///< Made and emptied as needed.
  uint64_t num = 0;
  size_t value_bytes = 0;
  size_t threads = 1;
  bool sync = false;      ///< Measured writes wait for the disk.
  bool direct = false;    ///< Reads are measured past the page cache.
  MemorySettings memory;  ///< The same for all engines.
  bool cold = false;      ///< What was written is not in memory when it is read.
  std::optional<Duration> limit;
};

class BenchRun {
 public:
  BenchRun(BenchEngine& engine, const RunOptions& options)
      : engine_(engine), options_(options), dataset_(options.num, options.value_bytes) {}

  BenchEngine& engine() { return engine_; }
  Dataset& dataset() { return dataset_; }
  const RunOptions& options() const { return options_; }

  /// Opens the engine on an empty directory.
  Status begin_empty();
  /// Makes sure that every key is there and all is settled, unmeasured; if `cold` was asked for,
  /// the engine was just opened and none of its files is in the page cache.
  enum class Access { writes, reads };
  Status begin_filled(Access access = Access::writes);
  Status open(bool direct = false);
  /// Closes, and drops from the page cache if `cold` was asked for.
  Status close();
  /// What was written is not all the keys: the next begin_filled() does it again.
  void is_partial() { filled_ = false; }
  void is_filled() { filled_ = true; }

  /// One worker for each of the threads.
  Workers workers(const std::function<std::unique_ptr<Worker>(WorkerPlace)>& make) const;
  /// For each of the threads: its part of `calls`, until the limit. With a limit and unless
  /// `calls_bind`, the limit alone.
  WorkerLimits limits(uint64_t calls, WorkerPlace place, bool calls_bind = false) const;

  /// Drives workers that write, waits until all is settled, and says what it took.
  Result<Figures> measure_writes(const Workers& workers);
  /// The same without settling, for workers that read.
  Result<Figures> measure_reads(const Workers& workers, const Workers& background = {});

 private:
  Status fill();
  std::optional<uint64_t> written_by_process() const;
  /// The engine's own, since it was opened: filling counts too.
  Figures waits();

  BenchEngine& engine_;
  const RunOptions options_;
  Dataset dataset_;
  bool open_ = false;
  bool open_direct_ = false;
  bool filled_ = false;
};

}  // namespace kv::bench
