// What a message costs between two processes of this machine: ping-pong (latency) and 64
// outstanding (throughput), 100 bytes, over ipc, against an echo server that is a process of its
// own. CPU is that of both ends, of all their threads.
//
//     transport_bench [rounds]     default 3; prints the median of each row
//
// Rows: `zmq_poll` is libzmq's own poll loop and no code of ours, on both ends: what net's
// LocalTransport is there to beat. Rows of one run are interleaved; only their ratios count.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "libkv/base/assert.h"
#include "libkv/net/event_loop.h"
#include "libkv/zmtp/zmtp_connection.h"

namespace kv {
namespace {

constexpr size_t kPayloadBytes = 100;
constexpr size_t kPings = 20'000;
constexpr size_t kStreamed = 400'000;
constexpr size_t kOutstanding = 64;

class SteadyClock final : public Clock {
 public:
  Instant now() override { return Instant(std::chrono::steady_clock::now().time_since_epoch()); }
  WallTime wall() override { return WallTime(); }
};

SteadyClock steady;

class Echo final : public LoopHandler {
 public:
  explicit Echo(Transport& transport) : transport_(transport) {}
  void on_frame(PeerId from, Frame frame, Instant) override {
    transport_.send(from, std::move(frame));
  }
  Instant next_wake() const override { return Instant::max(); }
  void on_tick(Instant) override {}
  void end_of_turn(Instant) override {}

 private:
  Transport& transport_;
};

void serve_event_loop(const Endpoint& endpoint) {
  EventLoop loop(steady, nullptr);
  KV_ASSERT(loop.transport().bind(endpoint).has_value());
  Echo echo(loop.transport());
  loop.run(echo);
}

/// libzmq's own way: zmq_poll, then receive and send until nothing is left.
void serve_zmq_poll(const Endpoint& endpoint) {
  void* context = zmq_ctx_new();
  void* router = zmq_socket(context, ZMQ_ROUTER);
  KV_ASSERT(zmq_bind(router, endpoint.c_str()) == 0);
  for (;;) {
    zmq_pollitem_t item{router, 0, ZMQ_POLLIN, 0};
    zmq_poll(&item, 1, -1);
    zmq_msg_t id;
    zmq_msg_t body;
    zmq_msg_init(&id);
    zmq_msg_init(&body);
    while (zmq_msg_recv(&id, router, ZMQ_DONTWAIT) >= 0) {
      zmq_msg_recv(&body, router, ZMQ_DONTWAIT);
      zmq_msg_send(&id, router, ZMQ_SNDMORE);
      zmq_msg_send(&body, router, 0);
    }
  }
}

/// A server process, killed and reaped by its id at the end.
class Server {
 public:
  explicit Server(const std::function<void()>& serve) : pid_(fork()) {
    if (pid_ != 0) return;
    serve();
    _exit(0);
  }
  ~Server() { stop(); }
  void stop() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_;
};

/// CPU seconds of this process and of the children it has reaped.
double cpu_seconds() {
  double total = 0;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage{};
    getrusage(who, &usage);
    for (const timeval& t : {usage.ru_utime, usage.ru_stime})
      total += static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  }
  return total;
}

struct Figures {
  double p50_us = 0;
  double p99_us = 0;
  double k_per_second = 0;
  double cpu_us = 0;
};

/// A client that keeps `outstanding` requests under way until `total` answers have come; it returns
/// each one's time if there is only one under way.
using Client = std::function<std::vector<Duration>(size_t outstanding, size_t total)>;

Figures measured(const std::function<void()>& serve, const std::function<Client()>& open,
                 size_t outstanding, size_t total) {
  const double cpu_before = cpu_seconds();
  Figures out;
  {
    Server server(serve);
    const Client client = open();
    client(outstanding, 200);  // Warm.
    const Instant before = steady.now();
    std::vector<Duration> times = client(outstanding, total);
    const double seconds = seconds_of(steady.now() - before);
    std::sort(times.begin(), times.end());
    const auto at = [&](double q) {
      return times.empty()
                 ? 0.0
                 : seconds_of(
                       times[static_cast<size_t>(q * static_cast<double>(times.size() - 1))]) *
                       1e6;
    };
    out = {at(0.5), at(0.99), static_cast<double>(total) / seconds / 1e3, 0};
  }
  out.cpu_us = (cpu_seconds() - cpu_before) * 1e6 / static_cast<double>(total);
  return out;
}

/// The sending half of a client over any transport: what has answered, and when it was asked.
class Pump {
 public:
  Pump(size_t outstanding, size_t total, std::function<void()> ask)
      : total_(total), ask_(std::move(ask)), timed_(outstanding == 1) {
    for (size_t i = 0; i < outstanding; ++i) next();
  }
  bool done() const { return answered_ == total_; }
  void answer() {
    if (timed_) times.push_back(steady.now() - asked_at_);
    ++answered_;
    next();
  }
  std::vector<Duration> times;

