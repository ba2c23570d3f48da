// One file as SQLite sees it, over a File of the environment. Its five locks are SQLite's own byte
// ranges (sqlite.org/lockingv3.html; os.h: PENDING_BYTE and the 511 after it), so that the sqlite3
// program and a live node respect each other:
//
//     byte 0x40000000  PENDING   held while a writer waits for the readers to leave
//                  +1  RESERVED  held by the one that is going to write
//        +2 … +511     SHARED    read-locked by each reader, write-locked by the writer at work
//
// Not thread-safe, like the SqliteVfs it belongs to.
#pragma once

#include <memory>
#include <string>

#include <sqlite3.h>

#include "libkv/base/environment.h"
#include "libkv/meta/sqlite_vfs.h"

namespace kv {

class SqliteFile {
 public:
  /// Makes `handle` an open file over `file`. The directory `to_sync`, if not empty, is synced with
  /// the file's first sync. `vfs` must outlive it.
  static void open(sqlite3_file* handle, SqliteVfs& vfs, std::unique_ptr<File> file,
                   std::string to_sync);
  /// Makes `handle` an empty file in memory, for what SQLite spills and nobody needs to keep.
  static void open_scratch(sqlite3_file* handle, SqliteVfs& vfs);
  /// The bytes SQLite must provide for a handle.
  static int handle_bytes();

 private:
  struct Handle;
  struct Methods;  // The functions that SQLite calls.

  SqliteFile(SqliteVfs& vfs, std::unique_ptr<File> file, std::string to_sync)
      : vfs_(vfs), file_(std::move(file)), directory_to_sync_(std::move(to_sync)) {}

  int read(void* into, int bytes, sqlite3_int64 offset);
  int write(const void* from, int bytes, sqlite3_int64 offset);
  int truncate(sqlite3_int64 size);
  int sync();
  int size(sqlite3_int64* bytes);
  int lock(int level);
  int lock_shared();
  int lock_exclusive();
  int unlock(int level);
  int check_reserved(int* reserved);
  /// Takes or drops a range; SQLITE_BUSY if another process is in the way.
  int set_range(uint64_t offset, uint64_t length, File::RangeLock kind);
  int failed(const Error& error, int code);

  SqliteVfs& vfs_;
  std::unique_ptr<File> file_;
  std::string directory_to_sync_;
  int level_ = SQLITE_LOCK_NONE;
};

}  // namespace kv
