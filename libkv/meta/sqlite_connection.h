// A connection to one SQLite file and its prepared statements, with kv's errors in the place of
// SQLite's codes: `FILE: SQLite's words (the environment's words)`. The statement is not in it: to
// who reads it it says nothing.
//
// Not thread-safe: the store guards it.
#pragma once

#include <memory>
#include <string>

#include <sqlite3.h>

#include "libkv/base/bytes.h"
#include "libkv/base/result.h"
#include "libkv/base/time.h"
#include "libkv/meta/sqlite_vfs.h"

namespace kv {

class SqliteConnection;

/// A prepared statement. REQUIRES: its connection outlives it.
class SqliteStatement {
 public:
  SqliteStatement(SqliteConnection& connection, sqlite3_stmt* statement)
      : connection_(&connection), statement_(statement, sqlite3_finalize) {}

  SqliteStatement& bind(int index, BytesView blob);
  SqliteStatement& bind(int index, uint64_t number);

  /// True: there is a row, whose columns can be read until the next step or reset.
  Result<bool> step();
  /// Steps to the end and resets. For statements without rows.
  Status run();
  /// Ends the reading and forgets the bound values.
  void reset();

  BytesView blob(int column) const;
  uint64_t number(int column) const {
    return static_cast<uint64_t>(sqlite3_column_int64(statement_.get(), column));
  }
  bool is_blob(int column) const {
    return sqlite3_column_type(statement_.get(), column) == SQLITE_BLOB;
  }

 private:
  SqliteConnection* connection_;
  std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement_;
};

class SqliteConnection {
 public:
  /// Opens or creates the file. A call waits up to `busy_wait` for another program's lock. `vfs`
  /// must outlive the connection.
  static Result<std::unique_ptr<SqliteConnection>> open(SqliteVfs& vfs, const std::string& path,
                                                        Duration busy_wait);

  const std::string& path() const { return path_; }
  Result<SqliteStatement> prepare(const std::string& sql);
  /// Runs statements whose rows nobody wants.
  Status execute(const std::string& sql);
  /// The first column of the first row. REQUIRES: the statement always has one.
  Result<uint64_t> number(const char* sql);
  bool in_transaction() const { return sqlite3_get_autocommit(database_.get()) == 0; }

  /// SQLite's result `code` as an Error. `no_space` means that a write found no room;
  /// a sync that found none is `io`, for what it leaves is not known.
  Error error(int code);

 private:
  SqliteConnection(SqliteVfs& vfs, std::string path, sqlite3* database)
      : vfs_(vfs), path_(std::move(path)), database_(database, sqlite3_close) {}

  SqliteVfs& vfs_;
  std::string path_;
  std::unique_ptr<sqlite3, int (*)(sqlite3*)> database_;
};

}  // namespace kv
