// The real Executor: work runs on threads beside the event loop, completions come back to it.
//
//     loop ── run(lane, work, done) ──► lane's queue ──► its thread: work()
//       ▲                                                      │
//       └── run_completions(): done() ◄── completions ◄────────┘
//                     ▲ completion_fd() becomes readable
//
// A read of one block needs no thread where the kernel has a ring for it (read_ring.h):
//
//     loop ── begin_read() … submit_reads() ──► ring ──► completion_fd(), run_completions(): done()
//
// A lane has one thread (`read`: several), started at first use so that an idle daemon has none.
// Within log_sync and within background both works and completions keep the order of run().
//
// Bounds: Executor::run cannot refuse, so the caller bounds what it has outstanding; queued() says
// how much that is. Completions are bounded by it too.
//
// Threading: everything but the lanes' own work belongs to the loop's thread; completion_fd() may
// be polled anywhere. `work` and what it captures are destroyed on the lane's thread before `done`
// is handed over, so `done` finds itself the only owner of what both share. Neither may throw.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "libkv/base/environment.h"
#include "libkv/base/read_ring.h"

namespace kv {

struct ThreadExecutorOptions {
  size_t read_threads = 2;            ///< At least 1.
  size_t completions_per_call = 256;  ///< What run_completions() runs at most, at least 1.
  bool use_read_ring = true;          ///< Where there is one; else threads do all reads.
};

class ThreadExecutor final : public Executor {
 public:
  /// REQUIRES: the options are in range. Aborts if the process has no file descriptor left.
  explicit ThreadExecutor(ThreadExecutorOptions options = {});
  /// Work that has begun is finished and waited for. Work that has not begun and completions that
  /// have not run are dropped, as a crash would: nothing was promised for them. A clean stop calls
  /// drain() first.
  ~ThreadExecutor() override;
  ThreadExecutor(const ThreadExecutor&) = delete;
  ThreadExecutor& operator=(const ThreadExecutor&) = delete;

  void run(Lane lane, std::function<void()> work, std::function<void()> done) override;

  bool begin_read(const std::shared_ptr<FileRead>& read, std::function<void()> done) override;
  void finish_read(FileRead& read) override;
  /// Hands the reads begun since the last call to the kernel, all at once: at the end of a turn,
  /// before completion_fd() is waited for.
  void submit_reads();

  /// Readable (POLLIN) while run_completions() has something to do. Owned by this object.
  int completion_fd() const { return completion_fd_; }
  /// Runs the completions that have come, up to the bound; the rest keeps completion_fd() readable.
  /// Returns how many ran. A completion may call run().
  size_t run_completions();

  /// Waits until all that was queued, and what its completions queue in turn, has run and
  /// completed. False if `limit` passed first; then the rest is still there.
  bool drain(Duration limit);

  /// Works and reads handed in whose completion has not run yet.
  size_t queued() const { return outstanding_; }

 private:
  struct Task {
    std::function<void()> work;
    std::function<void()> done;
  };
  /// One mutex a lane: it guards the queue, which the loop fills and the lane's threads empty.
  struct LaneState {
    std::mutex mutex;
    std::condition_variable wake;
    std::deque<Task> tasks;   // guarded by mutex
    size_t idle_threads = 0;  // guarded by mutex; threads waiting in `wake`
    bool stopping = false;    // guarded by mutex
    std::vector<std::thread> threads;
  };

  void start_thread(Lane lane);
  void serve(LaneState& lane);
  void completed(std::function<void()> done);
  void fetch_completions();
  void signal_completion();
  ReadRing* ring();

  const ThreadExecutorOptions options_;
  int completion_fd_;
  std::array<LaneState, 3> lanes_;

  // Guards completed_ and signalled_, which the lanes' threads fill and the loop empties.
  std::mutex completed_mutex_;
  std::deque<std::function<void()>> completed_;
  bool signalled_ = false;  // completion_fd_ is readable or just about to be: no second syscall.

  std::deque<std::function<void()>> ready_;  // Fetched, not yet run. The loop's alone.
  size_t outstanding_ = 0;                   // The loop's alone.
  std::unique_ptr<ReadRing> ring_;           // The loop's alone. Opened for the first read.
  bool ring_tried_ = false;
};

}  // namespace kv
