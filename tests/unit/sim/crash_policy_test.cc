// What each crash policy leaves of written, synced, renamed and removed files.
#include <set>

#include <gtest/gtest.h>

#include "tests/sim/sim_file_system.h"

namespace kv {
namespace {

using Data = UnsyncedData;
using Names = UnsyncedNames;

class CrashPolicyTest : public testing::Test {
 protected:
  CrashPolicyTest() { EXPECT_TRUE(files_->make_directories("/d").has_value()); }

  void write(const std::string& path, uint64_t offset, BytesView bytes, bool sync) {
    auto file = files_->open(path, OpenMode::write);
    ASSERT_TRUE(file.has_value());
    ASSERT_TRUE((*file)->write_at(offset, bytes).has_value());
    if (sync) {
      ASSERT_TRUE((*file)->sync().has_value());
    }
  }
  void sync_names() { ASSERT_TRUE(files_->sync_directory("/d").has_value()); }
  void crash(Data data, Names names, uint64_t seed = 1) {
    Random random(seed);
    disk_.crash({data, names}, random);
    files_ = std::make_unique<SimFileSystem>(disk_);
  }
  std::string read(const std::string& path) {
    auto file = files_->open(path, OpenMode::read);
    if (!file) return "(none)";
    std::string bytes(100'000, '\0');
    bytes.resize(*(*file)->read_at(0, bytes));
    return bytes;
  }

  SimDisk disk_;
  std::unique_ptr<SimFileSystem> files_ = std::make_unique<SimFileSystem>(disk_);
};

TEST_F(CrashPolicyTest, SyncedBytesUnderASyncedNameSurviveEveryPolicy) {
  write("/d/a", 0, std::string(5000, 'a'), true);
  sync_names();
  for (const CrashPolicy policy : crash_policies())
    for (uint64_t seed = 0; seed < 20; ++seed) {
      crash(policy.data, policy.names, seed);
      EXPECT_EQ(read("/d/a"), std::string(5000, 'a')) << to_string(policy);
    }
}

TEST_F(CrashPolicyTest, DroppedLosesWhatWasNotSyncedAndKeptKeepsIt) {
  write("/d/a", 0, "synced", true);
  sync_names();
  write("/d/a", 3, "written", false);
  const DiskImage before = disk_.snapshot();
  crash(Data::dropped, Names::kept);
  EXPECT_EQ(read("/d/a"), "synced");
  disk_.restore(before);
  crash(Data::kept, Names::lost);
  EXPECT_EQ(read("/d/a"), "synwritten");
}

TEST_F(CrashPolicyTest, TornCutsTheLastWriteAtASectorAndKeepsTheOthers) {
  write("/d/a", 0, "first", false);
  write("/d/b", 100, std::string(2000, 'b'), false);
  const DiskImage before = disk_.snapshot();
  std::set<size_t> sizes;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    disk_.restore(before);
    crash(Data::torn, Names::kept, seed);
    EXPECT_EQ(read("/d/a"), "first");
    sizes.insert(read("/d/b").size());
  }
  // Nothing, or up to a border of the sectors that the write from 100 to 2100 covers.
  EXPECT_EQ(sizes, (std::set<size_t>{0, 512, 1024, 1536, 2048}));
}

TEST_F(CrashPolicyTest, TornAtAByteCutsAnywhereButNeverKeepsTheWhole) {
  write("/d/a", 0, "0123456789", false);
  const DiskImage before = disk_.snapshot();
  std::set<std::string> left;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    disk_.restore(before);
    crash(Data::torn_at_byte, Names::kept, seed);
    left.insert(read("/d/a"));
  }
  EXPECT_EQ(left.size(), 10u);
  EXPECT_EQ(left.count("0123456789"), 0u);
}

TEST_F(CrashPolicyTest, RandomSectorsOfDifferentWritesSurviveOutOfOrder) {
  write("/d/a", 0, std::string(1024, 'o'), true);
  write("/d/a", 0, std::string(1024, 'p'), false);
  write("/d/a", 0, std::string(1024, 'q'), false);
  const DiskImage before = disk_.snapshot();
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    disk_.restore(before);
    crash(Data::random_sectors, Names::kept, seed);
    // The name was never synced, but it is kept; each sector is of one write as a whole.
    const std::string bytes = read("/d/a");
    ASSERT_EQ(bytes.size(), 1024u);
    EXPECT_EQ(bytes, std::string(512, bytes[0]) + std::string(512, bytes[512]));
    seen.insert({bytes[0], bytes[512]});
  }
  EXPECT_EQ(seen.size(), 9u);  // Every pair of o, p and q.
}

TEST_F(CrashPolicyTest, ANameNotSyncedIsLostThoughItsFileWasSynced) {
  write("/d/a", 0, "bytes", true);
  crash(Data::kept, Names::lost);
  EXPECT_EQ(read("/d/a"), "(none)");
}

TEST_F(CrashPolicyTest, ALostRenameLeavesTheOldNamesAndALostRemovalTheFile) {
  write("/d/a", 0, "new", true);
  write("/d/b", 0, "old", true);
  write("/d/c", 0, "gone", true);
  sync_names();
  ASSERT_TRUE(files_->rename("/d/a", "/d/b").has_value());
  ASSERT_TRUE(files_->remove("/d/c").has_value());
  EXPECT_EQ(read("/d/b"), "new");
  const DiskImage before = disk_.snapshot();
  crash(Data::dropped, Names::lost);
  EXPECT_EQ(read("/d/a") + read("/d/b") + read("/d/c"), "newoldgone");
  disk_.restore(before);
  crash(Data::dropped, Names::kept);
  EXPECT_EQ(read("/d/a") + read("/d/b") + read("/d/c"), "(none)new(none)");
}

