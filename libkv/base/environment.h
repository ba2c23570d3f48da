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
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "libkv/base/bytes.h"
#include "libkv/base/log.h"
#include "libkv/base/result.h"
#include "libkv/base/time.h"

namespace kv {

/// What direct reads and writes are rounded to: the sector of the strictest device there is.
inline constexpr size_t kFilePageBytes = 4096;
/// `bytes`, rounded up to whole pages.
constexpr uint64_t whole_file_pages(uint64_t bytes) {
  return (bytes + kFilePageBytes - 1) / kFilePageBytes * kFilePageBytes;
}
/// How the kernel knows an open file, for who reads it by other means than File::read_at().
struct RawFile {
  int descriptor = -1;
  size_t alignment = 1;  ///< Of a read's offset and length, and of the memory it fills.
  BytesView path;        ///< For errors. As long as the file.
};

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
  /// Nothing if it is no file of the kernel's.
  virtual std::optional<RawFile> raw() const { return std::nullopt; }
  /// Writes all of `bytes` or fails (then any part of it may have been written).
  virtual Status write_at(uint64_t offset, BytesView bytes) = 0;
  /// write_at() and sync() in one. REQUIRES: nothing else of the file is unsynced. Errors are final
  /// as those of sync() are. Past the page cache where the file was opened to be written through
  /// and `offset`, length and address are multiples of kFilePageBytes.
  virtual Status write_synced_at(uint64_t offset, BytesView bytes) {
    KV_TRY(write_at(offset, bytes));
    return sync();
  }
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
  /// As write, for a file whose synced writes may go past the system's page cache.
  write_through,
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

/// One read of a file that goes on beside the loop without a thread. Its asker and the executor
/// share it; the loop's thread alone looks at it.
struct FileRead {
  std::shared_ptr<File> file;  ///< Open until the read is over.
  uint64_t offset = 0;
  size_t length = 0;
  /// Set when it is over. Fewer than `length`: the file ends there, or they cannot be had in this
  /// way; File::read_at() knows. Errors: io.
  Result<SharedBytes> bytes{};
  bool is_over = false;
};

/// Runs work off the loop and completions on it. In the simulator both run on one thread, the
/// completion after a simulated delay; a crash drops what has not completed.
class Executor {
 public:
  virtual ~Executor() = default;
  /// Runs `work` on `lane`, then `done` on the loop's thread. Never runs either before returning.
  virtual void run(Lane lane, std::function<void()> work, std::function<void()> done) = 0;
  /// Begins `read`, then runs `done` on the loop's thread; never before returning. False: there is
  /// no such way to this file, or as many reads as there may be go on. Then nothing has begun, and
  /// File::read_at() on Lane::read is the way.
  virtual bool begin_read(const std::shared_ptr<FileRead>& /*read*/,
                          std::function<void()> /*done*/) {
    return false;
  }
  /// Waits until `read` is over; its `done` is still to come. REQUIRES: begin_read() took it.
  virtual void finish_read(FileRead& /*read*/) {}
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
