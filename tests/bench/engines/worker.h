// One of T workers: does one operation after the other, measures each, and can wait in the middle
// of one, so that many workers share a thread.
//
//     idle ── step(): begin ──┬─ over ─────────────▶ idle, and the latency is recorded
//      ▲                      └─ outstanding ─▶ waiting ── on_over() ─▶ answered ── step() ─┐
//      └────────────────────────────────────────────────────────────────────────────────────┘
//
// A worker that is alone on its thread reads the clock once an operation: one begins where the one
// before ended, so that whatever the loop did between is somebody's wait. An operation may have a
// second part (read, then write), which begins when the first is over.
//
// Threading: one thread, but for on_value() and on_row(), which the session may call on another
// while the worker waits.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "libkv/base/histogram.h"
#include "tests/bench/engines/bench_engine.h"
#include "tests/bench/engines/dataset.h"
#include "tests/bench/engines/process_figures.h"

namespace kv::bench {

/// When a worker has done enough; whichever comes first.
struct WorkerLimits {
  uint64_t calls_max = ~uint64_t{0};
  std::optional<Instant> deadline;
};

/// Which of how many.
struct WorkerPlace {
  uint64_t number = 0;
  uint64_t count = 1;
};

class Worker : public Caller {
 public:
  enum class Step { again, waiting, finished };

  Worker(BenchEngine& engine, Dataset& dataset, const WorkerLimits& limits)
      : session_(engine.session()), dataset_(dataset), limits_(limits) {}

  /// REQUIRES: called once, before the first step. `answered` is where the worker puts itself when
  /// what it waited for is over; null where nothing is ever outstanding. `is_alone`: no other
  /// worker is on its thread.
  void start(std::vector<Worker*>* answered, bool is_alone);
  /// Does what can be done without waiting, at most one operation. Fails if the engine does, or
  /// with `corrupt` if an answer is wrong.
  Result<Step> step();
  /// It shall finish before its next operation. Any thread.
  void stop() { stopped_.store(true, std::memory_order_relaxed); }

  /// An operation is outstanding: the worker must live until it has been answered.
  bool is_waiting() const { return state_ == State::waiting; }

  const Histogram& latencies() const { return latencies_; }
  uint64_t keys_done() const { return keys_done_; }

  void on_value(size_t index, const BytesView* value) final;
  void on_row(const Pair&) override {}
  void on_over(Status status) final;

 protected:
  /// Begins the next operation. Nothing: there is none left.
  virtual std::optional<Result<Begun>> begin() = 0;
  /// Whether the operation has another part, now that one is over.
  virtual bool has_next_part() { return false; }
  virtual Result<Begun> begin_next_part() { return Begun::over; }
  /// Judges an answer by note().
  virtual void check_value(size_t /*index*/, const BytesView* /*value*/) {}
  /// How many answers there must have been, when all parts are over.
  virtual size_t answers_wanted() const { return 0; }
  /// Whether all has come that must.
  virtual Status check_end() const { return {}; }
  /// How many keys the operation that ended was about.
  virtual uint64_t keys_of_call() const { return 1; }
  virtual void on_done() {}

  /// The operation fails with this when it is over; the first is kept.
  void note(Status status);
  BenchSession& session() { return *session_; }
  Dataset& dataset() { return dataset_; }

 private:
  enum class State { idle, waiting, answered };
  Result<Step> after(const Result<Begun>& begun);
  Result<Step> part_over(std::optional<Instant> ended);
  bool has_enough() const;

  std::unique_ptr<BenchSession> session_;
  Dataset& dataset_;
  const WorkerLimits limits_;
  std::vector<Worker*>* answered_ = nullptr;
  bool is_alone_ = true;
  std::atomic<bool> stopped_ = false;

  State state_ = State::idle;
  Instant began_{}, ended_{}, part_ended_{};
  Status part_status_, noted_;
  size_t answers_ = 0;
  Histogram latencies_;
  uint64_t keys_done_ = 0;
};

}  // namespace kv::bench
