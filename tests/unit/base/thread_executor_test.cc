#include "libkv/base/thread_executor.h"

#include <atomic>
#include <csignal>
#include <future>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "libkv/base/posix_file_system.h"

namespace kv {
namespace {

bool readable(int fd) {
  pollfd waiting{fd, POLLIN, 0};
  return poll(&waiting, 1, 0) == 1;
}

bool wait_readable(int fd) {
  pollfd waiting{fd, POLLIN, 0};
  return poll(&waiting, 1, 10'000) == 1;
}

TEST(ThreadExecutor, CompletesOnTheLoopsThreadAfterTheWork) {
  ThreadExecutor executor;
  std::thread::id worked;
  std::thread::id completed;
  executor.run(
      Lane::log_sync, [&] { worked = std::this_thread::get_id(); },
      [&] { completed = std::this_thread::get_id(); });
  ASSERT_TRUE(executor.drain(10s));
  EXPECT_NE(worked, std::this_thread::get_id());
  EXPECT_NE(worked, std::thread::id());
  EXPECT_EQ(completed, std::this_thread::get_id());
  EXPECT_EQ(executor.queued(), 0u);
}

TEST(ThreadExecutor, KeepsTheOrderOfALane) {
  ThreadExecutor executor({.read_threads = 1, .completions_per_call = 7});
  std::vector<int> works;
  std::vector<int> completions;
  for (int i = 0; i < 1000; ++i)
    executor.run(
        Lane::log_sync, [&works, i] { works.push_back(i); },
        [&completions, i] { completions.push_back(i); });
  ASSERT_TRUE(executor.drain(10s));
  ASSERT_EQ(works.size(), 1000u);
  for (size_t i = 0; i < works.size(); ++i) {
    EXPECT_EQ(works[i], static_cast<int>(i));
    EXPECT_EQ(completions[i], static_cast<int>(i));
  }
}

TEST(ThreadExecutor, TheDescriptorIsReadableExactlyWhileCompletionsWait) {
  ThreadExecutor executor({.read_threads = 1, .completions_per_call = 2});
  EXPECT_FALSE(readable(executor.completion_fd()));
  std::promise<void> last;
  for (int i = 0; i < 5; ++i)
    executor.run(
        Lane::background, [] {}, [] {});
  executor.run(
      Lane::background, [&] { last.set_value(); }, nullptr);
  last.get_future().wait();
  // The first five are queued; the sixth may be a moment behind.
  ASSERT_TRUE(wait_readable(executor.completion_fd()));
  EXPECT_EQ(executor.run_completions(), 2u);
  EXPECT_TRUE(readable(executor.completion_fd()));
  EXPECT_EQ(executor.run_completions(), 2u);
  EXPECT_TRUE(readable(executor.completion_fd()));
  ASSERT_TRUE(executor.drain(10s));
  EXPECT_FALSE(readable(executor.completion_fd()));
  EXPECT_EQ(executor.run_completions(), 0u);
}

TEST(ThreadExecutor, ReadsRunSideBySide) {
  ThreadExecutor executor({.read_threads = 2});
  std::promise<void> first_met;
  std::promise<void> second_met;
  // Each waits for the other: with one thread this could not end.
  executor.run(
      Lane::read, [&] { first_met.set_value(), second_met.get_future().wait(); }, nullptr);
  executor.run(
      Lane::read, [&] { second_met.set_value(), first_met.get_future().wait(); }, nullptr);
  EXPECT_TRUE(executor.drain(10s));
}

TEST(ThreadExecutor, LanesDoNotHoldUpOneAnother) {
  ThreadExecutor executor;
  std::promise<void> release;
  executor.run(
      Lane::background, [&] { release.get_future().wait(); }, nullptr);
  bool synced = false;
  executor.run(
      Lane::log_sync, [] {}, [&] { synced = true; });
  ASSERT_TRUE(wait_readable(executor.completion_fd()));
  executor.run_completions();
  EXPECT_TRUE(synced);
  EXPECT_FALSE(executor.drain(0s));
  release.set_value();
  EXPECT_TRUE(executor.drain(10s));
}

TEST(ThreadExecutor, ACompletionMayQueueMoreAndDrainWaitsForIt) {
  ThreadExecutor executor;
  int rounds = 0;
  std::function<void()> again = [&] {
    if (++rounds < 5)
      executor.run(
          Lane::log_sync, [] {}, again);
  };
  executor.run(
      Lane::log_sync, [] {}, again);
  ASSERT_TRUE(executor.drain(10s));
  EXPECT_EQ(rounds, 5);
}

TEST(ThreadExecutor, ItsThreadsAreNamedAndTakeNoSignals) {
  ThreadExecutor executor;
  std::string name;
  bool term_blocked = false;
  executor.run(
      Lane::read,
      [&] {
        char text[16] = {};
        pthread_getname_np(pthread_self(), text, sizeof text);
        name = text;
        sigset_t mask;
        pthread_sigmask(SIG_SETMASK, nullptr, &mask);
        term_blocked = sigismember(&mask, SIGTERM) == 1;
      },
      nullptr);
  ASSERT_TRUE(executor.drain(10s));
  EXPECT_EQ(name, "kv-read-0");
  EXPECT_TRUE(term_blocked);
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  EXPECT_EQ(sigismember(&mask, SIGTERM), 0) << "the loop's own mask must be as before";
}

TEST(ThreadExecutor, TheDestructorFinishesWhatHasBegunAndCompletesNothing) {
  std::promise<void> begun;
  std::promise<void> release;
  bool finished = false;
  bool completed = false;
  auto witness = std::make_shared<int>(0);
  {
    ThreadExecutor executor;
    executor.run(
        Lane::background,
        [&] {
          begun.set_value();
          release.get_future().wait();
          finished = true;
        },
        [&] { completed = true; });
    executor.run(
        Lane::background, [witness] {}, [&, witness] { completed = true; });
    begun.get_future().wait();
    release.set_value();
  }
  EXPECT_TRUE(finished);
  EXPECT_FALSE(completed);
  EXPECT_EQ(witness.use_count(), 1) << "what dropped work captured is freed";
}

/// A file of its own name, as long as this lives.
class ReadFile {
 public:
  explicit ReadFile(const std::string& bytes) {
    path_ = testing::TempDir() + "kv-thread-executor-" + std::to_string(::getpid());
    const auto made = files_.open(path_, OpenMode::write);
    EXPECT_TRUE(made && (*made)->truncate(0) && (*made)->write_at(0, bytes));
  }
  ~ReadFile() { EXPECT_TRUE(files_.remove(path_)); }
  std::shared_ptr<FileRead> read(uint64_t offset, size_t length) {
    auto read = std::make_shared<FileRead>();
    read->file = std::move(*files_.open(path_, OpenMode::read));
    read->offset = offset;
    read->length = length;
    return read;
  }

 private:
  PosixFileSystem files_;
  std::string path_;
};

TEST(ThreadExecutor, ReadsCompleteInALaterTurn) {
  ThreadExecutor executor;
  ReadFile file("0123456789");
  std::string came;
  const auto read = file.read(3, 4);
  if (!executor.begin_read(read, [&] { came = read->bytes->view(); })) GTEST_SKIP() << "no ring";
  EXPECT_EQ(executor.queued(), 1u);
  EXPECT_FALSE(readable(executor.completion_fd())) << "nothing is asked of the kernel before";
  executor.submit_reads();
  ASSERT_TRUE(wait_readable(executor.completion_fd()));
  EXPECT_EQ(came, "");
  EXPECT_EQ(executor.run_completions(), 1u);
  EXPECT_EQ(came, "3456");
  EXPECT_EQ(executor.queued(), 0u);
  EXPECT_FALSE(readable(executor.completion_fd()));
}

TEST(ThreadExecutor, DrainWaitsForReadsAndForWhatTheyBegin) {
  ThreadExecutor executor;
  ReadFile file("0123456789");
  int over = 0;
  std::function<void()> again = [&] {
    if (++over < 5) {
      ASSERT_TRUE(executor.begin_read(file.read(0, 10), again));
    }
  };
  if (!executor.begin_read(file.read(0, 10), again)) GTEST_SKIP() << "no ring";
  executor.run(
      Lane::read, [] {}, [] {});
  ASSERT_TRUE(executor.drain(10s));
  EXPECT_EQ(over, 5);
}

TEST(ThreadExecutor, AReadThatWasWaitedForStillCompletes) {
  ThreadExecutor executor;
  ReadFile file("0123456789");
  int over = 0;
  const auto other = file.read(0, 1), wanted = file.read(2, 3);
  if (!executor.begin_read(other, [&] { ++over; })) GTEST_SKIP() << "no ring";
  ASSERT_TRUE(executor.begin_read(wanted, [&] { ++over; }));
  executor.finish_read(*wanted);
  EXPECT_TRUE(wanted->is_over);
  EXPECT_EQ(wanted->bytes->view(), "234");
  EXPECT_EQ(over, 0);
  executor.finish_read(*other);
  ASSERT_TRUE(wait_readable(executor.completion_fd()));
  EXPECT_EQ(executor.run_completions(), 2u);
  EXPECT_EQ(over, 2);
}

TEST(ThreadExecutor, WithoutARingItTakesNoReads) {
  ThreadExecutor executor({.use_read_ring = false});
  ReadFile file("0123456789");
  EXPECT_FALSE(executor.begin_read(file.read(0, 10), [] {}));
  EXPECT_EQ(executor.queued(), 0u);
}

TEST(ThreadExecutor, TheDestructorWaitsForReadsAndCompletesNone) {
  const auto witness = std::make_shared<int>(0);
  ReadFile file(std::string(100'000, 'x'));
  std::vector<std::shared_ptr<FileRead>> reads;
  {
    ThreadExecutor executor;
    for (int i = 0; i < 100; ++i) {
      reads.push_back(file.read(static_cast<uint64_t>(i) * 1000, 1000));
      if (!executor.begin_read(reads.back(), [witness] { ++*witness; })) GTEST_SKIP() << "no ring";
      if (i == 50) executor.submit_reads();
    }
  }
  EXPECT_EQ(witness.use_count(), 1);
  EXPECT_EQ(*witness, 0);
  for (const auto& read : reads) {
    EXPECT_TRUE(read->is_over);
    EXPECT_EQ(read->bytes->view(), std::string(1000, 'x'));
  }
}

TEST(ThreadExecutor, ManyWorksOnAllLanesAllComplete) {
  ThreadExecutor executor({.read_threads = 3, .completions_per_call = 16});
  std::atomic<int> works{0};
  int completions = 0;
  for (int i = 0; i < 6000; ++i)
    executor.run(
        static_cast<Lane>(i % 3), [&] { ++works; }, [&] { ++completions; });
  while (executor.queued() > 0) {
    ASSERT_TRUE(wait_readable(executor.completion_fd()));
    executor.run_completions();
  }
  EXPECT_EQ(works, 6000);
  EXPECT_EQ(completions, 6000);
}

}  // namespace
}  // namespace kv
