// A cluster of failure detectors under simulated time and a network that loses messages: from four
// members in a unit test to a thousand in tests/bench/detector_sim. Deterministic.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <tuple>
#include <vector>

#include "libkv/base/random.h"
#include "libkv/protocol/failure_detector.h"
#include "tests/unit/protocol/gossip_maps.h"

namespace kv {

class DetectorCluster {
 public:
  struct Settings {
    size_t members = 5;
    size_t racks = 3;
    double loss = 0;
    Duration delay_min = 1ms;
    Duration delay_max = 10ms;
    uint64_t seed = 1;
  };
  /// What members believed of others that were running, and were wrong.
  struct Mistakes {
    uint64_t suspect = 0;  ///< Changes of an opinion to suspect.
    uint64_t down = 0;
  };
  struct Traffic {
    uint64_t messages = 0;
    uint64_t rows = 0;
    size_t rows_in_one_max = 0;
  };

  explicit DetectorCluster(const Settings& settings);

  void run(Duration span);
  /// Runs until everybody who runs believes this of `member`; how long it took, or nothing.
  std::optional<Duration> run_until(MemberNumber member, Liveness liveness, Duration at_most);
  /// Runs until everybody is alive for everybody.
  std::optional<Duration> run_until_all_alive(Duration at_most);

  void crash(MemberNumber member);
  void restart(MemberNumber member, uint64_t start_number);
  /// It does nothing for so long; what arrives waits.
  void pause(MemberNumber member, Duration span);
  /// Messages from `from` to `to` are lost from now on (or no longer).
  void cut(MemberNumber from, MemberNumber to, bool is_cut = true);

  FailureDetector& detector(MemberNumber member) { return *nodes_[member - 1u].detector; }
  MemberLiveness seen(MemberNumber by, MemberNumber member) const;
  void set_daemons_up(MemberNumber member, uint8_t bits);
  const Mistakes& mistakes() const { return mistakes_; }
  const Traffic& traffic() const { return traffic_; }
  Instant now() const { return now_; }
  size_t stores_found_old() const { return stores_found_old_; }

 private:
  struct Node {
    std::unique_ptr<FailureDetector> detector;
    Instant paused_until;
    uint64_t version = 0;
    std::vector<Liveness> believed;  ///< By member - 1.
  };
  struct Flying {
    Instant at;
    uint64_t order;
    MemberNumber to;
    std::shared_ptr<const msg::Heartbeats> message;
    friend bool operator>(const Flying& a, const Flying& b) {
      return std::tie(a.at, a.order) > std::tie(b.at, b.order);
    }
  };

  bool run_one(Instant end);
  bool all_believe(MemberNumber member, Liveness liveness) const;
  void perform(MemberNumber from, GossipActions actions);
  void count_mistakes(MemberNumber by);

  const Settings settings_;
  Random random_;
  Instant now_{};
  MapPointer map_;
  std::vector<Node> nodes_;
  std::set<std::pair<MemberNumber, MemberNumber>> cuts_;
  std::priority_queue<Flying, std::vector<Flying>, std::greater<>> flying_;
  /// (when, member): the next tick of each that runs.
  std::set<std::pair<Instant, MemberNumber>> ticks_;
  uint64_t order_ = 0;
  Mistakes mistakes_;
  Traffic traffic_;
  size_t stores_found_old_ = 0;
};

}  // namespace kv
