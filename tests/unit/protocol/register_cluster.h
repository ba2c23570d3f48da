// A handful of kv-gossips with their voters, proposers and map spread, under simulated time, a bad
// network and crashes, all from one seed. What was not named in a Persist is lost in a crash.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "libkv/base/random.h"
#include "libkv/protocol/map_register.h"
#include "libkv/protocol/map_spread.h"
#include "tests/unit/protocol/gossip_maps.h"

namespace kv {

class RegisterCluster {
 public:
  struct Faults {
    double loss = 0;
    double duplication = 0;
    Duration delay_max = 20ms;
    double crash = 0;       ///< Of a process, each step.
    double torn_step = 0;   ///< That it crashes between two actions of one list.
    double store_loss = 0;  ///< With a crash.
  };
  struct ClientCall {
    MapPointer map;
    std::optional<Answer> answer;
  };

  RegisterCluster(uint64_t seed, size_t members, size_t voters, bool has_first_map);

  /// Runs for `span`, in steps of `kStep`, proposing with probability `proposals` each step.
  void run(Duration span, const Faults& faults, double proposals, bool change_voters);
  /// Everybody is up, nothing is lost: proposes until an epoch is decided. False: not in `span`.
  bool makes_progress(Duration span);

  size_t propose(MemberNumber at, MapPointer map, Duration time_left = 1s);
  void crash(MemberNumber member);
  void lose_store(MemberNumber member);
  void start(MemberNumber member);
  void step(const Faults& faults);

  const std::vector<ClientCall>& calls() const { return calls_; }
  MapPointer held_by(MemberNumber member) const;
  Epoch newest_epoch() const;
  /// Breaches of what must always hold; empty: none.
  const std::vector<std::string>& breaches() const { return breaches_; }
  /// Who holds what, for the message of a failure.
  std::string describe() const;
  /// Checks what clients were told against what was decided.
  void check_answers();
  size_t decided_count() const { return decided_.size(); }

 private:
  static constexpr Duration kStep = 10ms;
  static constexpr uint64_t kFirstClient = 100'000;
  struct Process {
    MemberNumber number = 0;
    uint64_t store_id = 0;
    uint64_t starts = 0;
    // Durable.
    AcceptorRow acceptor;
    MapPointer map;
    // Lost in a crash.
    std::unique_ptr<Voter> voter;
    std::unique_ptr<Proposer> proposer;
    std::unique_ptr<MapSpread> spread;
    bool is_up() const { return voter != nullptr; }
  };
  struct Flying {
    Instant at;
    uint64_t order;
    MemberNumber from, to;
    GossipMessage message;
    friend bool operator>(const Flying& a, const Flying& b) {
      return std::tie(a.at, a.order) > std::tie(b.at, b.order);
    }
  };

  Process& process(MemberNumber member) { return processes_[member - 1u]; }
  const Process& process(MemberNumber member) const { return processes_[member - 1u]; }
  void perform(Process& process, GossipActions actions, const Faults& faults);
  void dispatch(Process& process, AskerId asker, const GossipMessage& message,
                GossipActions& actions);
  void send(MemberNumber from, MemberNumber to, const GossipMessage& message, const Faults& faults);
  void persist(Process& process, const Persist& persist);
  void note_decided(const MapPointer& map);
  void propose_something(bool change_voters);
  bool may_lose_store(MemberNumber member) const;
  MapPointer newest_map() const;

  Random random_;
  Instant now_{};
  std::vector<Process> processes_;
  std::priority_queue<Flying, std::vector<Flying>, std::greater<>> flying_;
  uint64_t order_ = 0;
  uint64_t store_ids_ = 5000;
  ClusterMap first_;
  std::vector<ClientCall> calls_;
  std::map<Epoch, MapPointer> decided_;
  std::vector<std::string> breaches_;
};

}  // namespace kv
