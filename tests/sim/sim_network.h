// The simulated network: carries frames between simulated processes, and loses, repeats, delays,
// reorders and cuts them from a seed. A frame that arrives is whole, and nothing that was on its
// way to or from a process arrives after that process has died (a connection breaks with its end).
//
// Single-threaded, on a SimScheduler.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "libkv/base/environment.h"
#include "libkv/base/random.h"
#include "libkv/transport/loop_handler.h"
#include "libkv/transport/transport.h"
#include "tests/sim/sim_scheduler.h"

namespace kv {

/// Where processes run: frames within a host are never cut. Hosts are members' numbers; clients
/// have numbers of their own.
using SimHost = uint32_t;

struct NetworkFaults {
  double loss = 0;
  double duplicate = 0;
  Duration delay_min = 20us;
  Duration delay_max = 200us;
  double straggle = 0;  ///< The share of frames that take up to straggle_max more.
  Duration straggle_max = 50ms;
};

class SimNetwork;

/// A process on the network: drives its LoopHandler in turns, as the real event loop does.
class SimProcess final : public Transport {
 public:
  SimProcess(SimNetwork& network, SimHost host, Endpoint endpoint);
  ~SimProcess() override;
  SimProcess(const SimProcess&) = delete;
  SimProcess& operator=(const SimProcess&) = delete;

  /// Begins the turns. REQUIRES: the handler outlives this, or detach() is called.
  void drive(LoopHandler* handler);
  /// The process is dead: nothing reaches the handler any more.
  void detach();
  /// A stall: what arrives waits, ticks do not come, until the time given.
  void stall_until(Instant until);
  /// Runs `task` in a turn of this process (completions of its executor do).
  void in_turn(const std::function<void()>& task);

  PeerId connect(const Endpoint& endpoint) override;
  void disconnect(PeerId peer) override;
  bool send(PeerId peer, Frame frame) override;
  size_t unsent_bytes(PeerId) const override { return 0; }

  SimHost host() const { return host_; }
  const Endpoint& endpoint() const { return endpoint_; }

 private:
  friend class SimNetwork;
  void deliver(uint64_t from_process, Frame frame);
  void take_turn();
  void schedule_turn(Instant at);
  PeerId peer_of_process(uint64_t process);

  SimNetwork& network_;
  const SimHost host_;
  const Endpoint endpoint_;
  const uint64_t id_;
  LoopHandler* handler_ = nullptr;
  std::vector<std::pair<PeerId, Frame>> arrived_;
  std::vector<std::function<void()>> tasks_;
  Instant stalled_until_{};
  Instant turn_at_ = Instant::max();
  uint64_t turn_number_ = 0;  ///< Of the turn that is scheduled; earlier ones are void.
  uint64_t next_peer_ = 1;
  std::map<uint64_t, Endpoint> outgoing_;  ///< By PeerId.
  std::map<Endpoint, PeerId> connected_;
  std::map<uint64_t, uint64_t> inbound_;  ///< PeerId → process.
  std::map<uint64_t, PeerId> inbound_by_process_;
};

class SimNetwork {
 public:
  SimNetwork(SimScheduler& scheduler, uint64_t seed) : scheduler_(scheduler), random_(seed) {}

  void set_faults(const NetworkFaults& faults) { faults_ = faults; }
  /// Frames from `from` to `to` vanish until healed.
  void cut(SimHost from, SimHost to) { cuts_.insert({from, to}); }
  void heal(SimHost from, SimHost to) { cuts_.erase({from, to}); }
  void heal_all() { cuts_.clear(); }
  /// Whether a process listens there.
  bool is_listening(const Endpoint& endpoint) const { return listening_.count(endpoint) != 0; }
  /// Sees every frame that is sent to a process, living or dead, before any fault.
  void observe(std::function<void(SimHost from, SimHost to, const Frame&)> observer) {
    observer_ = std::move(observer);
  }
  /// Sees those that arrive twice.
  void observe_repeats(std::function<void(const Frame&)> observer) {
    repeat_observer_ = std::move(observer);
  }

  struct Counters {
    uint64_t sent = 0, lost = 0, duplicated = 0, cut = 0, straggled = 0;
  };
  const Counters& counters() const { return counters_; }
  SimScheduler& scheduler() { return scheduler_; }

 private:
  friend class SimProcess;
  void carry(SimProcess& from, uint64_t to_process, const Frame& frame);
  void carry_once(uint64_t from_process, uint64_t to_process, Frame frame);
  Duration delay();

  SimScheduler& scheduler_;
  Random random_;
  NetworkFaults faults_;
  std::set<std::pair<SimHost, SimHost>> cuts_;
  std::map<uint64_t, SimProcess*> processes_;
  std::map<uint64_t, SimHost> hosts_;  // Of the dead, too.
  std::map<Endpoint, uint64_t> listening_;
  uint64_t next_process_ = 1;
  std::function<void(SimHost, SimHost, const Frame&)> observer_;
  std::function<void(const Frame&)> repeat_observer_;
  Counters counters_;
};

/// An executor whose completions run in turns of the process, so that what they answer is sent.
class TurnExecutor final : public Executor {
 public:
  TurnExecutor(Executor& inner, SimProcess& process) : inner_(inner), process_(process) {}
  void run(Lane lane, std::function<void()> work, std::function<void()> done) override;
  bool begin_read(const std::shared_ptr<FileRead>& read, std::function<void()> done) override;
  void finish_read(FileRead& read) override;

 private:
  Executor& inner_;
  SimProcess& process_;
};

}  // namespace kv
