// A small transactional row store for what is not user data: the manifest, the incarnation, the
// cluster map and its history, ballots and promises. Two implementations, one test suite: on
// SQLite through the environment's files, and in memory for mass simulation.
//
// Thread-safe: a call may block for the file operations of another thread's commit.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "libkv/base/bytes.h"
#include "libkv/base/environment.h"
#include "libkv/base/result.h"

namespace kv {

/// Changes that become durable together or not at all. Later ones to a row win. Table names are
/// lower-case ASCII identifiers of at most 64 bytes that do not begin with `kv_` or `sqlite_`.
class MetaTransaction {
 public:
  struct Change {
    std::string table;
    std::string key;
    std::optional<std::string> value;  ///< Absent: the row is removed.
  };
  void put(std::string table, std::string key, std::string value) {
    changes_.push_back({std::move(table), std::move(key), std::move(value)});
  }
  void remove(std::string table, std::string key) {
    changes_.push_back({std::move(table), std::move(key), std::nullopt});
  }
  bool empty() const { return changes_.empty(); }
  const std::vector<Change>& changes() const { return changes_; }

 private:
  std::vector<Change> changes_;
};

class MetaStore {
 public:
  struct Row {
    std::string key;
    std::string value;
  };
  virtual ~MetaStore() = default;

  /// Durable when it returns. After a failure the store refuses every later commit (what reached
  /// the disk is not known until the next open), but for three that say that nothing was stored:
  /// `invalid`, `busy` (another program reads the file), `no_space` (found by a write).
  virtual Status commit(const MetaTransaction& transaction) = 0;
  /// not_found if there is no such row; corrupt if its checksum fails.
  virtual Result<std::string> get(const std::string& table, const std::string& key) = 0;
  /// All rows of a table in the order of their keys (bytes).
  virtual Result<std::vector<Row>> rows(const std::string& table) = 0;
};

/// Opens or creates `path` (SQLite 3, rollback journal, synchronous=FULL), verifies every row's
/// checksum and the one over all rows, and keeps it open. The `sqlite3` program can read the file
/// meanwhile (a call waits up to `busy_wait` for its lock); it must not write. REQUIRES: the caller
/// holds the directory's lock. Errors: corrupt, format (a newer version wrote it), io, no_space.
/// `environment` must outlive it.
Result<std::unique_ptr<MetaStore>> open_sqlite_meta(Environment& environment,
                                                    const std::string& path,
                                                    Duration busy_wait = 2s);

/// What survives a simulated crash of a store in memory.
struct MemoryMeta {
  std::vector<std::pair<std::pair<std::string, std::string>, std::string>> rows;
};
/// A store whose rows live in `*durable`, which must outlive it.
std::unique_ptr<MetaStore> open_memory_meta(MemoryMeta* durable);

}  // namespace kv