 private:
  void next() {
    if (asked_ == total_) return;
    ++asked_;
    if (timed_) asked_at_ = steady.now();
    ask_();
  }
  const size_t total_;
  std::function<void()> ask_;
  const bool timed_;
  size_t asked_ = 0;
  size_t answered_ = 0;
  Instant asked_at_;
};

class PumpHandler final : public LoopHandler {
 public:
  void on_frame(PeerId, Frame, Instant) override { pump->answer(); }
  Instant next_wake() const override { return Instant::max(); }
  void on_tick(Instant) override {}
  void end_of_turn(Instant) override {}
  Pump* pump = nullptr;
};

Client event_loop_client(const Endpoint& endpoint) {
  auto loop = std::make_shared<EventLoop>(steady, nullptr);
  const PeerId peer = loop->transport().connect(endpoint);
  const Frame payload(std::string(kPayloadBytes, 'x'));
  return [=](size_t outstanding, size_t total) {
    PumpHandler handler;
    Pump pump(outstanding, total, [&] { KV_ASSERT(loop->transport().send(peer, payload)); });
    handler.pump = &pump;
    while (!pump.done()) loop->turn(handler, 10s);
    return std::move(pump.times);
  };
}

Client zmq_poll_client(const Endpoint& endpoint) {
  void* context = zmq_ctx_new();  // Lives until the process ends, as does the socket.
  void* dealer = zmq_socket(context, ZMQ_DEALER);
  KV_ASSERT(zmq_connect(dealer, endpoint.c_str()) == 0);
  return [=](size_t outstanding, size_t total) {
    const std::string payload(kPayloadBytes, 'x');
    Pump pump(outstanding, total, [&] { zmq_send(dealer, payload.data(), payload.size(), 0); });
    while (!pump.done()) {
      zmq_pollitem_t item{dealer, 0, ZMQ_POLLIN, 0};
      zmq_poll(&item, 1, -1);
      char bytes[kPayloadBytes];
      while (!pump.done() && zmq_recv(dealer, bytes, sizeof bytes, ZMQ_DONTWAIT) >= 0)
        pump.answer();
    }
    return std::move(pump.times);
  };
}

Client zmtp_client(const Endpoint& endpoint) {
  std::shared_ptr<ZmtpConnection> connection;
  const Instant limit = steady.now() + 10s;
  while (!connection && steady.now() < limit) {  // The server may not have bound yet.
    auto tried = ZmtpConnection::connect(endpoint, steady, limit);
    if (tried) connection = *std::move(tried);
  }
  KV_ASSERT(connection != nullptr);
  return [=](size_t outstanding, size_t total) {
    const std::string payload(kPayloadBytes, 'x');
    Pump pump(outstanding, total, [&] { KV_ASSERT(connection->queue(payload).has_value()); });
    while (!pump.done()) {
      KV_ASSERT(connection->flush().has_value());
      KV_ASSERT(connection->receive(steady.now() + 10s).has_value());
      pump.answer();
      for (;;) {
        const auto more = connection->try_receive();
        KV_ASSERT(more.has_value());
        if (!*more) break;
        pump.answer();
      }
    }
    return std::move(pump.times);
  };
}

struct Row {
  const char* name;
  std::function<void(const Endpoint&)> serve;
  std::function<Client(const Endpoint&)> open;
  std::vector<Figures> ping;
  std::vector<Figures> stream;
};

double median(const std::vector<Figures>& all, double Figures::*figure) {
  std::vector<double> values;
  for (const Figures& f : all) values.push_back(f.*figure);
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void run(int rounds) {
  char directory[] = "/tmp/kv-bench-XXXXXX";
  KV_ASSERT(mkdtemp(directory) != nullptr);
  int number = 0;
  std::vector<Row> rows = {
      {"zmq_poll both ends", serve_zmq_poll, zmq_poll_client, {}, {}},
      {"EventLoop both ends", serve_event_loop, event_loop_client, {}, {}},
      {"zmtp client, EventLoop", serve_event_loop, zmtp_client, {}, {}},
  };
  std::vector<std::string> paths;
  const auto fresh = [&] {
    paths.push_back(std::string(directory) + "/" + std::to_string(number++));
    return "ipc://" + paths.back();
  };
  for (int round = 0; round < rounds; ++round)
    for (Row& row : rows) {
      for (const auto& [outstanding, total, into] :
           {std::tuple(size_t{1}, kPings, &row.ping),
            std::tuple(kOutstanding, kStreamed, &row.stream)}) {
        const Endpoint endpoint = fresh();
        into->push_back(measured([&] { row.serve(endpoint); }, [&] { return row.open(endpoint); },
                                 outstanding, total));
      }
    }
  std::printf("%-24s %10s %10s %12s %12s %14s\n", "100 B over ipc", "p50 us", "p99 us",
              "CPU us/msg", "64: k/s", "64: CPU us/msg");
  for (const Row& row : rows)
    std::printf("%-24s %10.1f %10.1f %12.1f %12.0f %14.2f\n", row.name,
                median(row.ping, &Figures::p50_us), median(row.ping, &Figures::p99_us),
                median(row.ping, &Figures::cpu_us), median(row.stream, &Figures::k_per_second),
                median(row.stream, &Figures::cpu_us));
  for (const std::string& path : paths) unlink(path.c_str());
  rmdir(directory);
}

}  // namespace
}  // namespace kv

int main(int argc, char** argv) {
  kv::run(argc > 1 ? std::max(1, std::atoi(argv[1])) : 3);
  return 0;
}
