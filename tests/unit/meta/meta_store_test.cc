// What every meta store does, on SQLite and in memory.
#include "libkv/meta/meta_store.h"

#include <functional>
#include <thread>

#include <gtest/gtest.h>

#include "tests/unit/meta/sqlite_world.h"

namespace kv {
namespace {

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::unique_ptr<MetaStore> open() = 0;
};

class SqliteBackend final : public Backend {
 public:
  std::unique_ptr<MetaStore> open() override {
    world_.restart();
    auto store = world_.open();
    EXPECT_TRUE(store.has_value()) << store.error().what;
    return std::move(*store);
  }

 private:
  SqliteWorld world_;
};

class MemoryBackend final : public Backend {
 public:
  std::unique_ptr<MetaStore> open() override { return open_memory_meta(&durable_); }

 private:
  MemoryMeta durable_;
};

class MetaStoreTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (GetParam() == std::string("sqlite")) {
      backend_ = std::make_unique<SqliteBackend>();
    } else {
      backend_ = std::make_unique<MemoryBackend>();
    }
    store_ = backend_->open();
  }
  void reopen() {
    store_.reset();
    store_ = backend_->open();
  }
  void put(const std::string& table, const std::string& key, const std::string& value) {
    MetaTransaction transaction;
    transaction.put(table, key, value);
    const Status done = store_->commit(transaction);
    ASSERT_TRUE(done.has_value()) << done.error().what;
  }
  std::string get(const std::string& table, const std::string& key) {
    const auto value = store_->get(table, key);
    return value ? *value : to_string(value.error().kind);
  }

  std::unique_ptr<Backend> backend_;
  std::unique_ptr<MetaStore> store_;
};

TEST_P(MetaStoreTest, RowsAreThereAfterTheCommitAndAfterTheNextOpen) {
  put("map", "epoch", "7");
  put("order", "epoch", "8");  // A word of SQL is a name like others.
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(get("map", "epoch"), "7");
    EXPECT_EQ(get("order", "epoch"), "8");
    EXPECT_EQ(get("map", "none"), "not found");
    EXPECT_EQ(get("none", "epoch"), "not found");
    reopen();
  }
}

TEST_P(MetaStoreTest, LaterChangesOfARowWinAndRemovedRowsAreGone) {
  put("t", "a", "old");
  MetaTransaction transaction;
  transaction.put("t", "a", "1");
  transaction.put("t", "b", "2");
  transaction.remove("t", "a");
  transaction.put("t", "b", "3");
  transaction.remove("t", "never");
  transaction.remove("no_such_table", "a");
  ASSERT_TRUE(store_->commit(transaction).has_value());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(get("t", "a"), "not found");
    EXPECT_EQ(get("t", "b"), "3");
    reopen();
  }
}

TEST_P(MetaStoreTest, RowsComeInTheOrderOfTheirBytes) {
  for (const char* key : {"b", "", "a", "aa", "\xff", "\x7f"}) put("t", key, "v");
  put("t", std::string("a\0", 2), "v");
  put("s", "z", "v");
  put("u", "0", "v");
  reopen();
  std::vector<std::string> keys;
  const auto rows = store_->rows("t");
  ASSERT_TRUE(rows.has_value());
  for (const auto& row : *rows) keys.push_back(row.key);
  EXPECT_EQ(keys,
            (std::vector<std::string>{"", "a", std::string("a\0", 2), "aa", "b", "\x7f", "\xff"}));
  EXPECT_TRUE(store_->rows("none")->empty());
}

TEST_P(MetaStoreTest, BytesOfAllKindsAndSizesPassUntouched) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  const std::string large(300'000, 'x');
  put("t", all, all);
  put("t", "empty", "");
  put("t", "large", large);
  reopen();
  EXPECT_EQ(get("t", all), all);
  EXPECT_EQ(get("t", "empty"), "");
  EXPECT_EQ(get("t", "large"), large);
}

TEST_P(MetaStoreTest, AWrongTableNameIsRefusedAndNothingIsStored) {
  for (const char* name : {"", "A", "a b", "a\"", "1a", "kv_totals", "sqlite_schema", "a-b"}) {
    MetaTransaction transaction;
    transaction.put("good", "k", "v");
    transaction.put(name, "k", "v");
    const Status refused = store_->commit(transaction);
    ASSERT_FALSE(refused.has_value()) << name;
    EXPECT_EQ(refused.error().kind, ErrorKind::invalid);
    EXPECT_EQ(get(name, "k"), "invalid");
    EXPECT_FALSE(store_->rows(name).has_value());
  }
  EXPECT_EQ(get("good", "k"), "not found");
  put("good", "k", "v");  // A refusal ends nothing.
}

TEST_P(MetaStoreTest, AnEmptyTransactionIsDone) {
  EXPECT_TRUE(store_->commit(MetaTransaction()).has_value());
}

TEST_P(MetaStoreTest, RandomTransactionsLeaveWhatAModelSays) {
  Random random(3);
  MetaRows model;
  const std::vector<std::string> tables = {"a", "b", "c"};
  for (int round = 0; round < 60; ++round) {
    MetaTransaction transaction;
    for (uint64_t i = random.below(8); i-- > 0;) {
      const std::string& table = tables[random.below(tables.size())];
      const std::string key = std::to_string(random.below(30));
      if (random.chance(0.3)) {
        transaction.remove(table, key);
      } else {
        transaction.put(table, key, std::string(random.below(3000), 'v') + key);
      }
    }
    ASSERT_TRUE(store_->commit(transaction).has_value());
    apply_to(model, transaction);
    if (random.chance(0.1)) reopen();
    ASSERT_EQ(*all_rows(*store_, tables), model);
  }
}

TEST_P(MetaStoreTest, ThreadsTakeTurns) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([this, t] {
      for (int i = 0; i < 25; ++i) {
        put("t" + std::to_string(t), std::to_string(i), "v");
        EXPECT_EQ(get("t" + std::to_string(t), std::to_string(i)), "v");
      }
    });
  for (std::thread& thread : threads) thread.join();
  reopen();
  for (int t = 0; t < 4; ++t) EXPECT_EQ(store_->rows("t" + std::to_string(t))->size(), 25u);
}

INSTANTIATE_TEST_SUITE_P(Backends, MetaStoreTest, testing::Values("sqlite", "memory"),
                         [](const auto& backend) { return std::string(backend.param); });

}  // namespace
}  // namespace kv
