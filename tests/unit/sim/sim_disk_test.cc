// The simulated disk as a file system: what PosixFileSystem does, its faults, its locks.
#include "tests/sim/sim_disk.h"

#include <gtest/gtest.h>

#include "tests/sim/sim_file_system.h"

namespace kv {
namespace {

class SimDiskTest : public testing::Test {
 protected:
  SimDiskTest() { EXPECT_TRUE(files_.make_directories("d/e").has_value()); }
  std::unique_ptr<File> open(const std::string& path) {
    auto file = files_.open(path, OpenMode::write);
    EXPECT_TRUE(file.has_value());
    return std::move(*file);
  }
  static std::string read(File& file) {
    std::string bytes(20'000, '?');
    bytes.resize(*file.read_at(0, bytes));
    return bytes;
  }

  SimDisk disk_{7};
  SimFileSystem files_{disk_};
};

TEST_F(SimDiskTest, ReadsWritesAndTruncatesAcrossPages) {
  auto file = open("d/a");
  ASSERT_TRUE(file->write_at(4090, "0123456789").has_value());
  EXPECT_EQ(read(*file), std::string(4090, '\0') + "0123456789");
  ASSERT_TRUE(file->truncate(4092).has_value());
  ASSERT_TRUE(file->truncate(4100).has_value());
  EXPECT_EQ(read(*file), std::string(4090, '\0') + "01" + std::string(8, '\0'));
  EXPECT_EQ(*file->size(), 4100u);
}

TEST_F(SimDiskTest, RoomIsGivenWhereThereIsSome) {
  auto file = open("d/a");
  ASSERT_TRUE(file->write_at(0, "0123456789").has_value());
  EXPECT_TRUE(*file->reserve(5));
  EXPECT_EQ(read(*file), "0123456789") << "it takes nothing away";
  EXPECT_TRUE(*file->reserve(12));
  EXPECT_EQ(read(*file), std::string("0123456789\0\0", 12));
  disk_.set_capacity(disk_.image().used_bytes() + 100);
  EXPECT_EQ(file->reserve(200'000).error().kind, ErrorKind::no_space);
  EXPECT_EQ(*file->size(), 12u);
}

TEST_F(SimDiskTest, ASnapshotDoesNotChangeWithTheDisk) {
  auto file = open("d/a");
  ASSERT_TRUE(file->write_at(0, "before").has_value());
  const DiskImage before = disk_.snapshot();
  ASSERT_TRUE(file->write_at(0, "after!").has_value());
  disk_.restore(before);
  SimFileSystem next(disk_);
  EXPECT_EQ(read(**next.open("d/a", OpenMode::read)), "before");
  EXPECT_FALSE(file->write_at(0, "dead").has_value());
}

TEST_F(SimDiskTest, NamesBehaveAsOnAFileSystem) {
  open("d/b");
  open("d//a");
  EXPECT_EQ(*files_.list("d/"), (std::vector<std::string>{"a", "b", "e"}));
  EXPECT_EQ(files_.open("none/a", OpenMode::write).error().kind, ErrorKind::not_found);
  EXPECT_EQ(files_.open("d/none", OpenMode::read).error().kind, ErrorKind::not_found);
  EXPECT_FALSE(files_.open("d/a", OpenMode::write_new).has_value());
  EXPECT_EQ(files_.rename("d/none", "d/x").error().kind, ErrorKind::not_found);
  EXPECT_FALSE(files_.hard_link("d/a", "d/b").has_value());
  ASSERT_TRUE(files_.hard_link("d/a", "d/e/c").has_value());
  EXPECT_FALSE(files_.remove("d/e").has_value());
  ASSERT_TRUE(files_.remove("d/e/c").has_value());
  ASSERT_TRUE(files_.remove("d/e").has_value());
  EXPECT_FALSE(*files_.exists("d/e"));
}

TEST_F(SimDiskTest, ARemovedFileStaysReadableWhileOpenAndThenItsRoomIsFree) {
  auto file = open("d/a");
  ASSERT_TRUE(file->write_at(0, "bytes").has_value());
  ASSERT_TRUE(files_.remove("d/a").has_value());
  ASSERT_TRUE(files_.sync_directory("d").has_value());
  EXPECT_EQ(read(*file), "bytes");
  EXPECT_EQ(disk_.image().used_bytes(), 5u);
  file.reset();
  EXPECT_EQ(disk_.image().used_bytes(), 0u);
}

TEST_F(SimDiskTest, TheNthCallFailsOnceOrFromThenOn) {
  auto file = open("d/a");
  disk_.fail_nth(2, FaultKind::write, false);
  EXPECT_TRUE(file->write_at(0, "1").has_value());
  EXPECT_EQ(file->write_at(0, "2").error().kind, ErrorKind::io);
  EXPECT_TRUE(file->write_at(0, "3").has_value());
  disk_.fail_nth(2, FaultKind::any, true);
  EXPECT_TRUE(file->sync().has_value());
  EXPECT_FALSE(file->sync().has_value());
  EXPECT_FALSE(files_.exists("d/a").has_value());
  EXPECT_FALSE(files_.lock_directory("d").has_value());
  disk_.faults().clear();
  EXPECT_TRUE(file->sync().has_value());
  disk_.fail_nth(1, FaultKind::no_space, false);
  EXPECT_EQ(file->write_at(0, "4").error().kind, ErrorKind::no_space);
  EXPECT_EQ(disk_.faults().calls(FaultKind::write), 4u);
}

TEST_F(SimDiskTest, SyncsFailWithTheirProbability) {
  auto file = open("d/a");
  disk_.faults().set_sync_failure(0.5);
  int failed = 0;
  for (int i = 0; i < 1000; ++i) failed += file->sync().has_value() ? 0 : 1;
  EXPECT_GT(failed, 400);
  EXPECT_LT(failed, 600);
}

TEST_F(SimDiskTest, AFullDiskTakesOverwritesButNothingMore) {
  disk_.set_capacity(10);
  auto file = open("d/a");
  ASSERT_TRUE(file->write_at(0, "0123456789").has_value());
  EXPECT_EQ(*files_.free_bytes("d"), 0u);
  EXPECT_TRUE(file->write_at(5, "56789").has_value());
  EXPECT_EQ(file->write_at(5, "567890").error().kind, ErrorKind::no_space);
  disk_.set_capacity(20);
  EXPECT_TRUE(file->write_at(5, "567890").has_value());
}

TEST_F(SimDiskTest, AfterThePowerFailsNothingHappensAnyMore) {
  auto file = open("d/a");
  disk_.fail_power_after(1);
  EXPECT_TRUE(file->write_at(0, "1").has_value());
  EXPECT_FALSE(file->write_at(1, "2").has_value());
  EXPECT_FALSE(file->size().has_value());
  EXPECT_FALSE(files_.exists("d/a").has_value());
  Random random(1);
  disk_.crash({UnsyncedData::kept, UnsyncedNames::kept}, random);
  SimFileSystem next(disk_);
  EXPECT_EQ(read(**next.open("d/a", OpenMode::read)), "1");
}

TEST_F(SimDiskTest, RotFlipsOneBitForGood) {
  auto file = open("d/a");
  ASSERT_TRUE(file->write_at(0, "aaa").has_value());
  disk_.rot("d/a", 1, 1);
  EXPECT_EQ(read(*file), "aca");
}

TEST_F(SimDiskTest, WipingLeavesNothing) {
  open("d/a");
  disk_.wipe();
  SimFileSystem next(disk_);
  EXPECT_FALSE(*next.exists("d"));
}

TEST_F(SimDiskTest, LocksAreAProcessOwnAndVanishWithIt) {
  using Lock = File::RangeLock;
  auto other = std::make_unique<SimFileSystem>(disk_);
  auto mine = open("d/a");
  auto theirs = std::move(*other->open("d/a", OpenMode::write));
  auto held = other->lock_directory("d");
  ASSERT_TRUE(held.has_value());
  EXPECT_EQ(files_.lock_directory("d").error().kind, ErrorKind::locked);
  EXPECT_TRUE(*theirs->lock_range(0, 10, Lock::exclusive));
  EXPECT_TRUE(*theirs->lock_range(2, 3, Lock::none));
  EXPECT_TRUE(*mine->lock_range(2, 3, Lock::exclusive));
  EXPECT_FALSE(*mine->lock_range(4, 2, Lock::shared));
  EXPECT_TRUE(*mine->range_is_locked(0, 1));
  EXPECT_FALSE(*mine->range_is_locked(2, 3));
  other->kill();
  EXPECT_TRUE(*mine->lock_range(0, 10, Lock::exclusive));
  auto next = files_.lock_directory("d");
  ASSERT_TRUE(next.has_value());
  held->reset();  // The dead process' destructor runs late and must not free it.
  EXPECT_EQ(files_.lock_directory("d").error().kind, ErrorKind::locked);
  EXPECT_FALSE(theirs->lock_range(0, 1, Lock::shared).has_value());
}

TEST_F(SimDiskTest, SharedLocksAdmitEachOther) {
  using Lock = File::RangeLock;
  auto one = open("d/a");
  auto two = open("d/a");
  EXPECT_TRUE(*one->lock_range(0, 5, Lock::shared));
  EXPECT_TRUE(*two->lock_range(0, 5, Lock::shared));
  EXPECT_FALSE(*two->lock_range(0, 5, Lock::exclusive));
  EXPECT_FALSE(*two->range_is_locked(0, 5));
  one.reset();
  EXPECT_TRUE(*two->lock_range(0, 5, Lock::exclusive));
}

}  // namespace
}  // namespace kv
