#include "libkv/meta/sqlite_connection.h"

#include "libkv/base/assert.h"

namespace kv {

namespace {

ErrorKind kind_of(int code) {
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    // Our statements are sound: if one does not fit the file, its schema has been damaged.
    case SQLITE_ERROR:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
      return ErrorKind::corrupt;
    case SQLITE_FULL:
      return ErrorKind::no_space;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return ErrorKind::busy;
    case SQLITE_TOOBIG:
      return ErrorKind::invalid;
    default:
      return ErrorKind::io;
  }
}

}  // namespace

SqliteStatement& SqliteStatement::bind(int index, BytesView blob) {
  // A null pointer would bind NULL where an empty blob is meant.
  const char* const bytes = blob.data() == nullptr ? "" : blob.data();
  // The caller's bytes outlive the step, so SQLite needs no copy.
  KV_ASSERT(sqlite3_bind_blob64(statement_.get(), index, bytes, blob.size(), SQLITE_STATIC) !=
            SQLITE_RANGE);
  return *this;
}

SqliteStatement& SqliteStatement::bind(int index, uint64_t number) {
  KV_ASSERT(sqlite3_bind_int64(statement_.get(), index, static_cast<sqlite3_int64>(number)) ==
            SQLITE_OK);
  return *this;
}

Result<bool> SqliteStatement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  Error error = connection_->error(code);
  reset();
  return fail(std::move(error));
}

Status SqliteStatement::run() {
  for (;;) {
    KV_ASSIGN(const bool row, step());
    if (row) continue;
    reset();
    return {};
  }
}

void SqliteStatement::reset() {
  sqlite3_reset(statement_.get());  // Repeats the error that step() has told.
  sqlite3_clear_bindings(statement_.get());
}

BytesView SqliteStatement::blob(int column) const {
  // The order matters: the pointer first, then the size of what it points to.
  const auto* const bytes = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return bytes == nullptr ? BytesView() : BytesView(bytes, static_cast<size_t>(size));
}

Result<std::unique_ptr<SqliteConnection>> SqliteConnection::open(SqliteVfs& vfs,
                                                                 const std::string& path,
                                                                 Duration busy_wait) {
  sqlite3* database = nullptr;
  const int flags =
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int code = sqlite3_open_v2(path.c_str(), &database, flags, vfs.name());
  std::unique_ptr<SqliteConnection> connection(new SqliteConnection(vfs, path, database));
  if (code != SQLITE_OK) return fail(connection->error(code));
  sqlite3_busy_timeout(database, static_cast<int>(busy_wait / 1ms));
  return connection;
}

Result<SqliteStatement> SqliteConnection::prepare(const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v2(database_.get(), sql.c_str(), -1, &statement, nullptr);
  if (code != SQLITE_OK) return fail(error(code));
  return SqliteStatement(*this, statement);
}

Status SqliteConnection::execute(const std::string& sql) {
  const int code = sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return fail(error(code));
  return {};
}

Result<uint64_t> SqliteConnection::number(const char* sql) {
  KV_ASSIGN(SqliteStatement statement, prepare(sql));
  KV_ASSIGN(const bool row, statement.step());
  KV_ASSERT(row);
  return statement.number(0);
}

Error SqliteConnection::error(int code) {
  const char* const words =
      database_ == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(database_.get());
  Error result{kind_of(code), path_ + ": " + words};
  if (const auto cause = vfs_.take_error()) result.what += " (" + cause->what + ")";
  return result;
}

}  // namespace kv
