// Files that are gone: what is lost must be told. (Damage inside of files is the proof of
// tests/crash/corruption_sweep.)
#include <gtest/gtest.h>

#include "libkv/base/random.h"
#include "libkv/storage/levels/manifest.h"
#include "tests/crash/engine_history.h"
#include "tests/crash/storage_world.h"

namespace kv {
namespace {

class EngineMissingFilesTest : public testing::Test {
 public:
  void SetUp() override {
    ASSERT_TRUE(world_.open());
    write(260);
    world_.run_until_idle();
    // Some of the writes only stand in the log, across segments.
    ASSERT_GT(world_.engine->stats().sstables, 2u);
    ASSERT_GT(world_.engine->stats().compactions, 0u);
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

  Random random_{42};
  StorageWorld world_{42};
  EngineHistory history_;
  EngineState expected_;
  DiskImage image_;
  MetaRows rows_;
  uint64_t serial_ = 0;
};

TEST_F(EngineMissingFilesTest, AMissingTableIsTold) {
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

TEST_F(EngineMissingFilesTest, AMissingLogSegmentIsTold) {
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

// No later segment tells of it, nor a clean stop; but the manifest knew how far the log was.
TEST_F(EngineMissingFilesTest, ALogThatEndsTooEarlyAfterAKillIsTold) {
  world_.restore(image_, rows_);
  ASSERT_TRUE(world_.open());
  Manifest manifest(world_.metadata());
  const auto is_ahead = [&] {
    const ManifestState state = *manifest.open(0);
    return state.durable > state.flushed;
  };
  for (int i = 0; i < 100 && !is_ahead(); ++i) write(20);
  ASSERT_TRUE(is_ahead());
  world_.end();
  image_ = world_.disk.snapshot();
  rows_ = world_.meta->all();
  for (const bool is_removed : {true, false}) {
    world_.restore(image_, rows_);
    for (const std::string& path : files(".log")) {
      SimFileSystem disk_files(world_.disk);
      if (is_removed)
        ASSERT_TRUE(disk_files.remove(path));
      else
        ASSERT_TRUE((*disk_files.open(path, OpenMode::write))->truncate(0));
    }
    ASSERT_TRUE(world_.open());
    EXPECT_FALSE(world_.engine->recovery().corruption.empty()) << is_removed;
  }
}

// The first write takes the clean stop's word away, and leaves what that said.
TEST_F(EngineMissingFilesTest, ALogThatIsGoneAfterAKillBehindACleanStopIsTold) {
  world_.restore(image_, rows_);
  ASSERT_TRUE(world_.open());
  write(1);
  while (world_.scheduler.run_one()) {
  }
  world_.end();
  {
    SimFileSystem disk_files(world_.disk);
    const std::vector<std::string> names = *disk_files.list("data");
    for (const std::string& name : names) {
      if (!name.ends_with(".log")) continue;
      ASSERT_TRUE(disk_files.remove("data/" + name));
    }
  }
  ASSERT_TRUE(world_.open());
  EXPECT_FALSE(world_.engine->recovery().corruption.empty());
}

TEST_F(EngineMissingFilesTest, FilesWithoutTheirMetadataAreRefused) {
  world_.restore(image_, {});
  const Status opened = world_.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::corrupt);
}

}  // namespace
}  // namespace kv
