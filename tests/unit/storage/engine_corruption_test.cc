// A flipped bit, a zeroed sector, a cut: in every file, at every place of a fine grid. The engine
// may refuse, it must never give wrong data, and what is lost must be told.
#include <gtest/gtest.h>

#include "libkv/base/random.h"
#include "tests/crash/engine_history.h"
#include "tests/crash/storage_world.h"

namespace kv {
namespace {

enum class Damage { bit, zeros, cut };

void damage(SimDisk& disk, const std::string& path, uint64_t offset, Damage how) {
  if (how == Damage::bit) return disk.rot(path, offset, offset % 8);
  SimFileSystem files(disk);
  const auto file = files.open(path, OpenMode::write);
  ASSERT_TRUE(file);
  if (how == Damage::cut) {
    ASSERT_TRUE((*file)->truncate(offset));
  } else {
    const uint64_t size = *(*file)->size();
    const uint64_t begin = offset / 512 * 512;
    ASSERT_TRUE((*file)->write_at(
        begin, std::string(static_cast<size_t>(std::min<uint64_t>(512, size - begin)), '\0')));
  }
  ASSERT_TRUE((*file)->sync());
}

class EngineCorruptionTest : public testing::Test {
 public:
  void SetUp() override {
    ASSERT_TRUE(world_.open());
    write(260);
    world_.run_until_idle();
    // Some of the writes only stand in the log, across segments.
    ASSERT_GT(world_.engine->stats().sstables, 2u);
    ASSERT_GT(world_.engine->stats().compactions, 0u);
    flushed_ = history_.last();
    write(12);
    ASSERT_TRUE(world_.engine->close());
    world_.end();
    image_ = world_.disk.snapshot();
    rows_ = world_.meta->all();
    expected_ = *history_.state_at(history_.last());
  }

  void write(int batches) {
    for (int i = 0; i < batches; ++i) {
      WriteBatch batch;
      const std::string key = "k" + std::to_string(random_.below(90));
      batch.put(key, key + "=" + std::to_string(++serial_) + std::string(random_.below(150), 'x'));
      if (random_.below(3) == 0) batch.remove("k" + std::to_string(random_.below(90)));
      const auto last = world_.engine->apply(batch, Durability::always);
      if (!last) {
        world_.run_until_idle();
        continue;
      }
      history_.add(*last, batch);
      if (i % 3 == 0) world_.scheduler.run_one();
    }
  }

  std::vector<std::string> files(const std::string& extension) {
    std::vector<std::string> found;
    for (const std::string& path : image_.paths())
      if (path.ends_with(extension)) found.push_back(path);
    return found;
  }

  /// Opens the damaged disk; `check` sees the engine unless it did not open.
  template <typename Check>
  void each_damage(const std::string& extension, uint64_t stride, Check check) {
    for (const std::string& path : files(extension)) {
      const uint64_t size = image_.bytes(*image_.find(path)).size();
      for (const Damage how : {Damage::bit, Damage::zeros, Damage::cut}) {
        const uint64_t step = how == Damage::bit ? stride : 512;
        for (uint64_t offset = 0; offset < size && !HasFailure(); offset += step) {
          SCOPED_TRACE(path + " offset " + std::to_string(offset) + " damage " +
                       std::to_string(static_cast<int>(how)));
          world_.restore(image_, rows_);
          damage(world_.disk, path, offset, how);
          ASSERT_TRUE(world_.open());
          check();
        }
      }
    }
  }

  /// Who goes on behind damaged blocks finds, in order, all whose newest version can be read.
  void check_passing_over(bool reverse) {
    const auto iterator = world_.engine->iterate({}, reverse);
    std::map<std::string, std::string> seen;
    std::string last;
    do {
      for (; iterator->valid(); iterator->next()) {
        const std::string key(iterator->key());
        ASSERT_TRUE(last.empty() || (reverse ? key < last : key > last)) << key;
        last = key;
        seen[key] = std::string(iterator->value());
      }
    } while (iterator->pass_over());
    if (!iterator->status()) return;  // An index: nobody knows what is behind.
    for (const auto& [key, value] : expected_) {
      const auto lookup = world_.get(key);
      if (!lookup) continue;
      ASSERT_EQ(seen[key], value) << key;
    }
  }

