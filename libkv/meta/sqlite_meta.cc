// The meta store on SQLite: see meta_store.h for what it promises, sqlite_format.h for the file.
#include <map>
#include <mutex>
#include <optional>

#include "libkv/meta/meta_row.h"
#include "libkv/meta/meta_store.h"
#include "libkv/meta/sqlite_connection.h"
#include "libkv/meta/sqlite_format.h"
#include "libkv/meta/sqlite_journal.h"
#include "libkv/meta/sqlite_vfs.h"

namespace kv {

namespace {

// The prepared statements of one table.
struct TableStatements {
  SqliteStatement find, scan, put, remove;
};

Result<TableStatements> prepare_table(SqliteConnection& connection, const std::string& table) {
  const std::string name = "\"" + table + "\"";
  KV_ASSIGN(SqliteStatement find,
            connection.prepare("SELECT value, checksum FROM " + name + " WHERE key = ?1"));
  KV_ASSIGN(SqliteStatement scan,
            connection.prepare("SELECT key, value, checksum FROM " + name + " ORDER BY key"));
  KV_ASSIGN(SqliteStatement put,
            connection.prepare("INSERT INTO " + name +
                               " VALUES (?1, ?2, ?3) ON CONFLICT (key) DO UPDATE"
                               " SET value = excluded.value, checksum = excluded.checksum"));
  KV_ASSIGN(SqliteStatement remove, connection.prepare("DELETE FROM " + name + " WHERE key = ?1"));
  return TableStatements{std::move(find), std::move(scan), std::move(put), std::move(remove)};
}

class SqliteMetaStore final : public MetaStore {
 public:
  explicit SqliteMetaStore(Environment& environment)
      : files_(environment.files), log_(environment.log), vfs_(environment) {}

  Status open(const std::string& path, Duration busy_wait) {
    KV_ASSIGN(connection_, SqliteConnection::open(vfs_, path, busy_wait));
    KV_ASSIGN(totals_, open_contents(*connection_));
    return settle_journal(files_, path);
  }

  Status commit(const MetaTransaction& transaction) override {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (failure_)
      return fail(failure_->kind,
                  connection_->path() + ": no commits after one that failed: " + failure_->what);
    for (const auto& change : transaction.changes()) KV_TRY(check_table_name(change.table));
    if (transaction.empty()) return {};
    vfs_.take_error();  // What an earlier call got over explains nothing from here on.
    return write(transaction);
  }

  Result<std::string> get(const std::string& table, const std::string& key) override {
    const std::lock_guard<std::mutex> guard(mutex_);
    KV_TRY(check_table_name(table));
    vfs_.take_error();
    KV_ASSIGN(std::optional<std::string> value, find(table, key));
    if (value) return std::move(*value);
    return fail(ErrorKind::not_found, connection_->path() + ": table " + table + ": no such row");
  }

  Result<std::vector<Row>> rows(const std::string& table) override {
    const std::lock_guard<std::mutex> guard(mutex_);
    KV_TRY(check_table_name(table));
    vfs_.take_error();
    KV_ASSIGN(TableStatements * statements, find_table(table));
    if (statements == nullptr) return std::vector<Row>();
    auto all = scan(table, statements->scan);
    statements->scan.reset();  // An open scan would keep its lock on the file.
    return all;
  }

 private:
  // The statements of a table; null if there is no such table.
  Result<TableStatements*> find_table(const std::string& table) {
    const auto known = tables_.find(table);
    if (known != tables_.end()) return &known->second;
    KV_ASSIGN(const bool there, has_table(*connection_, table));
    if (!there) return nullptr;
    KV_ASSIGN(TableStatements statements, prepare_table(*connection_, table));
    return &tables_.emplace(table, std::move(statements)).first->second;
  }

  Result<std::vector<Row>> scan(const std::string& table, SqliteStatement& statement) {
    std::vector<Row> all;
    for (;;) {
      KV_ASSIGN(const bool row, statement.step());
      if (!row) return all;
      std::string key(statement.blob(0));
      KV_ASSIGN(std::string value, checked_value(*connection_, table, key, statement, 1));
      all.push_back({std::move(key), std::move(value)});
    }
  }

