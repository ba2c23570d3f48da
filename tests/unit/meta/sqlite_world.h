// A SQLite meta store on a simulated disk of its own, as the tests of this folder need it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "libkv/meta/meta_store.h"
#include "tests/sim/sim_environment.h"

namespace kv {

using MetaRows = std::map<std::pair<std::string, std::string>, std::string>;

inline void apply_to(MetaRows& rows, const MetaTransaction& transaction) {
  for (const auto& change : transaction.changes()) {
    if (change.value) {
      rows[{change.table, change.key}] = *change.value;
    } else {
      rows.erase({change.table, change.key});
    }
  }
}

class SqliteWorld {
 public:
  static constexpr const char* kPath = "/db/meta.sqlite";

  explicit SqliteWorld(uint64_t seed = 1) : disk(seed) { restart(); }
  explicit SqliteWorld(DiskImage image) {
    disk.restore(std::move(image));
    restart();
  }
  /// A new process on the disk as it is.
  void restart() {
    process.reset();
    process = std::make_unique<SimEnvironment>(scheduler, disk, log);
    EXPECT_TRUE(process->environment().files.make_directories("/db").has_value());
  }
  Result<std::unique_ptr<MetaStore>> open() {
    return open_sqlite_meta(process->environment(), kPath, Duration(0));
  }

  SimScheduler scheduler;
  SimDisk disk;
  NullLog log;
  std::unique_ptr<SimEnvironment> process;
};

/// All rows of `tables`, or the first error.
inline Result<MetaRows> all_rows(MetaStore& store, const std::vector<std::string>& tables) {
  MetaRows all;
  for (const std::string& table : tables) {
    KV_ASSIGN(const std::vector<MetaStore::Row> rows, store.rows(table));
    for (const auto& row : rows) all[{table, row.key}] = row.value;
  }
  return all;
}

}  // namespace kv
