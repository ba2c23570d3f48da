#include "libkv/net/event_loop.h"

#include <csignal>
#include <thread>

#include <gtest/gtest.h>
#include <pthread.h>

#include "libkv/base/posix_file_system.h"
#include "tests/unit/net/loop_fixture.h"

namespace kv {
namespace {

TEST(EventLoop, TicksWhenItIsDueAndNotBefore) {
  TestLoop test;
  const Instant due = test.clock.now() + 5ms;
  test.handler.wake = due;
  ASSERT_TRUE(test.until([&] { return test.handler.ticks == 1; }));
  EXPECT_GE(test.clock.now(), due);
  test.loop.turn(test.handler, 0ms);
  EXPECT_EQ(test.handler.ticks, 1);
}

TEST(EventLoop, ATickThatIsDueDoesNotWait) {
  TestLoop test;
  test.handler.wake = Instant();
  test.loop.turn(test.handler, Duration::max());
  EXPECT_EQ(test.handler.ticks, 1);
  EXPECT_EQ(test.handler.turns, 1);
}

TEST(EventLoop, RunsCompletionsOnItsThread) {
  ThreadExecutor executor;
  TestLoop test({}, &executor);
  std::thread::id completed;
  executor.run(
      Lane::log_sync, [] {}, [&] { completed = std::this_thread::get_id(); });
  ASSERT_TRUE(test.until([&] { return executor.queued() == 0; }));
  EXPECT_EQ(completed, std::this_thread::get_id());
}

TEST(EventLoop, TheReadsOfATurnReachTheKernelByThemselves) {
  SocketDirectory directory;
  PosixFileSystem files;
  ThreadExecutor executor;
  TestLoop test({}, &executor);
  const auto read = std::make_shared<FileRead>();
  read->file = std::move(*files.open(directory.path("file"), OpenMode::write));
  ASSERT_TRUE(read->file->write_at(0, "0123456789"));
  read->offset = 2;
  read->length = 5;
  std::string came;
  if (!executor.begin_read(read, [&] { came = read->bytes->view(); })) GTEST_SKIP() << "no ring";
  ASSERT_TRUE(test.until([&] { return executor.queued() == 0; }));
  EXPECT_EQ(came, "23456");
}

TEST(EventLoop, StopsFromAnotherThread) {
  TestLoop test;
  std::thread stopper([&] { test.loop.stop(); });
  test.loop.run(test.handler);
  stopper.join();
  EXPECT_EQ(test.loop.stop_signal(), 0);
  test.loop.run(test.handler);  // Remembered: returns at once.
  // The stop is read, so that later turns wait again: after one turn nothing is readable.
  test.loop.turn(test.handler, 0ms);
  const Instant before = test.clock.now();
  test.loop.turn(test.handler, 2ms);
  EXPECT_GE(test.clock.now() - before, 2ms);
}

TEST(EventLoop, StopsAtASignalAndRestoresTheMask) {
  SteadyClock clock;
  sigset_t mask;
  {
    EventLoop loop(clock, nullptr);
    Collector handler;
    pthread_kill(pthread_self(), SIGTERM);
    loop.run(handler);
    EXPECT_EQ(loop.stop_signal(), SIGTERM);
    EXPECT_EQ(handler.turns, 1);
  }
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  EXPECT_EQ(sigismember(&mask, SIGTERM), 0);
}

}  // namespace
}  // namespace kv
