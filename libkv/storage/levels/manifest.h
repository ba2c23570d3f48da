// What the engine keeps in the MetaStore: which tables live at which level, up to where the log is
// flushed, and was durable when that was last written, and whether the last stop was a clean one.
// One transaction a change, durable when the call returns; the store checks every row.
//
//   table `sstable`: table number (16 hex digits) → encoded TableInfo
//   table `range_drop`: sequence (16 hex digits) → varint version: 1 | sized from | sized to;
//                    those that may mask something in a table
//   table `engine`:  format → version (2 from the first range_drop on); log_secret → u64;
//                    flushed → sequence; durable → sequence (of the log, at the last change);
//                    clean → last sequence (from a clean stop until the next write);
//                    numbers are decimal text
// On disk: never change. Thread-safe, as the MetaStore is; copies stand for the same rows.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "libkv/meta/meta_store.h"
#include "libkv/storage/range_drops.h"
#include "libkv/storage/table/table_format.h"

namespace kv {

struct ManifestState {
  bool created = false;  ///< There was none: this call made it.
  uint64_t log_secret = 0;
  Sequence flushed = 0;
  Sequence durable = 0;  ///< What the log had on the disk when the last change was committed.
  std::optional<Sequence> clean;
  std::vector<TableInfo> tables;  ///< By number.
  std::vector<RangeDrop> drops;   ///< Oldest first.

  /// What the log must have, where it is not flushed: else it is damaged.
  Sequence known_durable() const { return std::max(durable, clean.value_or(0)); }
};

/// A manifest as an offline tool finds it.
struct ManifestSurvey {
  ManifestState state;
  bool numbers_known = true;  ///< False: secret and sequences could not all be read.
};

struct ManifestChange {
  std::optional<Sequence> flushed;
  std::vector<TableInfo> added;   ///< Also a table that moves to another level.
  std::vector<uint64_t> removed;  ///< Numbers.
  std::vector<RangeDrop> drops_added;
  std::vector<Sequence> drops_removed;
};

class Manifest {
 public:
  /// `meta` must outlive it.
  explicit Manifest(MetaStore& meta) : meta_(meta) {}
  /// Each change from now on notes up to where the log is on the disk, as `durable` says then: what
  /// it lacks at the next open is missing. The copies made of this one do so, too.
  void note_durable(std::shared_ptr<const std::atomic<Sequence>> durable) {
    durable_ = std::move(durable);
  }

  /// Reads it, or makes one with `new_secret`. Errors: corrupt, format, io, no_space.
  Result<ManifestState> open(uint64_t new_secret);
  /// Makes one of this state, with other rows in the same commit. Errors: invalid (there is one),
  /// and those of commit().
  Status create(const ManifestState& state, MetaTransaction rows);
  /// Reads it for an offline tool: tells what is corrupt and goes on behind it, and makes none.
  /// Errors: not_found, format, io.
  Result<ManifestSurvey> survey(const std::function<void(const Error&)>& corrupt);
  /// Errors: no_space and busy (another program reads the file): nothing has changed. io: what the
  /// disk holds is not known until the next open.
  Status commit(const ManifestChange& change);
  /// Whether a refused commit is as if it had never been tried.
  static bool is_undone(const Error& error) {
    return error.kind == ErrorKind::no_space || error.kind == ErrorKind::busy;
  }
  Status set_clean(Sequence last_sequence);
  /// Before the first write behind a start, whose recovery had all up to `durable` on the disk.
  Status clear_clean(Sequence durable);

 private:
  Result<std::optional<uint64_t>> number(const std::string& key);
  Status read_numbers(ManifestState* state);
  static void add_to(MetaTransaction& transaction, const ManifestChange& change);
  static Result<TableInfo> table_of(const MetaStore::Row& row);
  static Result<RangeDrop> drop_of(const MetaStore::Row& row);

  MetaStore& meta_;
  std::shared_ptr<const std::atomic<Sequence>> durable_;  // Null: nothing is noted.
};

}  // namespace kv
