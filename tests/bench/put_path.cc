// What one put or get costs in each service, sockets and threads aside: a client, a coordinator and
// three kv-nodes in one thread, joined by queues, each frame encoded and decoded as on the wire.
// Prints µs of CPU an operation by service: the budget by layer in RESULTS.md. Under callgrind its
// instruction counts repeat exactly.
//
// usage: put_path DIRECTORY [put|get] [OPERATIONS] [WINDOW]
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "libkv/base/assert.h"
#include "libkv/base/posix_environment.h"
#include "libkv/base/random.h"
#include "libkv/protocol/first_map.h"
#include "libkv/service/coordinator_service.h"
#include "libkv/service/data_directory.h"
#include "libkv/service/node_service.h"

namespace kv {
namespace {

constexpr MemberNumber kMembers = 3;
constexpr uint64_t kRecords = 100'000;
constexpr size_t kValueBytes = 100;

double cpu_now() {
  timespec at;
  KV_ASSERT(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at) == 0);
  return static_cast<double>(at.tv_sec) * 1e6 + static_cast<double>(at.tv_nsec) / 1e3;
}

/// Runs work when it is told to, so that what the log's thread does is counted apart.
class QueuedExecutor final : public Executor {
 public:
  void run(Lane, std::function<void()> work, std::function<void()> done) override {
    jobs_.push_back({std::move(work), std::move(done)});
  }
  void work() {
    while (!jobs_.empty()) {
      jobs_.front().work();
      ended_.push_back(std::move(jobs_.front()));
      jobs_.pop_front();
    }
  }
  bool has_ended() const { return !ended_.empty(); }
  void complete() {
    for (Job& job : std::exchange(ended_, {})) job.done();
  }

 private:
  struct Job {
    std::function<void()> work;
    std::function<void()> done;
  };
  std::deque<Job> jobs_;
  std::deque<Job> ended_;
};

/// A peer is a process's place in this list, and 1.
struct Process;
struct World {
  std::vector<Process*> processes;
};

struct Process final : Transport {
  World& world;
  std::string endpoint;
  PeerId id;
  LoopHandler* handler = nullptr;
  std::deque<std::pair<PeerId, Frame>> inbox;
  QueuedExecutor executor;
  NullLog log;
  PosixEnvironment posix;
  Environment environment = posix.with(executor, log);
  double cpu = 0;      ///< µs on the loop.
  double log_cpu = 0;  ///< µs off it.
  uint64_t frames = 0;

  Process(World& in, std::string at) : world(in), endpoint(std::move(at)) {
    world.processes.push_back(this);
    id = PeerId(world.processes.size());
  }
  PeerId connect(const Endpoint& to) override {
    for (const Process* process : world.processes)
      if (process->endpoint == to) return process->id;
    return PeerId::none;
  }
  void disconnect(PeerId) override {}
  size_t unsent_bytes(PeerId) const override { return 0; }
  bool send(PeerId peer, Frame frame) override {
    if (peer == PeerId::none) return false;
    world.processes[static_cast<size_t>(peer) - 1]->inbox.emplace_back(id, std::move(frame));
    return true;
  }
  void turn() {
    const Instant now = environment.clock.now();
    const bool due = handler->next_wake() <= now;
    if (inbox.empty() && !due && !executor.has_ended()) return;
    const double before = cpu_now();
    std::deque<std::pair<PeerId, Frame>> arrived;
    arrived.swap(inbox);
    frames += arrived.size();
    for (auto& [from, frame] : arrived) handler->on_frame(from, std::move(frame), now);
    executor.complete();
    if (due) handler->on_tick(now);
    handler->end_of_turn(now);
    cpu += cpu_now() - before;
    work();
  }
  void work() {
    const double before = cpu_now();
    executor.work();
    log_cpu += cpu_now() - before;
  }
};

/// Tells every daemon that all are alive, under one map.
class Gossip final : public LoopHandler {
 public:
  explicit Gossip(Process& process) : outbox_(process) {}
  MapPointer map;

  void on_frame(PeerId from, Frame frame, Instant) override {
    FrameParser parser(frame);
    KV_ASSERT(parser.for_each(Receiver{*this, from}));
  }
  Instant next_wake() const override { return Instant::max(); }
  void on_tick(Instant) override {}
  void end_of_turn(Instant) override { outbox_.flush(); }

 private:
  struct Receiver {
    Gossip& gossip;
    PeerId from;
    void on(msg::Watch&&) {
      msg::ViewTold told;
      told.epoch = gossip.map->epoch;
      told.map = gossip.map;
      told.liveness_version = 1;
      for (MemberNumber member = 1; member <= kMembers; ++member)
        told.members.push_back({member, Liveness::alive, 0x0f});
      gossip.outbox_.add(from, told);
    }
    void on(msg::StartShown&& shown) {
      gossip.outbox_.add(from, msg::StartJudged{shown.id, true, 3, 3, 3, false});
    }
  };
  Outbox outbox_;
};

/// Keeps `window` operations under way.
class Client final : public LoopHandler {
 public:
  Client(Process& process, PeerId coordinator, bool puts)
      : outbox_(process), coordinator_(coordinator), puts_(puts) {}
  uint64_t done = 0;
  uint64_t wanted = 0;

  void begin(uint64_t count, uint64_t window) {
    done = 0;
    sent_ = 0;
    wanted = count;
    while (sent_ < std::min(window, wanted)) ask();
    outbox_.flush();
  }
  void ask_sequentially(bool yes) { sequential_ = yes; }
  void ask_gets() { puts_ = false; }
  void on_frame(PeerId, Frame frame, Instant) override {
    FrameParser parser(frame);
    KV_ASSERT(parser.for_each(*this));
  }
  void on(msg::PutDone&& put) { over(put.answer); }
  void on(msg::GetDone&& get) { over(get.answer); }
  Instant next_wake() const override { return Instant::max(); }
  void on_tick(Instant) override {}
  void end_of_turn(Instant) override { outbox_.flush(); }