  Random random_{42};
  StorageWorld world_{42};
  EngineHistory history_;
  EngineState expected_;
  DiskImage image_;
  MetaRows rows_;
  Sequence flushed_ = 0;
  uint64_t serial_ = 0;
};

TEST_F(EngineCorruptionTest, TablesNeverGiveWrongData) {
  uint64_t errors = 0, reports = 0, passed_over = 0;
  each_damage(".sst", 61, [&] {
    reports += world_.engine->recovery().corruption.size();
    for (int i = 0; i < 92; ++i) {
      const std::string key = "k" + std::to_string(i);
      const auto lookup = world_.get(key);
      if (!lookup) {
        ++errors;
        ASSERT_EQ(lookup.error().kind, ErrorKind::corrupt) << lookup.error().what;
        ASSERT_NE(lookup.error().what.find(".sst"), std::string::npos);
        continue;
      }
      const auto expected = expected_.find(key);
      ASSERT_EQ(lookup->value.has_value(), expected != expected_.end()) << key;
      if (lookup->value) {
        ASSERT_EQ(lookup->value->view(), expected->second);
      }
    }
    for (const bool reverse : {false, true}) {
      const auto iterator = world_.engine->iterate({}, reverse);
      size_t seen = 0;
      for (; iterator->valid(); iterator->next(), ++seen)
        ASSERT_EQ(iterator->value(), expected_.at(std::string(iterator->key())));
      if (iterator->status()) {
        ASSERT_EQ(seen, expected_.size());
      } else {
        ASSERT_EQ(iterator->status().error().kind, ErrorKind::corrupt);
        ++passed_over;
        check_passing_over(reverse);
      }
    }
    // Compaction over damage must not make it vanish.
    world_.run_until_idle();
  });
  EXPECT_GT(errors, 100u);
  EXPECT_GT(reports, 10u);
  EXPECT_GT(passed_over, 100u);
}

TEST_F(EngineCorruptionTest, LogDamageIsToldAfterACleanStop) {
  uint64_t told = 0;
  each_damage(".log", 13, [&] {
    const RecoveryReport& report = world_.engine->recovery();
    ASSERT_GE(report.last_sequence, history_.last()) << "sequences would be used again";
    const auto state = state_of(*world_.engine);
    ASSERT_TRUE(state);
    if (report.corruption.empty()) {
      ASSERT_TRUE(*state == expected_);
    } else {
      ++told;
      ASSERT_FALSE(report.clean);
      ASSERT_NE(report.corruption[0].file.find("data/"), std::string::npos);
      // The same again.
      world_.end();
      ASSERT_TRUE(world_.open());
      ASSERT_FALSE(world_.engine->recovery().corruption.empty());
      ASSERT_TRUE(*state_of(*world_.engine) == *state);
    }
  });
  EXPECT_GT(told, 10u);
}

TEST_F(EngineCorruptionTest, AMissingTableIsTold) {
  for (const std::string& path : files(".sst")) {
    world_.restore(image_, rows_);
    {
      SimFileSystem disk_files(world_.disk);
      ASSERT_TRUE(disk_files.remove(path));
    }
    ASSERT_TRUE(world_.open());
    ASSERT_EQ(world_.engine->recovery().corruption.size(), 1u);
    EXPECT_EQ(world_.engine->recovery().corruption[0].file, path);
    EXPECT_FALSE(state_of(*world_.engine));
  }
}

TEST_F(EngineCorruptionTest, AMissingLogSegmentIsTold) {
  for (const std::string& path : files(".log")) {
    world_.restore(image_, rows_);
    {
      SimFileSystem disk_files(world_.disk);
      ASSERT_TRUE(disk_files.remove(path));
    }
    ASSERT_TRUE(world_.open());
    if (world_.engine->recovery().corruption.empty()) {
      EXPECT_TRUE(*state_of(*world_.engine) == expected_) << path;
    }
  }
}

TEST_F(EngineCorruptionTest, FilesWithoutTheirMetadataAreRefused) {
  world_.restore(image_, {});
  const Status opened = world_.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::corrupt);
}

}  // namespace
}  // namespace kv
