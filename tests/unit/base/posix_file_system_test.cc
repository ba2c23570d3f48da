#include "libkv/base/posix_file_system.h"

#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "libkv/base/posix_environment.h"
#include "libkv/base/random.h"

namespace kv {
namespace {

class PosixFileSystemTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "kv-posix-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string path(const std::string& name) const { return directory_ + "/" + name; }
  std::unique_ptr<File> open(const std::string& name, OpenMode mode = OpenMode::write) {
    auto file = files_.open(path(name), mode);
    EXPECT_TRUE(file.has_value()) << file.error().what;
    return std::move(*file);
  }
  static std::string contents(File& file, uint64_t offset, size_t length) {
    std::string bytes(length, '?');
    auto got = file.read_at(offset, bytes);
    EXPECT_TRUE(got.has_value());
    bytes.resize(*got);
    return bytes;
  }

  PosixFileSystem files_;
  std::string directory_;
};

TEST_F(PosixFileSystemTest, ReadsWhatWasWrittenAndIsShortOnlyAtTheEnd) {
  auto file = open("a");
  ASSERT_TRUE(file->write_at(3, "hello").has_value());
  ASSERT_TRUE(file->sync().has_value());
  EXPECT_EQ(contents(*file, 0, 100), std::string("\0\0\0hello", 8));
  EXPECT_EQ(contents(*file, 8, 10), "");
  EXPECT_EQ(*file->size(), 8u);
  ASSERT_TRUE(file->truncate(4).has_value());
  EXPECT_EQ(contents(*file, 3, 10), "h");
}

TEST_F(PosixFileSystemTest, RoomIsGivenWithoutWriting) {
  auto file = open("a");
  ASSERT_TRUE(file->write_at(0, "hello").has_value());
  const auto reserved = file->reserve(8);
  ASSERT_TRUE(reserved) << reserved.error().what;
  if (!*reserved) {
    EXPECT_EQ(contents(*file, 0, 100), "hello");
    GTEST_SKIP() << "this file system cannot";
  }
  EXPECT_EQ(contents(*file, 0, 100), std::string("hello\0\0\0", 8));
  EXPECT_TRUE(*file->reserve(2));
  EXPECT_EQ(contents(*file, 0, 100), std::string("hello\0\0\0", 8)) << "it takes nothing away";
}

TEST_F(PosixFileSystemTest, WhatTheSystemHasInMemoryIsReadWithoutWaiting) {
  auto file = open("a");
  ASSERT_TRUE(file->write_at(0, "hello").has_value());
  std::string bytes(3, '?');
  const auto got = file->read_cached_at(1, bytes);
  ASSERT_TRUE(got) << got.error().what;
  // Some file systems cannot tell; none may give anything else.
  if (*got == 0) GTEST_SKIP() << "this file system does not say what is in memory";
  EXPECT_EQ(*got, 3u);
  EXPECT_EQ(bytes, "ell");
  EXPECT_EQ(*file->read_cached_at(5, bytes), 0u) << "beyond the end there is nothing";
}

TEST_F(PosixFileSystemTest, DirectReadsAreThoseOfAnyOtherFile) {
  std::string bytes(1'000'003, 'x');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 + i / 251);
  auto file = open("a");
  ASSERT_TRUE(file->write_at(0, bytes));
  ASSERT_TRUE(file->sync());
  const auto direct = open("a", OpenMode::read_direct);
  EXPECT_EQ(*direct->size(), bytes.size());
  // Within a sector, across its end, whole ones, more than a buffer, to the end and beyond it.
  for (const uint64_t offset : {0, 1, 4000, 4095, 4096, 8191, 262'144, 999'424, 999'500, 1'000'002})
    for (const size_t length : {1, 100, 4096, 4097, 8192, 262'144, 300'000, 1'000'003})
      ASSERT_TRUE(contents(*direct, offset, length) == bytes.substr(offset, length))
          << offset << " " << length;
  EXPECT_EQ(contents(*direct, 1'000'003, 10), "");
  EXPECT_EQ(contents(*direct, 2'000'000, 10), "");
  EXPECT_EQ(files_.open(path("none"), OpenMode::read_direct).error().kind, ErrorKind::not_found);
}

TEST_F(PosixFileSystemTest, ADirectReadOfWholeSectorsEndsAtTheirEnd) {
  auto file = open("a");
  ASSERT_TRUE(file->write_at(0, std::string(8192, 'y')));
  const auto direct = open("a", OpenMode::read_direct);
  EXPECT_EQ(contents(*direct, 0, 10'000), std::string(8192, 'y'));
  EXPECT_EQ(contents(*direct, 8192, 10), "");
}

TEST_F(PosixFileSystemTest, AMissingFileIsNotFoundAndNamed) {
  const auto file = files_.open(path("none"), OpenMode::read);
  ASSERT_FALSE(file.has_value());
  EXPECT_EQ(file.error().kind, ErrorKind::not_found);
  EXPECT_EQ(file.error().what, path("none") + ": open: No such file or directory");
}

TEST_F(PosixFileSystemTest, WriteNewRefusesAnExistingFile) {
  open("a", OpenMode::write_new);
  const auto again = files_.open(path("a"), OpenMode::write_new);
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().kind, ErrorKind::io);
}

TEST_F(PosixFileSystemTest, AFullDeviceIsNoSpace) {
  auto full = files_.open("/dev/full", OpenMode::write);
  if (!full) GTEST_SKIP() << full.error().what;
  const Status written = (*full)->write_at(0, "x");
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().kind, ErrorKind::no_space);
  EXPECT_EQ(written.error().what, "/dev/full: write: No space left on device");
}

TEST_F(PosixFileSystemTest, AShortWriteIsContinuedToItsError) {
  // A file size limit in the middle of the write makes the kernel write a part of it first.
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
  auto file = open("a");
  const rlimit limited{1000, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limited), 0);
  const Status written = file->write_at(0, std::string(3000, 'x'));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().what, path("a") + ": write: File too large");
  EXPECT_EQ(*file->size(), 1000u);
}