TEST_F(CrashPolicyTest, RandomNamesLoseSomeChangesButNoneBeforeALaterOneOfTheName) {
  write("/d/a", 0, "a", true);
  ASSERT_TRUE(files_->rename("/d/a", "/d/b").has_value());
  write("/d/x", 0, "x", true);
  const DiskImage before = disk_.snapshot();
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    disk_.restore(before);
    crash(Data::dropped, Names::random, seed);
    std::string names;
    const auto listed = files_->list("/d");
    for (const std::string& name : *listed) names += name;
    seen.insert(names);
  }
  EXPECT_EQ(seen, (std::set<std::string>{"", "a", "b", "x", "ax", "bx"}));
}

TEST_F(CrashPolicyTest, ARenameBetweenDirectoriesIsDurableWithEither) {
  ASSERT_TRUE(files_->make_directories("/e").has_value());
  write("/d/a", 0, "a", true);
  ASSERT_TRUE(files_->rename("/d/a", "/e/a").has_value());
  ASSERT_TRUE(files_->sync_directory("/e").has_value());
  crash(Data::dropped, Names::lost);
  EXPECT_EQ(read("/d/a") + read("/e/a"), "(none)a");
}

TEST_F(CrashPolicyTest, WritesOfAFailedSyncAreReadUntilTheCrashThoughALaterSyncSucceeds) {
  auto file = std::move(*files_->open("/d/a", OpenMode::write));
  sync_names();
  const std::string zeros(512, '\0'), kept(512, 'k');
  std::set<std::string> left;
  const DiskImage before = disk_.snapshot();
  for (int round = 0; round < 50; ++round) {
    disk_.restore(before);
    files_ = std::make_unique<SimFileSystem>(disk_);
    file = std::move(*files_->open("/d/a", OpenMode::write));
    ASSERT_TRUE(file->write_at(0, std::string(512, 'l')).has_value());
    disk_.fail_nth(1, FaultKind::sync, false);
    EXPECT_FALSE(file->sync().has_value());
    ASSERT_TRUE(file->write_at(512, kept).has_value());
    EXPECT_TRUE(file->sync().has_value());
    EXPECT_EQ(read("/d/a"), std::string(512, 'l') + kept);
    crash(Data::kept, Names::kept);
    left.insert(read("/d/a"));
  }
  // The failed sync may have written its sector or not; a later power loss does not decide that.
  EXPECT_EQ(left, (std::set<std::string>{zeros + kept, std::string(512, 'l') + kept}));
}

TEST_F(CrashPolicyTest, WhatAFailedSyncLostNeverComesBackOverLaterSyncedWrites) {
  auto file = std::move(*files_->open("/d/a", OpenMode::write));
  sync_names();
  ASSERT_TRUE(file->write_at(0, "lost").has_value());
  disk_.fail_nth(1, FaultKind::sync, false);
  EXPECT_FALSE(file->sync().has_value());
  ASSERT_TRUE(file->truncate(0).has_value());
  ASSERT_TRUE(file->write_at(0, "new").has_value());
  EXPECT_TRUE(file->sync().has_value());
  const DiskImage before = disk_.snapshot();
  for (uint64_t seed = 0; seed < 50; ++seed) {
    disk_.restore(before);
    crash(Data::random_sectors, Names::kept, seed);
    EXPECT_EQ(read("/d/a"), "new");
  }
}

TEST_F(CrashPolicyTest, WritesOfAFailedSyncCanBeKeptForTheNextByChoice) {
  disk_.set_after_failed_sync(AfterFailedSync::still_dirty);
  auto file = std::move(*files_->open("/d/a", OpenMode::write));
  sync_names();
  ASSERT_TRUE(file->write_at(0, "kept").has_value());
  disk_.fail_nth(1, FaultKind::sync, false);
  EXPECT_FALSE(file->sync().has_value());
  EXPECT_TRUE(file->sync().has_value());
  crash(Data::dropped, Names::lost);
  EXPECT_EQ(read("/d/a"), "kept");
}

TEST_F(CrashPolicyTest, TheTraceReplaysEveryPrefix) {
  write("/d/a", 0, "0", true);
  sync_names();
  disk_.record(true);
  write("/d/a", 1, "1", true);
  write("/d/a", 2, "2", false);
  ASSERT_TRUE(files_->rename("/d/a", "/d/b").has_value());
  sync_names();
  ASSERT_EQ(disk_.trace().size(), 5u);
  EXPECT_EQ(to_string(disk_.trace()[0]), "write /d/a @1 +1");
  const std::vector<std::string> dropped = {"0", "0", "01", "01", "01", "01"};
  const std::vector<std::string> kept = {"0", "01", "01", "012", "012", "012"};
  const auto left_after = [&](size_t n, CrashPolicy policy) {
    Random random(1);
    SimDisk crashed;
    crashed.restore(disk_.state_after(n, policy, random));
    const std::vector<std::string> paths = crashed.image().paths();
    EXPECT_EQ(paths.size(), 1u);
    std::string bytes(10, '?');
    bytes.resize(crashed.image().bytes(*crashed.image().find(paths[0])).read(0, bytes));
    return paths[0] + "=" + bytes;
  };
  for (size_t n = 0; n <= 5; ++n) {
    EXPECT_EQ(left_after(n, {Data::dropped, Names::lost}),
              (n < 5 ? "/d/a=" : "/d/b=") + dropped[n]);
    EXPECT_EQ(left_after(n, {Data::kept, Names::kept}), (n < 4 ? "/d/a=" : "/d/b=") + kept[n]);
  }
  // Going back replays from the beginning.
  EXPECT_EQ(left_after(1, {Data::kept, Names::kept}), "/d/a=01");
}

}  // namespace
}  // namespace kv
