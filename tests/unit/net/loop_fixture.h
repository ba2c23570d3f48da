// What the tests of net and zmtp share: a clock, a directory for sockets, a server on a thread, and
// a loop that turns until a condition holds. Every wait is on a condition and has a deadline.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libkv/base/assert.h"
#include "libkv/net/event_loop.h"

namespace kv {

/// Far more than anything here takes; only a failure waits so long.
inline constexpr Duration kTestLimit = 20s;

class SteadyClock final : public Clock {
 public:
  Instant now() override { return Instant(std::chrono::steady_clock::now().time_since_epoch()); }
  WallTime wall() override { return WallTime(); }
  Instant limit() { return now() + kTestLimit; }
};

class SocketDirectory {
 public:
  SocketDirectory() {
    char path[] = "/tmp/kv-net-test-XXXXXX";
    KV_ASSERT(mkdtemp(path) != nullptr);
    path_ = path;
  }
  ~SocketDirectory() { std::filesystem::remove_all(path_); }
  std::string path(const std::string& name) const { return path_ + "/" + name; }
  Endpoint endpoint(const std::string& name) const { return "ipc://" + path(name); }

 private:
  std::string path_;
};

/// Keeps what arrives; `answer`, if set, is called for each.
class Collector : public LoopHandler {
 public:
  struct Got {
    PeerId from;
    std::string bytes;
  };
  void on_frame(PeerId from, Frame frame, Instant) override {
    got.push_back({from, std::string(frame.view())});
    if (answer) answer(from, std::move(frame));
  }
  Instant next_wake() const override { return wake; }
  void on_tick(Instant) override {
    ++ticks;
    wake = Instant::max();
  }
  void end_of_turn(Instant) override { ++turns; }

  std::vector<Got> got;
  std::function<void(PeerId, Frame)> answer;
  Instant wake = Instant::max();
  int ticks = 0;
  int turns = 0;
};

/// A loop on this thread.
class TestLoop {
 public:
  explicit TestLoop(EventLoopOptions options = {}, ThreadExecutor* executor = nullptr)
      : loop(clock, executor, without_signals(options)) {}

  /// Turns until `condition` holds; false if that takes too long.
  bool until(const std::function<bool()>& condition) {
    const Instant deadline = clock.limit();
    while (!condition()) {
      if (clock.now() > deadline) return false;
      loop.turn(handler, 20ms);
    }
    return true;
  }
  bool until_got(size_t count) {
    return until([&] { return handler.got.size() >= count; });
  }
  NetTransport& transport() { return loop.transport(); }

  static EventLoopOptions without_signals(EventLoopOptions options) {
    options.take_signals = false;
    return options;
  }

  SteadyClock clock;
  Collector handler;
  EventLoop loop;
};

/// An echo server on a thread of its own; stops when destroyed.
class EchoServer {
 public:
  explicit EchoServer(const Endpoint& endpoint, EventLoopOptions options = {}) {
    std::promise<Status> bound;
    auto result = bound.get_future();
    thread_ = std::thread([this, endpoint, options, &bound] {
      TestLoop server(options);
      server.handler.answer = [&](PeerId from, Frame frame) {
        server.transport().send(from, std::move(frame));
      };
      Status result_of_bind = server.transport().bind(endpoint);
      loop_ = &server.loop;
      const bool good = result_of_bind.has_value();
      bound.set_value(std::move(result_of_bind));
      if (good) server.loop.run(server.handler);
    });
    status = result.get();
  }
  ~EchoServer() {
    if (status) loop_->stop();
    thread_.join();
  }

  Status status;

 private:
  EventLoop* loop_ = nullptr;
  std::thread thread_;
};

/// What holds of both ways to carry frames: by LocalTransport over ipc, by libzmq over tcp.
class EitherTransport : public ::testing::TestWithParam<const char*> {
 protected:
  /// The same for the same name.
  Endpoint endpoint(const std::string& name) {
    if (GetParam() == std::string("ipc")) return directory_.endpoint(name);
    uint16_t& port = ports_[name];
    while (port == 0) port = free_port();
    return "tcp://127.0.0.1:" + std::to_string(port);
  }

 private:
  /// A port that nobody listens at. It may be taken by another before we do.
  static uint16_t free_port() {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    KV_ASSERT(::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0);
    KV_ASSERT(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    close(fd);
    return ntohs(address.sin_port);
  }

  const SocketDirectory directory_;
  std::map<std::string, uint16_t> ports_;
};

inline std::string scheme_name(const ::testing::TestParamInfo<const char*>& scheme) {
  return scheme.param;
}

}  // namespace kv