  Result<std::optional<std::string>> find(const std::string& table, const std::string& key) {
    KV_ASSIGN(TableStatements * statements, find_table(table));
    if (statements == nullptr) return std::optional<std::string>();
    SqliteStatement& statement = statements->find;
    KV_ASSIGN(const bool row, statement.bind(1, key).step());
    Result<std::optional<std::string>> value = std::optional<std::string>();
    if (row) value = checked_value(*connection_, table, key, statement, 0);
    statement.reset();
    return value;
  }

  Status write(const MetaTransaction& transaction) {
    MetaTotals totals = totals_;
    if (const Status written = try_write(transaction, totals); !written)
      return fail(abandon(written.error()));
    totals_ = totals;
    return {};
  }

  Status try_write(const MetaTransaction& transaction, MetaTotals& totals) {
    KV_TRY(connection_->execute("BEGIN IMMEDIATE"));
    KV_ASSIGN(const MetaTotals found, read_totals(*connection_));
    if (!(found == totals))
      return fail(ErrorKind::corrupt,
                  connection_->path() + ": table kv_totals: changed by another program");
    for (const auto& change : transaction.changes()) KV_TRY(apply(change, totals));
    KV_TRY(write_totals(*connection_, totals));
    return connection_->execute("COMMIT");
  }

  Status apply(const MetaTransaction::Change& change, MetaTotals& totals) {
    KV_ASSIGN(TableStatements * statements, find_table(change.table));
    if (statements == nullptr) {
      if (!change.value) return {};
      KV_TRY(create_table(*connection_, change.table));
      KV_ASSIGN(statements, find_table(change.table));
    }
    KV_ASSIGN(const std::optional<std::string> old, find(change.table, change.key));
    if (old) {
      totals.sum -= row_checksum(change.table, change.key, *old);
      --totals.row_count;
    }
    if (!change.value) return statements->remove.bind(1, change.key).run();
    const uint64_t checksum = row_checksum(change.table, change.key, *change.value);
    totals.sum += checksum;
    ++totals.row_count;
    return statements->put.bind(1, change.key).bind(2, *change.value).bind(3, checksum).run();
  }

  // Ends the failed transaction. What another program's lock or a full disk has stopped before
  // the commit is as if it had not been tried, if the file proves it; after any other failure it
  // is not known what the disk holds, and nothing more may be built on it.
  Error abandon(Error error) {
    tables_.clear();  // Of tables that this transaction has created and that may be gone.
    const bool harmless = error.kind == ErrorKind::busy || error.kind == ErrorKind::no_space;
    // SQLite has rolled back by itself after some failures.
    const Status ended =
        connection_->in_transaction() ? connection_->execute("ROLLBACK") : Status();
    if (harmless && ended) {
      const auto totals = read_totals(*connection_);
      if (totals && *totals == totals_) return error;
    }
    // Of another kind than those that say that nothing was stored.
    if (harmless) error.kind = ErrorKind::io;
    failure_ = error;
    log_.error("meta_commit_failed", {{"file", connection_->path()}, {"error", error.what}});
    return error;
  }

  FileSystem& files_;
  Log& log_;
  // SQLite is opened without its own mutexes, and statements, totals and transaction are one
  // state: callers of several threads (the loop, flush and compaction) take turns.
  std::mutex mutex_;
  SqliteVfs vfs_;
  std::unique_ptr<SqliteConnection> connection_;
  std::map<std::string, TableStatements> tables_;  // Those used so far.
  MetaTotals totals_;
  std::optional<Error> failure_;
};

}  // namespace

Result<std::unique_ptr<MetaStore>> open_sqlite_meta(Environment& environment,
                                                    const std::string& path, Duration busy_wait) {
  auto store = std::make_unique<SqliteMetaStore>(environment);
  KV_TRY(store->open(path, busy_wait));
  return store;
}

}  // namespace kv
