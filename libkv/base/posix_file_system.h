// The real file system: FileSystem over POSIX calls of Linux.
//
// Thread-safe: it holds no state. Interrupted and short calls are continued. Errors read
// `PATH: what was tried: reason` and are `no_space` for ENOSPC and EDQUOT, `not_found` for ENOENT,
// `io` for the rest. Range locks are open file description locks (fcntl(2), F_OFD_SETLK): unlike
// the older ones of a process they are not lost when another File of the same path closes, and
// they do conflict with the older kind as other programs (sqlite3) take it.
#pragma once

#include "libkv/base/environment.h"

namespace kv {

class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Result<bool> exists(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Status make_directories(const std::string& directory) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status hard_link(const std::string& from, const std::string& to) override;
  Status sync_directory(const std::string& directory) override;
  /// A file `LOCK` in the directory is created, held by flock(2), and left behind.
  Result<std::unique_ptr<DirectoryLock>> lock_directory(const std::string& directory) override;
  Result<uint64_t> free_bytes(const std::string& directory) override;

  /// For who only reads: holds the directory against its daemon and not against other readers, and
  /// creates nothing. Null if there is no `LOCK` file: then no daemon ever ran in it. Errors:
  /// locked, io.
  Result<std::unique_ptr<DirectoryLock>> lock_directory_for_reading(const std::string& directory);
};

}  // namespace kv
