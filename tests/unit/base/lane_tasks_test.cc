#include "libkv/base/lane_tasks.h"

#include <atomic>
#include <deque>
#include <thread>

#include <gtest/gtest.h>

namespace kv {
namespace {

/// Keeps everything until it is told to go on; or never.
class HeldExecutor final : public Executor {
 public:
  void run(Lane, std::function<void()> work, std::function<void()> done) override {
    held_.push_back({std::move(work), std::move(done)});
  }
  bool begin_read(const std::shared_ptr<FileRead>& read, std::function<void()> done) override {
    if (!takes_reads) return false;
    held_.push_back({[this, read] { finish_read(*read); }, std::move(done)});
    return true;
  }
  void finish_read(FileRead& read) override { reads += std::exchange(read.is_over, true) ? 0 : 1; }

  bool takes_reads = true;
  int reads = 0;
  void run_all() {
    while (!held_.empty()) {
      run_work();
      run_done();
    }
  }
  void run_work() { held_.front().first(); }
  void run_done() {
    const auto done = std::move(held_.front().second);
    held_.pop_front();
    done();
  }

 private:
  std::deque<std::pair<std::function<void()>, std::function<void()>>> held_;
};

TEST(LaneTasksTest, WorkAndDoneRunOnceInOrder) {
  HeldExecutor executor;
  LaneTasks tasks(executor);
  std::string trace;
  tasks.run(
      Lane::read, [&] { trace += "w"; }, [&] { trace += "d"; });
  EXPECT_EQ(trace, "");
  executor.run_all();
  EXPECT_EQ(trace, "wd");
  EXPECT_TRUE(tasks.empty());
  tasks.finish_all();
  EXPECT_EQ(trace, "wd");
}

TEST(LaneTasksTest, LaterIsNeverBeforeReturning) {
  HeldExecutor executor;
  LaneTasks tasks(executor);
  int told = 0;
  tasks.later(Lane::background, [&] { ++told; });
  EXPECT_EQ(told, 0);
  executor.run_all();
  EXPECT_EQ(told, 1);
  EXPECT_TRUE(tasks.empty());
}

TEST(LaneTasksTest, FinishRunsWhatNobodyHasBegun) {
  HeldExecutor executor;
  LaneTasks tasks(executor);
  std::string trace;
  tasks.run(
      Lane::read, [&] { trace += "1"; },
      [&] {
        tasks.run(
            Lane::read, [&] { trace += "2"; }, [&] { trace += "3"; });
      });
  tasks.finish_all();
  EXPECT_EQ(trace, "123");
  executor.run_all();  // The executor's own turn comes too late and does nothing.
  EXPECT_EQ(trace, "123");
}

TEST(LaneTasksTest, AReadAndDoneRunOnce) {
  HeldExecutor executor;
  LaneTasks tasks(executor);
  int done = 0;
  ASSERT_TRUE(tasks.read(std::make_shared<FileRead>(), [&] { ++done; }));
  EXPECT_FALSE(tasks.empty());
  executor.run_all();
  EXPECT_EQ(executor.reads, 1);
  EXPECT_EQ(done, 1);
  EXPECT_TRUE(tasks.empty());
  executor.takes_reads = false;
  EXPECT_FALSE(tasks.read(std::make_shared<FileRead>(), [&] { ++done; }));
  EXPECT_TRUE(tasks.empty());
}

TEST(LaneTasksTest, FinishWaitsForReadsAndForThoseThatTheyBegin) {
  HeldExecutor executor;
  LaneTasks tasks(executor);
  int done = 0;
  ASSERT_TRUE(tasks.read(std::make_shared<FileRead>(), [&] {
    ++done;
    ASSERT_TRUE(tasks.read(std::make_shared<FileRead>(), [&] { ++done; }));
  }));
  tasks.finish_all();
  EXPECT_EQ(executor.reads, 2);
  EXPECT_EQ(done, 2);
  executor.run_all();
  EXPECT_EQ(executor.reads, 2);
  EXPECT_EQ(done, 2);
}

TEST(LaneTasksTest, AnAbandonedReadIsOverAndTellsNobody) {
  HeldExecutor executor;
  const auto witness = std::make_shared<int>(0);
  {
    LaneTasks tasks(executor);
    ASSERT_TRUE(tasks.read(std::make_shared<FileRead>(), [witness] { ++*witness; }));
  }
  EXPECT_EQ(executor.reads, 1);
  EXPECT_EQ(witness.use_count(), 1);
  executor.run_all();
  EXPECT_EQ(executor.reads, 1);
  EXPECT_EQ(*witness, 0);
}

TEST(LaneTasksTest, AbandonedWorkNeverRuns) {
  HeldExecutor executor;
  std::string trace;
  {
    LaneTasks tasks(executor);
    tasks.run(
        Lane::read, [&] { trace += "w"; }, [&] { trace += "d"; });
  }
  executor.run_all();
  EXPECT_EQ(trace, "");
}

TEST(LaneTasksTest, FinishAndAbandonWaitForAThreadThatHasBegun) {
  for (const bool finish : {true, false}) {
    HeldExecutor executor;
    LaneTasks tasks(executor);
    std::atomic<bool> begun{false}, go{false}, worked{false};
    bool done = false;
    tasks.run(
        Lane::background,
        [&] {
          begun = true;
          while (!go) std::this_thread::yield();
          worked = true;
        },
        [&] { done = true; });
    std::thread lane([&] { executor.run_work(); });
    while (!begun) std::this_thread::yield();
    std::thread opener([&] { go = true; });
    finish ? tasks.finish_all() : tasks.abandon_all();
    EXPECT_TRUE(worked);
    opener.join();
    lane.join();
    EXPECT_EQ(done, finish);
    executor.run_done();
    EXPECT_EQ(done, finish);
  }
}

}  // namespace
}  // namespace kv
