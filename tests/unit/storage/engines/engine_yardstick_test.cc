// kv's engine and RocksDB are told the same and asked the same: gets, many gets and scans of both
// directions must agree, after flushes, compactions and restarts. Built with -Dyardsticks=true.
#include <filesystem>
#include <map>

#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>
#include <unistd.h>

#include "libkv/base/random.h"
#include "tests/crash/engine_history.h"
#include "tests/crash/storage_world.h"

namespace kv {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

rocksdb::Slice slice(BytesView bytes) {
  return {bytes.data(), bytes.size()};
}

/// RocksDB in a temporary directory, as small as the engine beside it.
class Yardstick {
 public:
  Yardstick()
      : directory_((std::filesystem::temp_directory_path() /
                    ("kv-yardstick-" + std::to_string(::getpid())))
                       .string()) {
    std::filesystem::remove_all(directory_);
    open();
  }
  ~Yardstick() {
    db_.reset();
    std::filesystem::remove_all(directory_);
  }

  void open() {
    db_.reset();
    rocksdb::Options options;
    options.create_if_missing = true;
    options.write_buffer_size = 64 << 10;
    rocksdb::DB* opened = nullptr;
    const auto status = rocksdb::DB::Open(options, directory_, &opened);
    ASSERT_TRUE(status.ok()) << status.ToString();
    db_.reset(opened);
  }
  void write(const WriteBatch& batch) {
    rocksdb::WriteBatch same;
    WriteBatch::for_each(batch.encoded(), [&same](const WriteBatch::Operation& operation) {
      const auto done = operation.is_put ? same.Put(slice(operation.key), slice(operation.value))
                                         : same.Delete(slice(operation.key));
      ASSERT_TRUE(done.ok());
    });
    ASSERT_TRUE(db_->Write(rocksdb::WriteOptions(), &same).ok());
  }
  std::optional<std::string> get(const std::string& key) {
    std::string value;
    const auto status = db_->Get(rocksdb::ReadOptions(), slice(key), &value);
    if (status.IsNotFound()) return std::nullopt;
    EXPECT_TRUE(status.ok()) << status.ToString();
    return value;
  }
  std::vector<std::optional<std::string>> multi_get(const std::vector<std::string>& keys) {
    std::vector<rocksdb::Slice> slices;
    for (const std::string& key : keys) slices.push_back(slice(key));
    std::vector<std::string> values;
    const auto statuses = db_->MultiGet(rocksdb::ReadOptions(), slices, &values);
    std::vector<std::optional<std::string>> found;
    for (size_t i = 0; i < keys.size(); ++i)
      found.push_back(statuses[i].ok() ? std::optional(values[i]) : std::nullopt);
    return found;
  }
  Pairs scan(const KeyRange& range, bool reverse) {
    rocksdb::ReadOptions reading;
    const rocksdb::Slice from = slice(range.from), to = slice(range.to);
    reading.iterate_lower_bound = &from;
    if (!range.to.empty()) reading.iterate_upper_bound = &to;
    const std::unique_ptr<rocksdb::Iterator> rows(db_->NewIterator(reading));
    Pairs pairs;
    reverse ? rows->SeekToLast() : rows->SeekToFirst();
    for (; rows->Valid(); reverse ? rows->Prev() : rows->Next())
      pairs.emplace_back(rows->key().ToString(), rows->value().ToString());
    EXPECT_TRUE(rows->status().ok());
    return pairs;
  }

 private:
  const std::string directory_;
  std::unique_ptr<rocksdb::DB> db_;
};

class EngineYardstickTest : public testing::Test {
 public:
  void SetUp() override { ASSERT_TRUE(world_.open()); }

  /// Keys share beginnings, and hold any byte.
  std::string random_key() {
    static constexpr char kBytes[] = {'\0', '\x01', 'a', 'b', '\x7f', '\x80', '\xff'};
    std::string key(random_.below(3) == 0 ? "the same beginning of many keys/" : "");
    for (uint64_t i = random_.below(5); i > 0; --i) key += kBytes[random_.below(sizeof(kBytes))];
    return key;
  }

  void write() {
    WriteBatch batch;
    for (uint64_t i = random_.below(6) + 1; i > 0; --i) {
      if (random_.below(3) == 0) {
        batch.remove(random_key());
      } else {
        batch.put(random_key(),
                  std::to_string(random_.next()) +
                      std::string(random_.below(random_.below(20) == 0 ? 2000 : 90), 'v'));
      }
    }
    const auto applied = world_.engine->apply(batch, Durability::always);
    if (!applied) {
      ASSERT_EQ(applied.error().kind, ErrorKind::busy) << applied.error().what;
      return world_.run_until_idle();
    }
    yardstick_.write(batch);
  }

  void get() {
    const std::string key = random_key();
    compare(world_.get(key), yardstick_.get(key));
  }
  void get_many() {
    std::vector<std::string> keys;
    for (uint64_t i = random_.below(40); i > 0; --i) keys.push_back(random_key());
    const auto ours = world_.multi_get(keys);
    const auto theirs = yardstick_.multi_get(keys);
    ASSERT_EQ(ours.size(), theirs.size());
    for (size_t i = 0; i < keys.size(); ++i) compare(ours[i], theirs[i]);
  }
  void compare(const Result<Lookup>& ours, const std::optional<std::string>& theirs) {
    ASSERT_TRUE(ours) << ours.error().what;
    ASSERT_EQ(ours->value.has_value(), theirs.has_value());
    if (theirs) {
      ASSERT_EQ(ours->value->view(), *theirs);
    }
    ++answers_;
  }

  void scan() {
    KeyRange range;
    if (random_.chance(0.7)) range.from = random_key();
    if (random_.chance(0.7)) range.to = random_key();
    if (!range.to.empty() && range.to < range.from) std::swap(range.from, range.to);
    const bool reverse = random_.chance(0.5);
    const auto ours = pairs_of(*world_.engine, range, reverse);
    ASSERT_TRUE(ours) << ours.error().what;
    const Pairs theirs = yardstick_.scan(range, reverse);
    ASSERT_TRUE(*ours == theirs) << ours->size() << " and " << theirs.size() << " pairs";
    pairs_ += theirs.size();
  }

  void restart() {
    ASSERT_TRUE(world_.engine->close());
    ASSERT_TRUE(world_.open());
    yardstick_.open();
  }

  Random random_{20};
  StorageWorld world_{20};
  Yardstick yardstick_;
  uint64_t answers_ = 0, pairs_ = 0;
};

TEST_F(EngineYardstickTest, BothGiveTheSameAnswers) {
  uint64_t compactions = 0;
  for (int step = 0; step < 20'000 && !HasFailure(); ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    const uint64_t what = random_.below(1000);
    if (what < 450)
      write();
    else if (what < 750)
      get();
    else if (what < 830)
      get_many();
    else if (what < 900)
      scan();
    else if (what < 998)
      world_.scheduler.run_one();
    else {
      compactions += world_.engine->stats().compactions;
      restart();
    }
  }
  EXPECT_GT(compactions, 50u);
  EXPECT_GT(answers_, 10'000u);
  EXPECT_GT(pairs_, 100'000u);
  std::printf("engine_yardstick: %llu answers and %llu pairs are RocksDB's, %llu compactions\n",
              static_cast<unsigned long long>(answers_), static_cast<unsigned long long>(pairs_),
              static_cast<unsigned long long>(compactions));
}

}  // namespace
}  // namespace kv
