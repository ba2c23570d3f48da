#include "libkv/base/read_ring.h"

#include <cerrno>
#include <filesystem>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libkv/base/limits.h"
#include "libkv/base/posix_file.h"
#include "libkv/base/posix_file_system.h"
#include "libkv/base/random.h"

namespace kv {
namespace {

constexpr size_t kFileBytes = 300'007;  // Not the multiple of a page.

/// By the page cache, and past it.
class ReadRingTest : public testing::TestWithParam<OpenMode> {
 public:
  void SetUp() override {
    ring_ = open_read_ring(wake_fd_);
    if (ring_ == nullptr) GTEST_SKIP() << "no ring";
    for (size_t i = 0; i < kFileBytes; ++i)
      bytes_.push_back(static_cast<char>('a' + random_.below(26)));
    const auto made = files_.open(path_, OpenMode::write);
    ASSERT_TRUE(made && (*made)->truncate(0) && (*made)->write_at(0, bytes_) && (*made)->sync());
    file_ = std::move(*files_.open(path_, GetParam()));
  }
  ~ReadRingTest() override {
    ::close(wake_fd_);
    std::filesystem::remove(path_);
  }

  std::shared_ptr<FileRead> begin(uint64_t offset, size_t length) {
    auto read = std::make_shared<FileRead>();
    read->file = file_;
    read->offset = offset;
    read->length = length;
    EXPECT_TRUE(ring_->begin(read, [this] { ++completed_; }));
    return read;
  }
  /// Returns what came.
  BytesView finished(const FileRead& read) {
    ring_->finish(read, completions_);
    EXPECT_TRUE(read.is_over);
    EXPECT_TRUE(read.bytes);
    return read.bytes->view();
  }
  BytesView at(uint64_t offset, size_t length) const {
    return BytesView(bytes_).substr(offset, length);
  }

