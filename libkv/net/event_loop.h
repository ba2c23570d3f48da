// The event loop of a daemon: one thread that takes in frames, completions and signals, and drives
// one LoopHandler turn by turn (transport/loop_handler.h). It owns the NetTransport.
//
//     ThreadExecutor executor;
//     EventLoop loop(clock, &executor);
//     loop.transport().bind("ipc:///run/kv/1/node.sock");
//     Service service(loop.transport(), …);
//     loop.run(service);              // until SIGTERM, SIGINT or stop()
//
// SIGTERM and SIGINT are blocked in the constructing thread while the loop lives and are read from
// a descriptor, so no code is ever interrupted by them. Construct the loop before any thread that
// does not block them itself (libzmq's and the executor's do).
//
// Threading: one thread; only stop() may be called from others.
#pragma once

#include <atomic>
#include <csignal>

#include "libkv/base/environment.h"
#include "libkv/base/thread_executor.h"
#include "libkv/net/net_options.h"
#include "libkv/net/net_transport.h"
#include "libkv/net/poller.h"
#include "libkv/transport/loop_handler.h"

namespace kv {

struct EventLoopOptions {
  NetOptions net;
  ReceiveBudget budget;
  bool take_signals = true;  ///< False for a loop that is not the process's main one.
};

/// SIGTERM and SIGINT as a descriptor; the mask is put back at the end. One thread.
class StopSignals {
 public:
  /// Without `wanted` it does nothing. Aborts if the process has no descriptor left.
  explicit StopSignals(bool wanted);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  /// -1 if not wanted.
  int fd() const { return fd_; }
  /// The signal that has come, 0 if none.
  int take();

 private:
  int fd_ = -1;
  sigset_t before_{};
};

class EventLoop {
 public:
  /// `clock` and `executor` (which may be null) must outlive the loop.
  EventLoop(Clock& clock, ThreadExecutor* executor, EventLoopOptions options = {});
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  NetTransport& transport() { return transport_; }

  /// Turns until a signal or stop(). Both are remembered: a later run() returns at once.
  void run(LoopHandler& handler);
  /// One turn: waits until something is to be done, `limit` at most, and does it. For what a
  /// service still has to finish after run() returned.
  void turn(LoopHandler& handler, Duration limit);
  /// Makes run() return after its current turn. From any thread.
  void stop();
  /// The signal that ended run(); 0 if it was stop().
  int stop_signal() const { return stop_signal_; }

 private:
  Duration time_to_wait(const LoopHandler& handler, Duration limit);
  bool take_events(Duration limit);
  void take_stop();

  Clock& clock_;
  ThreadExecutor* executor_;
  const EventLoopOptions options_;
  StopSignals signals_;  // Before the transport, whose threads inherit the mask.
  int stop_fd_;
  std::atomic<bool> stopped_{false};
  int stop_signal_ = 0;
  Poller poller_;
  NetTransport transport_;
};

}  // namespace kv