TEST_F(PosixFileSystemTest, NamesAreListedInOrderRenamedLinkedAndRemoved) {
  for (const char* name : {"c", "a", "b"}) open(name);
  ASSERT_TRUE(files_.rename(path("c"), path("d")).has_value());
  ASSERT_TRUE(files_.hard_link(path("a"), path("e")).has_value());
  ASSERT_TRUE(files_.remove(path("b")).has_value());
  ASSERT_TRUE(files_.sync_directory(directory_).has_value());
  EXPECT_EQ(*files_.list(directory_), (std::vector<std::string>{"a", "d", "e"}));
  EXPECT_TRUE(*files_.exists(path("d")));
  EXPECT_FALSE(*files_.exists(path("c")));
  EXPECT_EQ(files_.remove(path("c")).error().kind, ErrorKind::not_found);
  EXPECT_EQ(files_.list(path("none")).error().kind, ErrorKind::not_found);
}

TEST_F(PosixFileSystemTest, DirectoriesAreMadeWithTheirParents) {
  ASSERT_TRUE(files_.make_directories(path("x/y/z/")).has_value());
  ASSERT_TRUE(files_.make_directories(path("x/y/z")).has_value());
  EXPECT_TRUE(*files_.exists(path("x/y/z")));
  open("x/file");
  EXPECT_FALSE(files_.make_directories(path("x/file")).has_value());
  EXPECT_FALSE(files_.make_directories(path("x/file/below")).has_value());
}

TEST_F(PosixFileSystemTest, ADirectoryIsHeldOnceUntilItsLockEnds) {
  auto lock = files_.lock_directory(directory_);
  ASSERT_TRUE(lock.has_value());
  const auto second = files_.lock_directory(directory_);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().kind, ErrorKind::locked);
  lock->reset();
  EXPECT_TRUE(files_.lock_directory(directory_).has_value());
}

