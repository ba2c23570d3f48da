// What is written over a file system stays in memory, and reads as if it had been written.
#include "libkv/base/scratch_file_system.h"

#include <gtest/gtest.h>

#include "libkv/base/random.h"
#include "tests/sim/sim_file_system.h"

namespace kv {
namespace {

class ScratchFileSystemTest : public testing::Test {
 public:
  ScratchFileSystemTest() : beneath_(disk_), scratch_(beneath_) {
    EXPECT_TRUE(beneath_.make_directories("/d"));
    put(beneath_, "/d/a", std::string(9000, 'a'));
  }
  static void put(FileSystem& files, const std::string& path, const std::string& bytes) {
    EXPECT_TRUE((*files.open(path, OpenMode::write))->write_at(0, bytes));
  }
  static std::string get(FileSystem& files, const std::string& path) {
    const auto file = files.open(path, OpenMode::read);
    if (!file) return "missing";
    std::string bytes(static_cast<size_t>(*(*file)->size()), '\0');
    EXPECT_EQ(*(*file)->read_at(0, bytes), bytes.size());
    return bytes;
  }
  SimDisk disk_;
  SimFileSystem beneath_;
  ScratchFileSystem scratch_;
};

TEST_F(ScratchFileSystemTest, WhatIsWrittenShowsHereAlone) {
  put(scratch_, "/d/a", "new");
  put(scratch_, "/d/b", "made");
  EXPECT_EQ(get(scratch_, "/d/a"), "new" + std::string(8997, 'a'));
  EXPECT_EQ(get(scratch_, "/d/b"), "made");
  EXPECT_EQ(*scratch_.list("/d"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(get(beneath_, "/d/a"), std::string(9000, 'a'));
  EXPECT_EQ(*beneath_.list("/d"), std::vector<std::string>{"a"});
}

TEST_F(ScratchFileSystemTest, RemovedAndRenamedFilesAreGoneHereAlone) {
  ASSERT_TRUE(scratch_.rename("/d/a", "/d/c"));
  EXPECT_EQ(get(scratch_, "/d/c"), std::string(9000, 'a'));
  EXPECT_FALSE(*scratch_.exists("/d/a"));
  ASSERT_TRUE(scratch_.remove("/d/c"));
  EXPECT_TRUE(scratch_.list("/d")->empty());
  EXPECT_EQ(scratch_.remove("/d/c").error().kind, ErrorKind::not_found);
  EXPECT_EQ(scratch_.open("/d/c", OpenMode::read).error().kind, ErrorKind::not_found);
  EXPECT_TRUE(scratch_.open("/d/c", OpenMode::write_new));
  EXPECT_EQ(*beneath_.list("/d"), std::vector<std::string>{"a"});
}

TEST_F(ScratchFileSystemTest, WhatWasCutOffDoesNotComeBack) {
  const auto file = *scratch_.open("/d/a", OpenMode::write);
  ASSERT_TRUE(file->write_at(4000, "xxxx"));
  ASSERT_TRUE(file->truncate(4002));
  ASSERT_TRUE(file->write_at(8999, "z"));
  EXPECT_EQ(get(scratch_, "/d/a"), std::string(4000, 'a') + "xx" + std::string(4997, '\0') + "z");
}

TEST_F(ScratchFileSystemTest, ReadsAsAStringWouldAfterAnyWrites) {
  Random random(3);
  std::string expected(9000, 'a');
  const auto file = *scratch_.open("/d/a", OpenMode::write);
  for (int i = 0; i < 300; ++i) {
    const uint64_t offset = random.below(20000);
    if (random.below(5) == 0) {
      ASSERT_TRUE(file->truncate(offset));
      expected.resize(offset, '\0');
      continue;
    }
    const std::string bytes(random.below(6000) + 1, static_cast<char>('b' + i % 20));
    ASSERT_TRUE(file->write_at(offset, bytes));
    expected.resize(std::max<size_t>(expected.size(), offset + bytes.size()), '\0');
    expected.replace(offset, bytes.size(), bytes);
    ASSERT_EQ(get(scratch_, "/d/a"), expected);
  }
}

}  // namespace
}  // namespace kv
