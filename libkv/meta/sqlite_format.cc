#include "libkv/meta/sqlite_format.h"

#include <optional>
#include <vector>

#include "libkv/base/planted.h"
#include "libkv/meta/meta_row.h"

namespace kv {

namespace {

constexpr uint64_t kApplicationId = 0x6b766d74;

// A key as it can stand in a message: its printable bytes, others in hexadecimal, cut when long.
std::string shown(BytesView key) {
  constexpr size_t kShownBytesMax = 48;
  static const char* const digits = "0123456789abcdef";
  std::string out = "`";
  for (const char c : key.substr(0, kShownBytesMax)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= ' ' && byte < 0x7f) {
      out += c;
    } else {
      out += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
    }
  }
  return out + (key.size() > kShownBytesMax ? "…`" : "`");
}

tl::unexpected<Error> corrupt(const SqliteConnection& connection, const std::string& what) {
  return fail(ErrorKind::corrupt, connection.path() + ": " + what);
}

Status set_mode(SqliteConnection& connection) {
  // PERSIST is the rollback journal that is overwritten in place: a commit makes no directory
  // operation, and one that does not grow the journal no file metadata. The cache holds all that
  // was verified at open, so that later reads do not meet what has rotted since.
  return connection.execute(
      "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY;"
      "PRAGMA mmap_size=0; PRAGMA cache_size=-65536; PRAGMA journal_mode=PERSIST;"
      "PRAGMA journal_size_limit=4194304; PRAGMA synchronous=FULL");
}

Status create_contents(SqliteConnection& connection) {
  return connection.execute(
      "BEGIN IMMEDIATE;"
      "CREATE TABLE kv_totals(id INTEGER PRIMARY KEY, sum INTEGER NOT NULL,"
      " row_count INTEGER NOT NULL);"
      "INSERT INTO kv_totals VALUES (0, 0, 0);"
      "PRAGMA application_id=" +
      std::to_string(kApplicationId) +
      ";PRAGMA user_version=" + std::to_string(kMetaFormatVersion) + ";COMMIT");
}

Status check_identity(SqliteConnection& connection) {
  KV_ASSIGN(const uint64_t application, connection.number("PRAGMA application_id"));
  if (application != kApplicationId) return corrupt(connection, "not a metadata file of kv");
  KV_ASSIGN(const uint64_t version, connection.number("PRAGMA user_version"));
  if (static_cast<int64_t>(version) > static_cast<int64_t>(kMetaFormatVersion))
    return fail(ErrorKind::format, connection.path() + ": format version " +
                                       std::to_string(version) + "; this program knows up to " +
                                       std::to_string(kMetaFormatVersion));
  if (version != kMetaFormatVersion)
    return corrupt(connection, "format version " + std::to_string(static_cast<int64_t>(version)) +
                                   " was never written");
  return {};
}

// What SQLite itself can find: pages, free lists, cells.
Status check_structure(SqliteConnection& connection) {
  KV_ASSIGN(SqliteStatement check, connection.prepare("PRAGMA quick_check(1)"));
  KV_ASSIGN(const bool row, check.step());
  if (!row) return corrupt(connection, "quick_check gives no result");
  const std::string result(check.blob(0));
  if (result != "ok") return corrupt(connection, result);
  return {};
}

std::string sql_of_table(const std::string& table) {
  return "CREATE TABLE \"" + table +
         "\"(key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL,"
         " checksum INTEGER NOT NULL) WITHOUT ROWID";
}

// Reads all of the file's tables, telling a reader of their rows and of what is wrong.
class ContentsWalk {
 public:
  ContentsWalk(SqliteConnection& connection, ContentsReader& reader)
      : connection_(connection), reader_(reader) {}

  Result<MetaTotals> run() {
    KV_TRY(check_identity(connection_));
    KV_TRY(judged(check_structure(connection_)));
    KV_ASSIGN(const std::vector<std::string> tables, list_tables());
    for (const std::string& table : tables) KV_TRY(judged(read_table(table)));
    KV_TRY(judged(check_totals()));
    return totals_;
  }

 private:
  // What is corrupt is the reader's to judge; other errors end the walk.
  Status judged(const Status& status) {
    if (status || status.error().kind != ErrorKind::corrupt) return status;
    sound_ = false;
    return reader_.corrupt(status.error());
  }

  // Rows of SQLite's schema have no checksums. A name whose type has changed is read as it was, and
  // not found by it: has_table() would say that there is no such table.
  Result<std::vector<std::string>> list_tables() {
    KV_ASSIGN(SqliteStatement list,
              connection_.prepare("SELECT name, sql, type FROM sqlite_schema"
                                  " WHERE name <> 'kv_totals' ORDER BY name"));
    std::vector<std::string> tables;
    for (;;) {
      KV_ASSIGN(const bool row, list.step());
      if (!row) return tables;
      const std::string name(list.blob(0));
      // It goes into statements: bytes from the disk are hostile.
      if (!check_table_name(name)) {
        KV_TRY(judged(corrupt(connection_, "a table named " + shown(name))));
        continue;
      }
      if (list.is_blob(0) || list.blob(1) != sql_of_table(name))
        KV_TRY(judged(corrupt(connection_, "table " + name + ": not made as it was")));
      // Its rows have their own checksums; a view's could be without end.
      const bool is_table = list.blob(2) == "table" && list.blob(1).starts_with("CREATE TABLE \"");
      if (is_table) tables.push_back(name);
    }
  }

