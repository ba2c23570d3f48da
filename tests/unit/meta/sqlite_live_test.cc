// The sqlite3 program beside a store that is open, on the real file system.
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "libkv/base/assert.h"
#include "libkv/base/posix_environment.h"
#include "libkv/meta/meta_store.h"

namespace kv {
namespace {

// The meta store posts no work.
class NoExecutor final : public Executor {
 public:
  void run(Lane, std::function<void()>, std::function<void()>) override { KV_ASSERT(false); }
};

class SqliteLiveTest : public testing::Test {
 protected:
  void SetUp() override {
    if (std::system("command -v sqlite3 >/dev/null") != 0)
      GTEST_SKIP() << "there is no sqlite3 program";
    std::string name = (std::filesystem::temp_directory_path() / "kv-meta-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    path_ = directory_ + "/meta.sqlite";
  }
  void TearDown() override {
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }
  std::unique_ptr<MetaStore> open() {
    auto store = open_sqlite_meta(environment_, path_);
    EXPECT_TRUE(store.has_value()) << store.error().what;
    return std::move(*store);
  }
  // What `sqlite3 FILE COMMAND` prints, errors as well.
  std::string sqlite3(const std::string& command) const {
    const std::string line = "sqlite3 " + path_ + " '" + command + "' 2>&1";
    FILE* const pipe = ::popen(line.c_str(), "r");
    std::string out;
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) out += static_cast<char>(c);
    ::pclose(pipe);
    return out;
  }

  PosixEnvironment world_;
  NoExecutor executor_;
  NullLog log_;
  Environment environment_ = world_.with(executor_, log_);
  std::string directory_, path_;
};

TEST_F(SqliteLiveTest, ALiveFileCanBeReadBetweenCommits) {
  auto store = open();
  for (const char* value : {"one", "two", "three"}) {
    MetaTransaction transaction;
    transaction.put("map", "epoch", value);
    ASSERT_TRUE(store->commit(transaction).has_value());
    EXPECT_EQ(sqlite3("SELECT CAST(value AS TEXT) FROM map"), std::string(value) + "\n");
    const std::string dump = sqlite3(".dump");
    EXPECT_NE(dump.find("INSERT INTO map VALUES(X"), std::string::npos) << dump;
    EXPECT_NE(dump.find("COMMIT;"), std::string::npos) << dump;
  }
  EXPECT_EQ(sqlite3("PRAGMA integrity_check"), "ok\n");
  store.reset();
  EXPECT_EQ(*open()->get("map", "epoch"), "three");
}

TEST_F(SqliteLiveTest, AWriterOfTheStoresLocksKeepsTheProgramOut) {
  auto store = open();
  MetaTransaction transaction;
  transaction.put("map", "epoch", "1");
  ASSERT_TRUE(store->commit(transaction).has_value());
  // As a store in the middle of its commit: PENDING and all of SHARED.
  auto file = std::move(*world_.files().open(path_, OpenMode::write));
  ASSERT_TRUE(*file->lock_range(0x40000000, 512, File::RangeLock::exclusive));
  EXPECT_NE(sqlite3("SELECT * FROM map").find("database is locked"), std::string::npos);
  file.reset();
  EXPECT_EQ(sqlite3("SELECT CAST(value AS TEXT) FROM map"), "1\n");
}

TEST_F(SqliteLiveTest, TwoStoresOfOneProcessShareNothing) {
  auto one = open();
  path_ = directory_ + "/other.sqlite";
  auto two = open();
  MetaTransaction transaction;
  transaction.put("t", "k", "one");
  ASSERT_TRUE(one->commit(transaction).has_value());
  one.reset();
  transaction.put("t", "k", "two");
  ASSERT_TRUE(two->commit(transaction).has_value());
  EXPECT_EQ(*two->get("t", "k"), "two");
}

}  // namespace
}  // namespace kv
