// The format of a meta store's SQLite file, and its verification at open.
//
//     PRAGMA application_id   0x6b766d74 ("kvmt")               on disk: never change
//     PRAGMA user_version     the format's version, 1
//     kv_totals               one row (id 0): sum, row_count    over the rows of all other tables
//     any other table         made by this very text            on disk: never change
//
//       CREATE TABLE "NAME"(key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL,
//       checksum INTEGER NOT NULL) WITHOUT ROWID                 (in one line)
//
// checksum is row_checksum(table, key, value); sum is the sum of all checksums modulo 2^64, which
// does not depend on their order and changes with one row in constant time. A damaged row fails its
// own checksum, a lost or doubled one the sum. Both are changed in the transaction of the rows.
// What SQLite's schema says of a table has no checksum, and is compared with that text.
#pragma once

#include <cstdint>
#include <string>

#include "libkv/base/result.h"
#include "libkv/meta/sqlite_connection.h"

namespace kv {

inline constexpr uint64_t kMetaFormatVersion = 1;

struct MetaTotals {
  uint64_t sum = 0;
  uint64_t row_count = 0;
  friend bool operator==(const MetaTotals&, const MetaTotals&) = default;
};

/// Is told what a reading of the whole file meets.
class ContentsReader {
 public:
  virtual ~ContentsReader() = default;
  /// A row whose checksum holds.
  virtual void row(const std::string& /*table*/, const std::string& /*key*/,
                   std::string /*value*/) {}
  /// What is corrupt. Ok: go on with what can still be read.
  virtual Status corrupt(Error error) { return fail(std::move(error)); }
};
/// Reads and verifies everything, in one transaction. Errors: `format` (a newer version wrote it),
/// what the file operations met, and what the reader's corrupt() returned.
Status read_contents(SqliteConnection& connection, ContentsReader& reader);

/// Sets the connection's mode, makes the format in an empty file, and verifies every row of a
/// file that is not. Returns the totals. Errors: `format` (a newer version wrote it), `corrupt`
/// with table and key, else what the file operations met.
Result<MetaTotals> open_contents(SqliteConnection& connection);

/// The totals as the file has them now.
Result<MetaTotals> read_totals(SqliteConnection& connection);
/// REQUIRES: a transaction is open.
Status write_totals(SqliteConnection& connection, const MetaTotals& totals);
Result<bool> has_table(SqliteConnection& connection, const std::string& table);
/// Creates a table for rows. REQUIRES: check_table_name(table).
Status create_table(SqliteConnection& connection, const std::string& table);

/// The columns value and checksum of a statement's current row as a value.
/// corrupt: they do not fit, or are of other types than were written.
Result<std::string> checked_value(const SqliteConnection& connection, const std::string& table,
                                  BytesView key, const SqliteStatement& row, int value_column);

}  // namespace kv
