// A SQLite VFS (sqlite.org/vfs.html) over the environment, so that SQLite's files live where all
// others do and crash and failure sweeps reach them. One instance serves one store: it is
// registered under a name of its own while it lives, and stores share nothing.
//
// Not thread-safe: the store that owns it lets one thread at a time into SQLite.
#pragma once

#include <optional>
#include <string>

#include <sqlite3.h>

#include "libkv/base/environment.h"

namespace kv {

class SqliteVfs {
 public:
  /// `environment` must outlive it.
  explicit SqliteVfs(Environment& environment);
  /// REQUIRES: no connection uses it any more.
  ~SqliteVfs();
  SqliteVfs(const SqliteVfs&) = delete;
  SqliteVfs& operator=(const SqliteVfs&) = delete;

  /// The name for sqlite3_open_v2.
  const char* name() const { return name_.c_str(); }
  Environment& environment() { return environment_; }

  /// Keeps what the environment said, since SQLite's codes carry neither path nor reason.
  void remember(const Error& error) { last_error_ = error; }
  /// The last remembered error, once.
  std::optional<Error> take_error() { return std::exchange(last_error_, std::nullopt); }

 private:
  Environment& environment_;
  std::string name_;
  sqlite3_vfs vfs_{};
  std::optional<Error> last_error_;
};

}  // namespace kv