TEST_F(PosixFileSystemTest, ReadersOfADirectoryExcludeItsDaemonAlone) {
  const auto none = files_.lock_directory_for_reading(directory_);
  ASSERT_TRUE(none.has_value());
  EXPECT_EQ(*none, nullptr);
  EXPECT_FALSE(*files_.exists(path("LOCK")));
  auto daemon = files_.lock_directory(directory_);
  ASSERT_TRUE(daemon.has_value());
  EXPECT_EQ(files_.lock_directory_for_reading(directory_).error().kind, ErrorKind::locked);
  daemon->reset();
  const auto one = files_.lock_directory_for_reading(directory_);
  const auto two = files_.lock_directory_for_reading(directory_);
  ASSERT_TRUE(one.has_value());
  EXPECT_TRUE(two.has_value());
  EXPECT_NE(*one, nullptr);
  EXPECT_EQ(files_.lock_directory(directory_).error().kind, ErrorKind::locked);
}

TEST_F(PosixFileSystemTest, WritesThroughThePageCacheAndThoseIntoItMakeOneFile) {
  constexpr size_t kPages = 16;
  const auto file = files_.open(path("a"), OpenMode::write_through);
  ASSERT_TRUE(file.has_value());
  std::string expected(kPages * kFilePageBytes, '\0');
  ASSERT_TRUE((*file)->write_at(0, expected));
  ASSERT_TRUE((*file)->sync());
  alignas(kFilePageBytes) static char pages[kPages * kFilePageBytes];
  Random random(3);
  for (int i = 0; i < 300; ++i) {
    const bool whole_pages = random.below(2) == 0;
    const size_t unit = whole_pages ? kFilePageBytes : 1;
    const size_t from = random.below(expected.size() / unit) * unit;
    const size_t size =
        std::min(random.below(4 * kFilePageBytes) / unit * unit + unit, expected.size() - from);
    std::memset(pages, 'a' + i % 26, size);
    const BytesView bytes(pages, size);
    if (random.below(3) == 0) {
      ASSERT_TRUE((*file)->write_at(from, bytes) && (*file)->sync());
    } else {
      ASSERT_TRUE((*file)->write_synced_at(from, bytes));
    }
    expected.replace(from, size, bytes);
    std::string read(expected.size(), '\0');
    ASSERT_EQ((*file)->read_at(0, read).value_or(0), read.size());
    ASSERT_EQ(read, expected) << i;
  }
}

TEST_F(PosixFileSystemTest, RangeLocksConflictAsReadersAndWritersDo) {
  using Lock = File::RangeLock;
  auto one = open("a");
  auto two = open("a");
  EXPECT_TRUE(*one->lock_range(0, 10, Lock::shared));
  EXPECT_TRUE(*two->lock_range(5, 10, Lock::shared));
  EXPECT_FALSE(*two->lock_range(5, 10, Lock::exclusive));
  EXPECT_TRUE(*two->lock_range(10, 5, Lock::exclusive));
  EXPECT_TRUE(*one->range_is_locked(0, 20));
  EXPECT_FALSE(*one->range_is_locked(0, 10));
  EXPECT_FALSE(*two->range_is_locked(0, 20));
  // Closing another File of the path must not drop the locks of this one.
  open("a").reset();
  EXPECT_FALSE(*one->lock_range(10, 1, Lock::shared));
  two.reset();
  EXPECT_TRUE(*one->lock_range(0, 20, Lock::exclusive));
}

TEST_F(PosixFileSystemTest, FreeBytesAreCounted) {
  EXPECT_GT(*files_.free_bytes(directory_), 0u);
  EXPECT_EQ(files_.free_bytes(path("none")).error().kind, ErrorKind::not_found);
}

TEST(SystemClockTest, TheMonotonicClockNeverGoesBackAndWallTimeIsOfThisCentury) {
  SystemClock clock;
  const Instant before = clock.now();
  EXPECT_LE(before, clock.now());
  EXPECT_GT(microseconds_of(clock.wall()), int64_t{1'700'000'000} * 1'000'000);
}

TEST(SystemEntropyTest, TwoDrawsDiffer) {
  EXPECT_NE(system_entropy(), system_entropy());
}

}  // namespace
}  // namespace kv
