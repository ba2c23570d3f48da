#include "libkv/net/event_loop.h"

#include <algorithm>
#include <cerrno>

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "libkv/base/assert.h"

namespace kv {

namespace {
constexpr uint64_t kSignalToken = NetTransport::kFirstForeignToken;
constexpr uint64_t kStopToken = kSignalToken + 1;
constexpr uint64_t kCompletionToken = kSignalToken + 2;
}  // namespace

StopSignals::StopSignals(bool wanted) {
  if (!wanted) return;
  sigset_t stopping;
  sigemptyset(&stopping);
  sigaddset(&stopping, SIGTERM);
  sigaddset(&stopping, SIGINT);
  KV_ASSERT(pthread_sigmask(SIG_BLOCK, &stopping, &before_) == 0);
  fd_ = signalfd(-1, &stopping, SFD_CLOEXEC | SFD_NONBLOCK);
  KV_ASSERT(fd_ >= 0);
}

StopSignals::~StopSignals() {
  if (fd_ < 0) return;
  close(fd_);
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

int StopSignals::take() {
  signalfd_siginfo info;
  const ssize_t got = read(fd_, &info, sizeof info);
  return got == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
}

EventLoop::EventLoop(Clock& clock, ThreadExecutor* executor, EventLoopOptions options)
    : clock_(clock),
      executor_(executor),
      options_(options),
      signals_(options.take_signals),
      stop_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      transport_(poller_, clock, options.net) {
  KV_ASSERT(stop_fd_ >= 0);
  bool added = poller_.add(stop_fd_, kStopToken);
  if (options.take_signals) added = added && poller_.add(signals_.fd(), kSignalToken);
  if (executor_ != nullptr)
    added = added && poller_.add(executor_->completion_fd(), kCompletionToken);
  KV_ASSERT(added);
}

EventLoop::~EventLoop() {
  close(stop_fd_);
}

// Nothing of it is touched after the write, which another thread's loop may end by.
void EventLoop::stop() {
  const uint64_t one = 1;
  const ssize_t written = write(stop_fd_, &one, sizeof one);
  KV_ASSERT(written == sizeof one || errno == EAGAIN);
}

void EventLoop::run(LoopHandler& handler) {
  while (!stopped_) turn(handler, Duration::max());
}

/// Read, so that the turns a service may still need do not find it readable for ever.
void EventLoop::take_stop() {
  stopped_ = true;
  uint64_t count = 0;
  const ssize_t got = read(stop_fd_, &count, sizeof count);
  KV_ASSERT(got == sizeof count || errno == EAGAIN);
}

Duration EventLoop::time_to_wait(const LoopHandler& handler, Duration limit) {
  if (transport_.settle()) return Duration::zero();
  const Instant wake = std::min(handler.next_wake(), transport_.next_wake());
  if (wake == Instant::max()) return limit;
  const Instant now = clock_.now();
  return wake <= now ? Duration::zero() : std::min(limit, wake - now);
}

/// Waits, notes who is readable, and tells whether completions wait.
bool EventLoop::take_events(Duration limit) {
  bool completions = false;
  for (const uint64_t token : poller_.wait(limit)) {
    if (token < NetTransport::kFirstForeignToken) transport_.mark_ready(token);
    if (token == kCompletionToken) completions = true;
    if (token == kStopToken) take_stop();
    if (token != kSignalToken) continue;
    const int signal = signals_.take();
    if (signal == 0) continue;
    stop_signal_ = signal;
    stopped_ = true;
  }
  return completions;
}

void EventLoop::turn(LoopHandler& handler, Duration limit) {
  // Those of the last turn, which has sent what others wait for.
  if (executor_ != nullptr) executor_->submit_reads();
  const bool completions = take_events(time_to_wait(handler, limit));
  const Instant begun = clock_.now();
  if (transport_.next_wake() <= begun) transport_.on_tick(begun);
  transport_.receive(handler, begun, options_.budget);
  if (completions) executor_->run_completions();
  const Instant now = clock_.now();
  if (handler.next_wake() <= now) handler.on_tick(now);
  handler.end_of_turn(now);
  transport_.settle();  // What the turn sent leaves now, also when it was the last.
}

}  // namespace kv