 private:
  void over(Answer answer) {
    if (answer != Answer::ok) {
      std::fprintf(stderr, "put_path: an operation was answered %s\n", to_string(answer).c_str());
      std::exit(1);
    }
    ++done;
    if (sent_ < wanted) ask();
  }
  void ask() {
    const uint64_t number = sequential_ ? sent_ : random_.below(kRecords);
    char key[32];
    std::snprintf(key, sizeof key, "user%012llu", static_cast<unsigned long long>(number));
    ++sent_;
    if (!puts_) {
      msg::ClientGet get;
      get.id = ++ids_;
      get.time_left = 10s;
      get.keyspace = "default";
      get.key = SharedBytes::copy_of(key);
      return outbox_.add(coordinator_, get);
    }
    msg::ClientPut put;
    put.id = ++ids_;
    put.time_left = 10s;
    put.keyspace = "default";
    put.key = SharedBytes::copy_of(key);
    put.put = {7, ids_};
    put.value = SharedBytes(std::string(kValueBytes, 'v'));
    outbox_.add(coordinator_, put);
  }

  Outbox outbox_;
  PeerId coordinator_;
  bool puts_;
  bool sequential_ = false;
  Random random_{1};
  uint64_t ids_ = 0;
  uint64_t sent_ = 0;
};

struct Node {
  std::unique_ptr<Process> process;
  std::unique_ptr<DataDirectory> directory;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<NodeService> service;
};

template <typename T>
T must(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "put_path: %s\n", result.error().what.c_str());
    std::exit(1);
  }
  return std::move(*result);
}

MemberInfo member_info(MemberNumber number) {
  MemberInfo info;
  info.number = number;
  info.labels = {"dc1", "r1", "h" + std::to_string(number)};
  for (int kind = 0; kind < kDaemonKinds; ++kind)
    info.endpoints[kind] = "queue://" + std::to_string(number) + "/" + std::to_string(kind);
  info.endpoints[static_cast<int>(DaemonKind::gossip)] = "queue://gossip";
  return info;
}

MapPointer map_of_all() {
  std::vector<msg::Introduced> members;
  for (MemberNumber number = 1; number <= kMembers; ++number)
    members.push_back({number, member_info(number), {}, 0});
  FirstMapOptions options;
  options.cluster = {1, 2};
  return std::make_shared<const ClusterMap>(must(first_map(members, options)).map);
}

Node open_node(World& world, MemberNumber number, const std::string& under) {
  Node node;
  const MemberInfo info = member_info(number);
  node.process = std::make_unique<Process>(world, info.endpoint(DaemonKind::node));
  const std::string path = under + "/" + std::to_string(number);
  Environment& environment = node.process->environment;
  node.directory = must(DataDirectory::open(environment, path, DaemonKind::node, number));
  node.engine = must(open_lsm_engine(environment, node.directory->meta(), path, EngineOptions{}));
  node.service =
      must(NodeService::open(environment, *node.process, *node.directory, *node.engine, info, {}));
  node.process->handler = node.service.get();
  return node;
}

void run(World& world, Client& client, uint64_t operations, uint64_t window) {
  client.begin(operations, window);
  while (client.done < operations)
    for (Process* process : world.processes) process->turn();
}

int main_of(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: put_path DIRECTORY [put|get] [OPERATIONS] [WINDOW]\n");
    return 2;
  }
  const bool gets = argc > 2 && std::strcmp(argv[2], "get") == 0;
  const uint64_t operations = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 200'000;
  const uint64_t window = argc > 4 ? std::strtoull(argv[4], nullptr, 10) : 64;

  World world;
  Process gossip_process(world, "queue://gossip");
  Gossip gossip(gossip_process);
  gossip.map = map_of_all();
  gossip_process.handler = &gossip;
  std::vector<Node> nodes;
  for (MemberNumber number = 1; number <= kMembers; ++number)
    nodes.push_back(open_node(world, number, argv[1]));
  const MemberInfo info = member_info(1);
  Process coordinator_process(world, info.endpoint(DaemonKind::coordinator));
  CoordinatorService coordinator(coordinator_process.environment, coordinator_process, info, {});
  coordinator_process.handler = &coordinator;
  Process client_process(world, "queue://client");
  Client client(client_process, coordinator_process.id, true);
  client_process.handler = &client;
  for (int turn = 0; turn < 2000; ++turn)
    for (Process* process : world.processes) process->turn();

  client.ask_sequentially(true);
  run(world, client, kRecords, 64);
  client.ask_sequentially(false);
  if (gets) client.ask_gets();
  for (Process* process : world.processes) process->cpu = process->log_cpu = 0, process->frames = 0;
  run(world, client, operations, window);

  const auto each = [&](double us) { return us / static_cast<double>(operations); };
  double all = 0;
  const auto line = [&](const char* name, const Process& process) {
    std::printf("%-12s %6.2f us on the loop, %6.2f us off it, %5.2f frames an operation\n", name,
                each(process.cpu), each(process.log_cpu),
                each(static_cast<double>(process.frames)));
    all += each(process.cpu) + each(process.log_cpu);
  };
  line("client", client_process);
  line("coordinator", coordinator_process);
  for (const Node& node : nodes) line("kv-node", *node.process);
  std::printf("%-12s %6.2f us\n", "together", all);
  return 0;
}

}  // namespace
}  // namespace kv

int main(int argc, char** argv) {
  return kv::main_of(argc, argv);
}
