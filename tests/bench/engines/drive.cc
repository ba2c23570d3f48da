#include "tests/bench/engines/drive.h"

#include <algorithm>
#include <mutex>
#include <thread>

namespace kv::bench {

namespace {

/// As many operations a turn, if nobody has to wait: about what a daemon's turn has.
constexpr size_t kStepsPerTurn = 64;

/// All workers on this thread, one turn after the other.
class LoopDrive {
 public:
  LoopDrive(BenchEngine& engine, const Workers& workers, const Workers& background)
      : engine_(engine), background_(background), foreground_left_(workers.size()) {
    for (const Workers* group : {&workers, &background})
      for (const auto& worker : *group) all_.push_back(worker.get());
    for (Worker* worker : all_) worker->start(&ready_, all_.size() == 1);
    ready_ = all_;
    left_ = all_.size();
  }

  Status run() {
    const Status status = run_turns();
    if (!status) wait_for_outstanding();
    return status;
  }
  Instant foreground_ended() const { return foreground_ended_; }

 private:
  Status run_turns() {
    while (left_ > 0) {
      engine_.begin_turn();
      KV_TRY(step_all());
      KV_TRY(engine_.end_turn(ready_.empty() && left_ > 0));
    }
    return {};
  }

  /// After a failure: nobody may go while the engine still speaks to him.
  void wait_for_outstanding() {
    const auto waits = [](const Worker* worker) { return worker->is_waiting(); };
    while (std::any_of(all_.begin(), all_.end(), waits) && engine_.end_turn(true))
      engine_.begin_turn();
  }

  Status step_all() {
    stepping_.swap(ready_);
    const size_t steps = std::max<size_t>(1, kStepsPerTurn / std::max<size_t>(1, stepping_.size()));
    for (size_t step = 0; step < steps && !stepping_.empty(); ++step) KV_TRY(step_each());
    // What the turn completes comes after them.
    ready_.insert(ready_.begin(), stepping_.begin(), stepping_.end());
    stepping_.clear();
    return {};
  }

  /// Those that can go on stay in stepping_.
  Status step_each() {
    size_t kept = 0;
    for (Worker* worker : stepping_) {
      KV_ASSIGN(const Worker::Step step, worker->step());
      if (step == Worker::Step::again) stepping_[kept++] = worker;
      if (step == Worker::Step::finished) finished(worker);
    }
    stepping_.resize(kept);
    return {};
  }

  void finished(const Worker* worker) {
    --left_;
    const bool is_background =
        std::any_of(background_.begin(), background_.end(),
                    [&](const auto& other) { return other.get() == worker; });
    if (is_background || --foreground_left_ > 0) return;
    foreground_ended_ = monotonic_now();
    for (const auto& other : background_) other->stop();
  }

  BenchEngine& engine_;
  const Workers& background_;
  std::vector<Worker*> all_, ready_, stepping_;
  size_t left_ = 0, foreground_left_;
  Instant foreground_ended_{};
};

/// Each worker on its thread.
class ThreadDrive {
 public:
  Status run(const Workers& workers, const Workers& background) {
    all_.push_back(&workers);
    all_.push_back(&background);
    std::vector<std::thread> behind = start(background), before = start(workers);
    for (std::thread& thread : before) thread.join();
    foreground_ended_ = monotonic_now();
    for (const auto& worker : background) worker->stop();
    for (std::thread& thread : behind) thread.join();
    return failure_;
  }
  Instant foreground_ended() const { return foreground_ended_; }

 private:
  std::vector<std::thread> start(const Workers& workers) {
    std::vector<std::thread> threads;
    for (const auto& worker : workers) threads.emplace_back([this, &worker] { work(*worker); });
    return threads;
  }

  void work(Worker& worker) {
    worker.start(nullptr, true);
    for (;;) {
      const auto step = worker.step();
      if (!step) return failed(step.error());
      if (*step == Worker::Step::finished) return;
    }
  }

  void failed(const Error& error) {
    const std::lock_guard lock(mutex_);
    if (failure_) failure_ = fail(error);
    for (const Workers* workers : all_)
      for (const auto& worker : *workers) worker->stop();
  }

  std::vector<const Workers*> all_;
  std::mutex mutex_;  // Two threads may fail at once.
  Status failure_;
  Instant foreground_ended_{};
};

}  // namespace

Result<DriveFigures> drive(BenchEngine& engine, const Workers& workers, const Workers& background) {
  const double cpu_before = cpu_seconds();
  const Instant began = monotonic_now();
  Instant ended;
  if (engine.is_one_loop()) {
    LoopDrive loop(engine, workers, background);
    KV_TRY(loop.run());
    ended = loop.foreground_ended();
  } else {
    ThreadDrive threads;
    KV_TRY(threads.run(workers, background));
    ended = threads.foreground_ended();
  }
  DriveFigures figures = sum_of(workers);
  figures.took = ended - began;
  figures.cpu_seconds = cpu_seconds() - cpu_before;
  return figures;
}

DriveFigures sum_of(const Workers& workers) {
  DriveFigures figures;
  for (const auto& worker : workers) {
    figures.latencies.merge(worker->latencies());
    figures.keys += worker->keys_done();
  }
  return figures;
}

}  // namespace kv::bench