  // Keys must rise: SQLite finds rows by that order, so a key whose type or place has changed would
  // hide others though each row's checksum holds.
  Status read_table(const std::string& table) {
    KV_ASSIGN(SqliteStatement scan,
              connection_.prepare("SELECT key, value, checksum FROM \"" + table + "\""));
    std::optional<std::string> previous;
    for (;;) {
      KV_ASSIGN(const bool row, scan.step());
      if (!row) return {};
      std::string key(scan.blob(0));
      const std::string place = "table " + table + ": key " + shown(key);
      if (!scan.is_blob(0)) {
        KV_TRY(judged(corrupt(connection_, place + ": not of the type written")));
      } else if (previous && key <= *previous) {
        KV_TRY(judged(corrupt(connection_, place + ": out of order")));
      } else {
        KV_TRY(judged(take_row(table, key, scan)));
        previous = std::move(key);
      }
    }
  }

  Status take_row(const std::string& table, const std::string& key, const SqliteStatement& row) {
    KV_ASSIGN(std::string value, checked_value(connection_, table, key, row, 1));
    totals_.sum += row_checksum(table, key, value);
    ++totals_.row_count;
    reader_.row(table, key, std::move(value));
    return {};
  }

  // Where rows are known to be bad the sum says nothing new.
  Status check_totals() {
    if (!sound_) return {};
    KV_ASSIGN(const MetaTotals written, read_totals(connection_));
    if (written == totals_ || KV_PLANTED(trust_meta_rows)) return {};
    return corrupt(connection_, "table kv_totals: " + std::to_string(written.row_count) +
                                    " rows and their sum were written, " +
                                    std::to_string(totals_.row_count) +
                                    " rows with another sum are there");
  }

  SqliteConnection& connection_;
  ContentsReader& reader_;
  MetaTotals totals_;
  bool sound_ = true;
};

// One transaction, so that another program's writes cannot come between the reads.
Result<MetaTotals> walk_contents(SqliteConnection& connection, ContentsReader& reader) {
  KV_TRY(connection.execute("BEGIN"));
  KV_ASSIGN(const MetaTotals totals, ContentsWalk(connection, reader).run());
  KV_TRY(connection.execute("COMMIT"));
  return totals;
}

}  // namespace

Status read_contents(SqliteConnection& connection, ContentsReader& reader) {
  KV_TRY(set_mode(connection));
  KV_TRY(walk_contents(connection, reader));
  return {};
}

Result<MetaTotals> open_contents(SqliteConnection& connection) {
  KV_TRY(set_mode(connection));
  KV_ASSIGN(const uint64_t pages, connection.number("PRAGMA page_count"));
  if (pages == 0) KV_TRY(create_contents(connection));
  ContentsReader ends_at_the_first_fault;
  return walk_contents(connection, ends_at_the_first_fault);
}

Result<MetaTotals> read_totals(SqliteConnection& connection) {
  KV_ASSIGN(SqliteStatement read,
            connection.prepare("SELECT sum, row_count FROM kv_totals WHERE id = 0"));
  KV_ASSIGN(const bool row, read.step());
  if (!row) return corrupt(connection, "table kv_totals: its row is missing");
  return MetaTotals{read.number(0), read.number(1)};
}

Status write_totals(SqliteConnection& connection, const MetaTotals& totals) {
  KV_ASSIGN(SqliteStatement write,
            connection.prepare("UPDATE kv_totals SET sum = ?1, row_count = ?2 WHERE id = 0"));
  return write.bind(1, totals.sum).bind(2, totals.row_count).run();
}

Result<bool> has_table(SqliteConnection& connection, const std::string& table) {
  KV_ASSIGN(SqliteStatement look,
            connection.prepare("SELECT 1 FROM sqlite_schema WHERE name = CAST(?1 AS TEXT)"));
  return look.bind(1, table).step();
}

Status create_table(SqliteConnection& connection, const std::string& table) {
  return connection.execute(sql_of_table(table));
}

Result<std::string> checked_value(const SqliteConnection& connection, const std::string& table,
                                  BytesView key, const SqliteStatement& row, int value_column) {
  std::string value(row.blob(value_column));
  if (KV_PLANTED(trust_meta_rows) ||
      (row.is_blob(value_column) &&
       row.number(value_column + 1) == row_checksum(table, key, value)))
    return value;
  return corrupt(connection, "table " + table + ": key " + shown(key) + ": its checksum fails");
}

}  // namespace kv
