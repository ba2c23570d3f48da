#include "libkv/base/lane_tasks.h"

#include <condition_variable>
#include <mutex>
#include <utility>

namespace kv {

class LaneTasks::Task {
 public:
  explicit Task(std::function<void()> done) : done_(std::move(done)) {}
  virtual ~Task() = default;

  /// The loop: the work is over when this returns.
  virtual void finish() = 0;
  /// The same, or it never runs.
  virtual void drop() = 0;
  std::function<void()> take_done() { return std::exchange(done_, nullptr); }

  // Loop only. The owner is null once the task is completed or dropped.
  LaneTasks* owner = nullptr;
  std::list<std::shared_ptr<Task>>::iterator position;

 private:
  std::function<void()> done_;
};

// The lock orders the loop, which may want to end the task, and the lane's thread, which runs it.
class LaneTasks::LaneTask final : public Task {
 public:
  LaneTask(std::function<void()> work, std::function<void()> done)
      : Task(std::move(done)), work_(std::move(work)) {}

  /// Any thread: runs the work unless somebody else has taken it.
  void run_if_unclaimed() {
    if (!claim()) return;
    work_();
    work_ = nullptr;
    const std::lock_guard lock(mutex_);
    state_ = State::over;
    over_.notify_all();
  }
  void finish() override {
    run_if_unclaimed();
    wait();
  }
  void drop() override {
    if (claim()) {
      work_ = nullptr;
      const std::lock_guard lock(mutex_);
      state_ = State::over;
    }
    wait();
  }

 private:
  enum class State { waiting, running, over };
  bool claim() {
    const std::lock_guard lock(mutex_);
    if (state_ != State::waiting) return false;
    state_ = State::running;
    return true;
  }
  void wait() {
    std::unique_lock lock(mutex_);
    over_.wait(lock, [this] { return state_ == State::over; });
  }

  std::mutex mutex_;
  std::condition_variable over_;
  State state_ = State::waiting;
  std::function<void()> work_;
};

class LaneTasks::ReadTask final : public Task {
 public:
  ReadTask(Executor& executor, std::shared_ptr<FileRead> read, std::function<void()> done)
      : Task(std::move(done)), executor_(executor), read_(std::move(read)) {}

  void finish() override { executor_.finish_read(*read_); }
  void drop() override { finish(); }

 private:
  Executor& executor_;
  const std::shared_ptr<FileRead> read_;
};

LaneTasks::~LaneTasks() {
  abandon_all();
}

void LaneTasks::run(Lane lane, std::function<void()> work, std::function<void()> done) {
  auto task = std::make_shared<LaneTask>(std::move(work), std::move(done));
  add(task);
  executor_.run(
      lane, [task] { task->run_if_unclaimed(); },
      [task] {
        if (task->owner != nullptr) task->owner->complete(task);
      });
}

void LaneTasks::later(Lane lane, std::function<void()> done) {
  run(
      lane, [] {}, std::move(done));
}

bool LaneTasks::read(std::shared_ptr<FileRead> read, std::function<void()> done) {
  auto task = std::make_shared<ReadTask>(executor_, read, std::move(done));
  const bool has_begun = executor_.begin_read(read, [task] {
    if (task->owner != nullptr) task->owner->complete(task);
  });
  if (has_begun) add(task);
  return has_begun;
}

void LaneTasks::add(const std::shared_ptr<Task>& task) {
  task->owner = this;
  task->position = tasks_.insert(tasks_.end(), task);
}

void LaneTasks::complete(std::shared_ptr<Task> task) {
  task->owner = nullptr;
  tasks_.erase(task->position);
  if (auto done = task->take_done()) done();
}

void LaneTasks::finish_all() {
  while (!tasks_.empty()) {
    const std::shared_ptr<Task> task = tasks_.front();
    task->finish();
    complete(task);
  }
}

void LaneTasks::abandon_all() {
  while (!tasks_.empty()) {
    const std::shared_ptr<Task> task = tasks_.front();
    tasks_.pop_front();
    task->owner = nullptr;
    task->drop();
    (void)task->take_done();
  }
}

}  // namespace kv
