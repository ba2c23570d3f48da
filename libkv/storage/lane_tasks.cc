#include "libkv/storage/lane_tasks.h"

#include <condition_variable>
#include <mutex>

namespace kv {

// The lock orders the loop, which may want to end the task, and the lane's thread, which runs it.
class LaneTasks::Task {
 public:
  Task(std::function<void()> work, std::function<void()> done)
      : work_(std::move(work)), done_(std::move(done)) {}

  /// Any thread: runs the work unless somebody else has taken it.
  void run_if_unclaimed() {
    if (!claim()) return;
    work_();
    work_ = nullptr;
    const std::lock_guard lock(mutex_);
    state_ = State::over;
    over_.notify_all();
  }
  /// The loop: the work never runs, or is over when this returns.
  void drop() {
    if (claim()) {
      work_ = nullptr;
      const std::lock_guard lock(mutex_);
      state_ = State::over;
    }
    wait();
    done_ = nullptr;
  }
  void wait() {
    std::unique_lock lock(mutex_);
    over_.wait(lock, [this] { return state_ == State::over; });
  }
  std::function<void()> take_done() { return std::exchange(done_, nullptr); }

  // Loop only. The owner is null once the task is completed or dropped.
  LaneTasks* owner = nullptr;
  std::list<std::shared_ptr<Task>>::iterator position;

 private:
  enum class State { waiting, running, over };
  bool claim() {
    const std::lock_guard lock(mutex_);
    if (state_ != State::waiting) return false;
    state_ = State::running;
    return true;
  }

  std::mutex mutex_;
  std::condition_variable over_;
  State state_ = State::waiting;
  std::function<void()> work_;
  std::function<void()> done_;
};

LaneTasks::~LaneTasks() {
  abandon_all();
}

void LaneTasks::run(Lane lane, std::function<void()> work, std::function<void()> done) {
  auto task = std::make_shared<Task>(std::move(work), std::move(done));
  task->owner = this;
  task->position = tasks_.insert(tasks_.end(), task);
  executor_.run(
      lane, [task] { task->run_if_unclaimed(); },
      [task] {
        if (task->owner != nullptr) task->owner->complete(task);
      });
}

void LaneTasks::complete(std::shared_ptr<Task> task) {
  task->owner = nullptr;
  tasks_.erase(task->position);
  if (auto done = task->take_done()) done();
}

void LaneTasks::finish_all() {
  while (!tasks_.empty()) {
    const std::shared_ptr<Task> task = tasks_.front();
    task->run_if_unclaimed();
    task->wait();
    complete(task);
  }
}

void LaneTasks::abandon_all() {
  while (!tasks_.empty()) {
    const std::shared_ptr<Task> task = tasks_.front();
    tasks_.pop_front();
    task->owner = nullptr;
    task->drop();
  }
}

}  // namespace kv
