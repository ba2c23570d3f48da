// The environment seam: everything by which a daemon touches the world other than messages. Files,
// the clocks, entropy, and work that must not run on the event loop. `PosixEnvironment` is the
// real one; `tests/sim` has one with simulated time and a disk that loses, tears and fails.
//
// Threading: a File may be used by several threads if they touch different ranges or only read.
// Everything else belongs to the loop's thread unless a comment says otherwise.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "libkv/base/bytes.h"
#include "libkv/base/log.h"
#include "libkv/base/result.h"
#include "libkv/base/time.h"

namespace kv {

/// An open file, used by position. Closed by its destructor.
class File {
 public:
  virtual ~File() = default;

  /// Fills `into` from `offset`; returns how many bytes, short only at the end of the file.
  virtual Result<size_t> read_at(uint64_t offset, std::span<char> into) = 0;
  /// As read_at(), but never waits for the disk: fewer bytes, or none, where the system has them
  /// not in memory.
  virtual Result<size_t> read_cached_at(uint64_t offset, std::span<char> into) {
    (void)offset, (void)into;
    return size_t{0};
  }
  /// Writes all of `bytes` or fails (then any part of it may have been written).
  virtual Status write_at(uint64_t offset, BytesView bytes) = 0;
  /// A hint that the range may go to the disk now, so that a later sync has less to wait for.
  /// Promises nothing, and tells of no failure: sync() does.
  virtual void begin_writeback(uint64_t /*offset*/, uint64_t /*length*/) {}
  /// fdatasync. A failure is final: the caller must not retry and believe a later success
  /// (Rebello et al., "Can Applications Recover from fsync Failures?", 2020).
  virtual Status sync() = 0;
  virtual Status truncate(uint64_t size_bytes) = 0;
  /// Makes the file at least so long and gives it the room for that, without writing it: what it
  /// did not hold reads as zeros. False: that cannot be had here, and nothing has changed. Errors:
  /// no_space, io.
  virtual Result<bool> reserve(uint64_t /*size_bytes*/) { return false; }
  virtual Result<uint64_t> size() = 0;
  /// Takes, changes or drops an advisory lock on a byte range without waiting; false if it
  /// conflicts with a lock of another process or of another open File. Released with this File.
  enum class RangeLock { none, shared, exclusive };
  virtual Result<bool> lock_range(uint64_t offset, uint64_t length, RangeLock kind) = 0;
  /// Whether another process or File holds an exclusive lock on any part of the range.
  virtual Result<bool> range_is_locked(uint64_t offset, uint64_t length) = 0;
};

/// Holds a directory against other processes; released by its destructor or the process's end.
class DirectoryLock {
 public:
  virtual ~DirectoryLock() = default;
};

enum class OpenMode {
  read,         ///< Must exist.
  read_direct,  ///< The same, past the system's page cache where the file system can do that.
  write,        ///< Read and write; created if missing.
  write_new,    ///< Read and write; fails if it exists.
};
inline bool only_reads(OpenMode mode) {
  return mode == OpenMode::read || mode == OpenMode::read_direct;
}

/// The namespace of files. All calls are thread-safe. Paths are plain; errors name them.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  /// not_found if it is missing; no_space or io otherwise.
  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  virtual Result<bool> exists(const std::string& path) = 0;
  /// Names (not paths) of the entries, sorted.
  virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;
  /// Creates it and its missing parents, durably. Ok if it is there.
  virtual Status make_directories(const std::string& directory) = 0;
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  /// Removes a file or an empty directory.
  virtual Status remove(const std::string& path) = 0;
  virtual Status hard_link(const std::string& from, const std::string& to) = 0;
  /// Makes creations, renames and removals in `directory` durable.
  virtual Status sync_directory(const std::string& directory) = 0;
  /// locked if another process has it.
  virtual Result<std::unique_ptr<DirectoryLock>> lock_directory(const std::string& directory) = 0;
  virtual Result<uint64_t> free_bytes(const std::string& directory) = 0;
};

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() = 0;    ///< Thread-safe.
  virtual WallTime wall() = 0;  ///< Thread-safe.
};

/// What runs beside the loop, each lane in order on a thread of its own (`read` on several, in no
/// order between tasks).
enum class Lane { log_sync, background, read };

/// Runs work off the loop and completions on it. In the simulator both run on one thread, the
/// completion after a simulated delay; a crash drops what has not completed.
class Executor {
 public:
  virtual ~Executor() = default;
  /// Runs `work` on `lane`, then `done` on the loop's thread. Never runs either before returning.
  virtual void run(Lane lane, std::function<void()> work, std::function<void()> done) = 0;
};

struct Environment {
  FileSystem& files;
  Clock& clock;
  Executor& executor;
  Log& log;
  /// 64 unpredictable bits (in the simulator: from the seed).
  std::function<uint64_t()> entropy;
};

}  // namespace kv
