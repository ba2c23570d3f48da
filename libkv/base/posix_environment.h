// The real environment but for its executor and log, which the program chooses.
#pragma once

#include "libkv/base/environment.h"
#include "libkv/base/posix_file_system.h"

namespace kv {

/// CLOCK_MONOTONIC and CLOCK_REALTIME. Thread-safe, without state.
class SystemClock final : public Clock {
 public:
  Instant now() override;
  WallTime wall() override;
};

/// 64 bits of getrandom(2). Thread-safe. Aborts if the kernel has none to give.
uint64_t system_entropy();

/// Owns files and clock. An Environment made from it must not outlive it.
class PosixEnvironment {
 public:
  /// `executor` and `log` must outlive the result.
  Environment with(Executor& executor, Log& log) {
    return Environment{files_, clock_, executor, log, system_entropy};
  }
  PosixFileSystem& files() { return files_; }
  SystemClock& clock() { return clock_; }

 private:
  PosixFileSystem files_;
  SystemClock clock_;
};

}  // namespace kv
