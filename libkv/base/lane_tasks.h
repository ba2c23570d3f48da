// The work an owner has running on the executor's lanes, and its reads beside them, so that the
// owner can end: wait for it, or drop it. Neither depends on the loop coming round again: work that
// no thread has begun is run (or dropped) by the one who waits. That is also what makes close()
// work where everything runs on one thread, as in the simulator.
//
// REQUIRES: all calls on the loop's thread. The executor must outlive this object, not the work's
// own later (empty) completions.
#pragma once

#include <functional>
#include <list>
#include <memory>

#include "libkv/base/environment.h"

namespace kv {

class LaneTasks {
 public:
  explicit LaneTasks(Executor& executor) : executor_(executor) {}
  /// Abandons what is still there.
  ~LaneTasks();
  LaneTasks(const LaneTasks&) = delete;
  LaneTasks& operator=(const LaneTasks&) = delete;

  /// `work` on the lane, then `done` on the loop. Runs neither before returning.
  void run(Lane lane, std::function<void()> work, std::function<void()> done);
  /// `done` on the loop in a later turn, behind what the lane has to do.
  void later(Lane lane, std::function<void()> done);
  /// Begins `read`, then `done` on the loop; never before returning. False, and nothing has begun:
  /// the executor has no such way (environment.h).
  bool read(std::shared_ptr<FileRead> read, std::function<void()> done);
  /// Returns when nothing is left, what completions started included.
  void finish_all();
  /// Waits for reads, and for work that has begun; work that has not never runs; no completion runs
  /// any more.
  void abandon_all();
  bool empty() const { return tasks_.empty(); }

 private:
  class Task;
  class LaneTask;
  class ReadTask;
  void add(const std::shared_ptr<Task>& task);
  void complete(std::shared_ptr<Task> task);

  Executor& executor_;
  std::list<std::shared_ptr<Task>> tasks_;  // Oldest first.
};

}  // namespace kv
