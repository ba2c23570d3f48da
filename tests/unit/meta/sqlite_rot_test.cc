// Damage to a SQLite meta file is found at open, or does no harm.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "libkv/meta/meta_survey.h"
#include "libkv/meta/sqlite_connection.h"
#include "tests/unit/meta/sqlite_world.h"

namespace kv {
namespace {

const std::vector<std::string> kTables = {"a", "b"};

MetaRows fill(SqliteWorld& world) {
  MetaTransaction transaction;
  for (int i = 0; i < 30; ++i) transaction.put("a", "key" + std::to_string(i), "value");
  for (int i = 0; i < 60; ++i) transaction.put("b", std::string(40, 'k') + std::to_string(i), "v");
  MetaRows rows;
  apply_to(rows, transaction);
  auto store = world.open();
  EXPECT_TRUE((*store)->commit(transaction).has_value());
  return rows;
}

// Changes the file as a program that knows no checksums would.
void tamper(SqliteWorld& world, const std::string& sql) {
  SqliteVfs vfs(world.process->environment());
  auto connection = SqliteConnection::open(vfs, SqliteWorld::kPath, Duration(0));
  ASSERT_TRUE(connection.has_value());
  const Status done = (*connection)->execute(sql);
  ASSERT_TRUE(done.has_value()) << done.error().what;
}

Error open_error(SqliteWorld& world) {
  world.restart();
  auto store = world.open();
  EXPECT_FALSE(store.has_value());
  return store ? Error{ErrorKind::invalid, "opened"} : store.error();
}

TEST(SqliteRotTest, AFlippedBitIsFoundOrDoesNoHarm) {
  SqliteWorld world;
  const MetaRows rows = fill(world);
  const DiskImage whole = world.disk.snapshot();
  const uint64_t size = whole.bytes(*whole.find(SqliteWorld::kPath)).size();
  Random random(5);
  int found = 0;
  for (uint64_t i = 0; i < 500; ++i) {
    const uint64_t offset = i < 100 ? i : random.below(size);
    const unsigned bit = static_cast<unsigned>(random.below(8));
    world.disk.restore(whole);
    world.disk.rot(SqliteWorld::kPath, offset, bit);
    world.restart();
    auto store = world.open();
    if (!store) {
      ++found;
      EXPECT_EQ(store.error().what.find(SqliteWorld::kPath), 0u) << store.error().what;
      continue;
    }
    const std::string where = "bit " + std::to_string(bit) + " of byte " + std::to_string(offset);
    const auto read = all_rows(**store, kTables);
    ASSERT_TRUE(read.has_value()) << where << ": " << read.error().what;
    ASSERT_EQ(*read, rows) << where;
    for (const auto& [place, value] : rows) {
      const auto one = (*store)->get(place.first, place.second);
      ASSERT_TRUE(one.has_value()) << where << ": " << one.error().what;
      ASSERT_EQ(*one, value) << where;
    }
  }
  EXPECT_GT(found, 80);
}

TEST(SqliteRotTest, AChangedValueIsNamedWithFileTableAndKey) {
  SqliteWorld world;
  fill(world);
  tamper(world, "UPDATE a SET value = x'00' WHERE key = CAST('key7' AS BLOB)");
  const Error error = open_error(world);
  EXPECT_EQ(error.kind, ErrorKind::corrupt);
  EXPECT_EQ(error.what, "/db/meta.sqlite: table a: key `key7`: its checksum fails");
}

TEST(SqliteRotTest, ALostRowFailsTheSum) {
  SqliteWorld world;
  fill(world);
  tamper(world, "DELETE FROM a WHERE key = CAST('key7' AS BLOB)");
  const Error error = open_error(world);
  EXPECT_EQ(error.kind, ErrorKind::corrupt);
  EXPECT_NE(error.what.find("table kv_totals: 90 rows"), std::string::npos) << error.what;
}

TEST(SqliteRotTest, ALostTableFailsTheSum) {
  SqliteWorld world;
  fill(world);
  tamper(world, "DROP TABLE a");
  EXPECT_EQ(open_error(world).kind, ErrorKind::corrupt);
}

// On disk: never change.
TEST(SqliteRotTest, ATableIsMadeByThisVeryText) {
  SqliteWorld world;
  fill(world);
  SqliteVfs vfs(world.process->environment());
  auto connection = SqliteConnection::open(vfs, SqliteWorld::kPath, Duration(0));
  ASSERT_TRUE(connection);
  auto read = (*connection)->prepare("SELECT sql FROM sqlite_schema WHERE name = 'a'");
  ASSERT_TRUE(read && read->step());
  EXPECT_EQ(read->blob(0),
            "CREATE TABLE \"a\"(key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL,"
            " checksum INTEGER NOT NULL) WITHOUT ROWID");
}

// SQLite reads such a table, and does not find it by its name.
TEST(SqliteRotTest, ATableWhoseNameIsOfAnotherTypeIsFound) {
  for (const std::string change :
       {"name = CAST(name AS BLOB)", "sql = replace(sql, 'KEY', 'key')"}) {
    SqliteWorld world;
    fill(world);
    tamper(world,
           "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET " + change + " WHERE name = 'a'");
    const Error error = open_error(world);
    EXPECT_EQ(error.kind, ErrorKind::corrupt);
    EXPECT_EQ(error.what, "/db/meta.sqlite: table a: not made as it was") << change;
  }
}

TEST(SqliteRotTest, AKeyOfAnotherTypeIsFoundThoughItsBytesAreTheSame) {
  SqliteWorld world;
  fill(world);
  tamper(world, "UPDATE a SET key = CAST(key AS TEXT) WHERE key = CAST('key7' AS BLOB)");
  const Error error = open_error(world);
  EXPECT_EQ(error.kind, ErrorKind::corrupt);
  EXPECT_NE(error.what.find("key `key7`: not of the type written"), std::string::npos)
      << error.what;
}

TEST(SqliteRotTest, ANewerFormatNamesBothNumbers) {
  SqliteWorld world;
  fill(world);
  tamper(world, "PRAGMA user_version=3");
  const Error error = open_error(world);
  EXPECT_EQ(error.kind, ErrorKind::format);
  EXPECT_EQ(error.what, "/db/meta.sqlite: format version 3; this program knows up to 1");
}

TEST(SqliteRotTest, AnotherProgramsDatabaseIsNotOurs) {
  SqliteWorld world;
  tamper(world, "CREATE TABLE t(x)");
  const Error error = open_error(world);
  EXPECT_EQ(error.kind, ErrorKind::corrupt);
  EXPECT_EQ(error.what, "/db/meta.sqlite: not a metadata file of kv");
}

TEST(SqliteRotTest, AWriteBehindTheStoresBackEndsItsCommits) {
  SqliteWorld world;
  fill(world);
  auto store = std::move(*world.open());
  tamper(world, "UPDATE kv_totals SET sum = sum + 1");
  MetaTransaction transaction;
  transaction.put("a", "k", "v");
  const Status refused = store->commit(transaction);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, ErrorKind::corrupt);
}

TEST(SqliteRotTest, AFileThatIsNoDatabaseIsCorrupt) {
  SqliteWorld world;
  auto file =
      std::move(*world.process->environment().files.open(SqliteWorld::kPath, OpenMode::write));
  ASSERT_TRUE(file->write_at(0, std::string(8192, 'x')).has_value());
  file.reset();
  const Error error = open_error(world);
  EXPECT_EQ(error.kind, ErrorKind::corrupt);
  EXPECT_EQ(error.what, "/db/meta.sqlite: file is not a database");
}

// What the offline tools see of the same damage.

Result<MetaSurvey> survey(SqliteWorld& world) {
  world.restart();
  return survey_sqlite_meta(world.process->environment(), SqliteWorld::kPath);
}

std::string bytes_of_file(SqliteWorld& world) {
  const DiskImage image = world.disk.snapshot();
  const SimBytes& held = image.bytes(*image.find(SqliteWorld::kPath));
  std::string bytes(static_cast<size_t>(held.size()), '\0');
  held.read(0, bytes);
  return bytes;
}

TEST(MetaSurveyTest, GivesOutWhatIsSoundAndNamesAllThatIsNot) {
  SqliteWorld world;
  fill(world);
  ASSERT_TRUE(survey(world)->corruption.empty());
  tamper(world, "UPDATE a SET value = x'00' WHERE key = CAST('key7' AS BLOB)");
  tamper(world, "UPDATE a SET key = CAST(key AS TEXT) WHERE key = CAST('key8' AS BLOB)");
  tamper(world, "UPDATE b SET checksum = 0 WHERE CAST(key AS TEXT) LIKE '%59'");
  auto found = survey(world);
  ASSERT_TRUE(found.has_value()) << found.error().what;
  EXPECT_EQ(found->sound.rows.size(), 87u);
  ASSERT_EQ(found->corruption.size(), 3u);
  // SQLite orders texts before blobs.
  EXPECT_NE(found->corruption[0].what.find("`key8`: not of the type written"), std::string::npos);
  EXPECT_EQ(found->corruption[1].what, "/db/meta.sqlite: table a: key `key7`: its checksum fails");
  EXPECT_NE(found->corruption[2].what.find("table b: key"), std::string::npos);
  const auto sound = open_memory_meta(&found->sound);
  EXPECT_EQ(*sound->get("a", "key9"), "value");
  EXPECT_FALSE(sound->get("a", "key7"));
}

TEST(MetaSurveyTest, ALostRowFailsTheSum) {
  SqliteWorld world;
  fill(world);
  tamper(world, "DELETE FROM a WHERE key = CAST('key7' AS BLOB)");
  const auto found = survey(world);
  ASSERT_EQ(found->corruption.size(), 1u);
  EXPECT_NE(found->corruption[0].what.find("table kv_totals: 90 rows"), std::string::npos);
}

TEST(MetaSurveyTest, ChangesNoByteWhateverIsDamaged) {
  SqliteWorld world;
  const MetaRows rows = fill(world);
  const DiskImage whole = world.disk.snapshot();
  const uint64_t size = whole.bytes(*whole.find(SqliteWorld::kPath)).size();
  size_t found = 0;
  for (uint64_t offset = 0; offset < size; offset += 13) {
    world.disk.restore(whole);
    world.disk.rot(SqliteWorld::kPath, offset, static_cast<unsigned>(offset % 8));
    const std::string before = bytes_of_file(world);
    const auto surveyed = survey(world);
    if (surveyed && surveyed->corruption.empty()) {
      ASSERT_EQ(surveyed->sound.rows.size(), rows.size()) << offset;
    } else {
      ++found;
    }
    ASSERT_EQ(bytes_of_file(world), before) << offset;
  }
  EXPECT_GT(found, 100u);
}

TEST(MetaSurveyTest, AMissingFileIsNotMade) {
  SqliteWorld world;
  EXPECT_EQ(survey(world).error().kind, ErrorKind::not_found);
  EXPECT_FALSE(*world.process->environment().files.exists(SqliteWorld::kPath));
}

// The rows have checksums of their own; what is no table is not read at all (here it has an end).
TEST(SqliteSurveyTest, ATableThatWasNotMadeAsItIsHidesNoRow) {
  SqliteWorld world;
  const MetaRows rows = fill(world);
  tamper(world,
         "CREATE VIEW v AS WITH RECURSIVE r(key, value, checksum) AS (SELECT x'00', x'00', 0"
         " UNION ALL SELECT key, value, checksum + 1 FROM r LIMIT 5) SELECT * FROM r;"
         "PRAGMA writable_schema=ON;"
         "UPDATE sqlite_schema SET sql = replace(sql, 'KEY', 'key') WHERE name = 'a'");
  const auto found = survey(world);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->corruption.size(), 2u);
  EXPECT_EQ(found->corruption[0].what, "/db/meta.sqlite: table a: not made as it was");
  EXPECT_EQ(found->corruption[1].what, "/db/meta.sqlite: table v: not made as it was");
  EXPECT_EQ(found->sound.rows.size(), rows.size());
}

}  // namespace
}  // namespace kv