  Random random_{7};
  PosixFileSystem files_;
  const std::string path_ = testing::TempDir() + "kv-read-ring-" + std::to_string(::getpid());
  const int wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  std::string bytes_;
  std::shared_ptr<File> file_;
  ReadRing::Completions completions_;
  int completed_ = 0;
  std::unique_ptr<ReadRing> ring_;
};

TEST_P(ReadRingTest, BringsTheVeryBytesThatWereAskedFor) {
  for (int round = 0; round < 20; ++round) {
    std::vector<std::shared_ptr<FileRead>> reads;
    for (size_t i = 0; i < limits::ring_reads_max; ++i) {
      const size_t length = 1 + random_.below(round == 0 ? limits::ring_read_bytes_max : 9'000);
      reads.push_back(begin(random_.below(kFileBytes - length), length));
    }
    for (const auto& read : reads) EXPECT_EQ(finished(*read), at(read->offset, read->length));
  }
  EXPECT_EQ(completions_.size(), 20 * limits::ring_reads_max);
  for (const auto& completion : completions_) completion();
  EXPECT_EQ(completed_, static_cast<int>(20 * limits::ring_reads_max));
}

TEST_P(ReadRingTest, IsShortAtTheEndOfTheFileOnly) {
  EXPECT_EQ(finished(*begin(kFileBytes - 10, 100)), at(kFileBytes - 10, 10));
  EXPECT_EQ(finished(*begin(kFileBytes - 5'000, 5'000)), at(kFileBytes - 5'000, 5'000));
  EXPECT_EQ(finished(*begin(kFileBytes, 10)), "");
  EXPECT_EQ(finished(*begin(kFileBytes + 50'000, 10)), "");
}

TEST_P(ReadRingTest, TakesNoMoreThanItsBounds) {
  auto large = std::make_shared<FileRead>();
  large->file = file_;
  large->length = limits::ring_read_bytes_max + 1;
  EXPECT_FALSE(ring_->begin(large, [] {}));
  std::vector<std::shared_ptr<FileRead>> reads;
  for (size_t i = 0; i < limits::ring_reads_max; ++i) reads.push_back(begin(i * 100, 100));
  auto surplus = std::make_shared<FileRead>(FileRead{file_, 0, 100});
  EXPECT_FALSE(ring_->begin(surplus, [] {}));
  for (const auto& read : reads) finished(*read);
  EXPECT_TRUE(ring_->begin(surplus, [] {})) << "there is room again";
  EXPECT_EQ(finished(*surplus), at(0, 100));
}

TEST_P(ReadRingTest, LeavesToAThreadWhatIsNotTheDevicesFault) {
  const std::string directory = testing::TempDir();
  auto read = std::make_shared<FileRead>();
  read->file = std::make_shared<PosixFile>(
      Descriptor(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)), directory);
  read->length = 10;
  ASSERT_TRUE(ring_->begin(read, [] {}));
  ring_->finish(*read, completions_);
  ASSERT_TRUE(read->bytes);
  EXPECT_TRUE(read->bytes->empty());
}

TEST_P(ReadRingTest, BytesOutliveTheRingAndItsLaterReads) {
  const auto first = begin(1'000, 5'000);
  const SharedBytes kept = (finished(*first), *first->bytes);
  for (int i = 0; i < 500; ++i) finished(*begin(20'000, 5'000));
  ring_.reset();
  EXPECT_EQ(kept.view(), at(1'000, 5'000));
}

TEST_P(ReadRingTest, AFileNobodyElseHoldsIsOpenUntilItsReadIsOver) {
  const std::weak_ptr<File> watched = file_;
  const auto read = begin(17, 4'000);
  file_.reset();
  EXPECT_FALSE(watched.expired());
  EXPECT_EQ(finished(*read), at(17, 4'000));
  EXPECT_TRUE(watched.expired());
}

/// For the calling thread, for ever: the kernel takes nothing from a ring. False: this process may
/// not ask for that.
bool refuse_submissions(unsigned code) {
  sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_enter, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | code),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{std::size(rules), rules};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/// Runs `work` where submissions fail with `code`.
void while_refused(unsigned code, const std::function<void()>& work) {
  bool refused = false;
  std::thread([&] {
    refused = refuse_submissions(code);
    if (refused) work();
  }).join();
  if (!refused) GTEST_SKIP() << "no filter of system calls";
}

TEST_P(ReadRingTest, WhatTheKernelDoesNotTakeNowIsOverAndLaterReadsGoOn) {
  const auto before = begin(100, 500);
  ASSERT_TRUE(ring_->submit());
  std::vector<std::shared_ptr<FileRead>> reads;
  while_refused(EAGAIN, [&] {
    for (size_t i = 0; i < 10; ++i) reads.push_back(begin(i * 1'000, 1'000));
    EXPECT_FALSE(ring_->submit());
    ring_->reap(completions_);
    EXPECT_TRUE(ring_->submit()) << "there is nothing to try again";
  });
  if (IsSkipped()) return;
  EXPECT_GE(completions_.size(), 10u);
  for (const auto& read : reads) {
    ASSERT_TRUE(read->is_over && read->bytes);
    EXPECT_TRUE(read->bytes->empty());
  }
  EXPECT_EQ(finished(*before), at(100, 500));
  for (size_t i = 0; i < 2 * limits::ring_reads_max; ++i)
    EXPECT_EQ(finished(*begin(i * 100, 700)), at(i * 100, 700));
  EXPECT_EQ(completions_.size(), 11 + 2 * limits::ring_reads_max) << "each read is over once";
}

TEST_P(ReadRingTest, ARingThatTakesNothingAnyMoreIsNotUsed) {
  const auto before = begin(100, 500);
  ASSERT_TRUE(ring_->submit());
  std::shared_ptr<FileRead> read;
  while_refused(EOPNOTSUPP, [&] {
    read = begin(0, 1'000);
    ring_->finish(*read, completions_);
    ring_->finish(*before, completions_);
  });
  if (IsSkipped()) return;
  EXPECT_TRUE(read->is_over && read->bytes && read->bytes->empty());
  EXPECT_EQ(finished(*before), at(100, 500)) << "what it took before is read";
  EXPECT_EQ(completions_.size(), 2u);
  EXPECT_FALSE(ring_->begin(std::make_shared<FileRead>(FileRead{file_, 0, 100}), [] {}));
  EXPECT_TRUE(ring_->submit());
}

INSTANTIATE_TEST_SUITE_P(Modes, ReadRingTest,
                         testing::Values(OpenMode::read, OpenMode::read_direct),
                         [](const auto& of) {
                           return of.param == OpenMode::read ? "cached" : "direct";
                         });

}  // namespace
}  // namespace kv
