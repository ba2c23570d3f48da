#include "libkv/base/thread_executor.h"

#include <cerrno>
#include <csignal>
#include <string>
#include <utility>

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "libkv/base/assert.h"

namespace kv {

namespace {

constexpr int kBackgroundNice = 5;

/// Blocks every signal while it lives, so that a thread started meanwhile inherits the mask:
/// signals are for the loop's signalfd alone.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

/// At most 15 bytes, the kernel's limit for a thread's name.
std::string thread_name(Lane lane, size_t number) {
  switch (lane) {
    case Lane::log_sync:
      return "kv-log-sync";
    case Lane::background:
      return "kv-background";
    case Lane::read:
      return "kv-read-" + std::to_string(number);
  }
  return "kv";
}

/// For the calling thread: where there are too few processors for all, the loop comes first, and
/// the thread does not take one from it by waking up. What cannot be had is done without.
void yield_to_others() {
  const sched_param none{};
  (void)pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kBackgroundNice);
}

}  // namespace

ThreadExecutor::ThreadExecutor(ThreadExecutorOptions options)
    : options_(options), completion_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  KV_ASSERT(options.read_threads >= 1 && options.completions_per_call >= 1);
  KV_ASSERT(completion_fd_ >= 0);
}

ThreadExecutor::~ThreadExecutor() {
  for (LaneState& lane : lanes_) {
    const std::lock_guard lock(lane.mutex);
    lane.stopping = true;
    lane.wake.notify_all();
  }
  for (LaneState& lane : lanes_)
    for (std::thread& thread : lane.threads) thread.join();
  ring_.reset();
  close(completion_fd_);
}

void ThreadExecutor::run(Lane lane, std::function<void()> work, std::function<void()> done) {
  LaneState& state = lanes_[static_cast<size_t>(lane)];
  const size_t threads_max = lane == Lane::read ? options_.read_threads : 1;
  bool more_threads = false;
  {
    const std::lock_guard lock(state.mutex);
    state.tasks.push_back(Task{std::move(work), std::move(done)});
    more_threads = state.tasks.size() > state.idle_threads && state.threads.size() < threads_max;
  }
  ++outstanding_;
  if (more_threads) start_thread(lane);
  state.wake.notify_one();
}

// Opened where the first read comes from: most programs never read.
ReadRing* ThreadExecutor::ring() {
  if (options_.use_read_ring && !std::exchange(ring_tried_, true))
    ring_ = open_read_ring(completion_fd_);
  return ring_.get();
}

bool ThreadExecutor::begin_read(const std::shared_ptr<FileRead>& read, std::function<void()> done) {
  if (ring() == nullptr || !ring_->begin(read, std::move(done))) return false;
  ++outstanding_;
  return true;
}

void ThreadExecutor::submit_reads() {
  if (ring_ != nullptr && !ring_->submit()) signal_completion();
}

void ThreadExecutor::finish_read(FileRead& read) {
  if (read.is_over) return;
  ring_->finish(read, ready_);
  signal_completion();
}

void ThreadExecutor::start_thread(Lane lane) {
  LaneState& state = lanes_[static_cast<size_t>(lane)];
  const SignalsBlocked blocked;
  // Named by itself and before its first work: named from here, work could still find the old name.
  state.threads.emplace_back([this, &state, name = thread_name(lane, state.threads.size()),
                              is_background = lane == Lane::background] {
    pthread_setname_np(pthread_self(), name.c_str());
    if (is_background) yield_to_others();
    serve(state);
  });
}

void ThreadExecutor::serve(LaneState& lane) {
  std::unique_lock lock(lane.mutex);
  for (;;) {
    ++lane.idle_threads;
    lane.wake.wait(lock, [&] { return lane.stopping || !lane.tasks.empty(); });
    --lane.idle_threads;
    if (lane.stopping) return;
    Task task = std::move(lane.tasks.front());
    lane.tasks.pop_front();
    lock.unlock();
    task.work();
    task.work = nullptr;
    completed(std::move(task.done));
    lock.lock();
  }
}

void ThreadExecutor::completed(std::function<void()> done) {
  bool signal = false;
  {
    const std::lock_guard lock(completed_mutex_);
    completed_.push_back(std::move(done));
    signal = !std::exchange(signalled_, true);
  }
  if (signal) signal_completion();
}

void ThreadExecutor::signal_completion() {
  const uint64_t one = 1;
  // A full counter (EAGAIN) is readable too, so only a bug can make this fail otherwise.
  const ssize_t written = write(completion_fd_, &one, sizeof one);
  KV_ASSERT(written == sizeof one || errno == EAGAIN);
}

void ThreadExecutor::fetch_completions() {
  // Read before the flag falls: whoever sees it fallen writes anew, and that write is kept.
  uint64_t count = 0;
  const ssize_t got = read(completion_fd_, &count, sizeof count);
  KV_ASSERT(got == sizeof count || errno == EAGAIN);
  if (ring_ != nullptr) ring_->reap(ready_);
  const std::lock_guard lock(completed_mutex_);
  signalled_ = false;
  if (ready_.empty()) {
    ready_.swap(completed_);
    return;
  }
  for (auto& done : completed_) ready_.push_back(std::move(done));
  completed_.clear();
}

size_t ThreadExecutor::run_completions() {
  fetch_completions();
  size_t count = 0;
  while (!ready_.empty() && count < options_.completions_per_call) {
    const std::function<void()> done = std::move(ready_.front());
    ready_.pop_front();
    --outstanding_;
    ++count;
    if (done) done();
  }
  if (!ready_.empty()) signal_completion();
  return count;
}

bool ThreadExecutor::drain(Duration limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (;;) {
    run_completions();
    submit_reads();
    if (outstanding_ == 0) return true;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd waiting{completion_fd_, POLLIN, 0};
    poll(&waiting, 1, static_cast<int>(left.count()));
  }
}

}  // namespace kv
