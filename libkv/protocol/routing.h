// A coordinator's own, quick opinion of the kv-nodes: who is near, who is quick, who has just
// failed to answer. It decides whom to try first and how long to wait, never what is true; it
// leaves the process in no message (protocols.md §4).
//
//   up   = by the view, or by an answer of late that came after the view had lost it
//   live = up, and not in a back-off
//
// What gossip says is soft: a kv-gossip may be dead while its member's kv-node serves. A member
// that is not up is therefore not unreachable but the last to be tried, with a patience of its own;
// who then answers is up for a while. One time-out ends that.
//
// Two time-outs without an answer between them put a member in a back-off, which doubles each time
// until it answers. While in it, it is a down slot to puts (hints) and a last resort to gets.
//
// Not thread-safe; deterministic; as large as the map's member list.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "libkv/model/view.h"
#include "libkv/protocol/coordinator_actions.h"
#include "libkv/protocol/latency_profile.h"

namespace kv {

struct RoutingSettings {
  unsigned timeouts_to_back_off = 2;
  Duration back_off_min = 500ms;
  Duration back_off_max = 8s;
  /// While too few answers are known.
  Duration latency_unknown = 20ms;
  /// A hedge waits for the 95th percentile, a patience for four times the 99th, within these.
  Duration hedge_min = 1ms;
  Duration hedge_max = 200ms;
  Duration patience_min = 100ms;
  Duration patience_max = 1s;
  /// With one that is not up: an operation that needs it says soon that it cannot be had.
  Duration patience_not_up = 200ms;
  /// How long an answer makes a member up that the view says is not.
  Duration heard_for = 2s;
};

/// What a patience grows by for a value of so many bytes, which are copied, checked and written at
/// every step of their way: were it sent again before it can be answered, it would never be. (As
/// slow as a busy machine has been seen to be; nothing below 64 KiB.)
inline Duration patience_for(size_t value_bytes) {
  return Duration(20ms) * static_cast<Duration::rep>(value_bytes / (64u << 10));
}

/// The longest wait for one that is not up. A client turns to another coordinator after a third of
/// its time (client_request.h): by then it is to have heard that this one cannot be had.
inline Duration patience_with_not_up(Duration patience, Duration time_left) {
  return std::min(patience, std::max<Duration>(time_left / 4, 1ms));
}

/// A kv-node as an operation sees it when it is planned.
struct Candidate {
  MemberNumber member = 0;
  bool up = false;       ///< By the view, or heard of late: else it is the last to be tried.
  bool live = false;     ///< Up, and not in a back-off: to be tried.
  bool near = false;     ///< In the coordinator's data centre.
  bool dc_down = false;  ///< It is not up, nor by the view any kv-node of its data centre.
  uint32_t dc = 0;       ///< Equal exactly for members with equal labels; a member without a host
  uint32_t host = 0;     ///< label counts as a host of its own.
  Duration quick{};      ///< Median latency.
  Duration hedge_after{};
  Duration patience{};          ///< For what is answered without a sync.
  Duration durable_patience{};  ///< For what is answered once it is durable.
};

class Routing {
 public:
  Routing(MemberNumber own_member, const RoutingSettings& settings);

  /// Takes labels and liveness over, and forgets who is no longer a member.
  void on_view(const View& view);
  void note(const MemberNote& note, Instant now);

  /// Not up if the member is unknown.
  Candidate candidate(MemberNumber member, Instant now) const;

 private:
  /// What the profiles come to: asked for far more often than it changes.
  struct Pace {
    Duration quick{};
    Duration hedge_after{};
    Duration patience{};
    Duration durable_patience{};
  };
  struct Opinion {
    bool up = false;  ///< By the view.
    uint32_t dc = 0;
    uint32_t host = 0;
    LatencyProfile answers;
    LatencyProfile durable_answers;
    unsigned timeouts = 0;  ///< Since the last answer.
    Duration back_off{};    ///< Zero: none since the last answer.
    Instant back_off_until{};
    Instant heard_until{};  ///< While not up by the view: it answered a while before.
    unsigned notes = 0;
    Pace pace;
  };

  void number_labels(const ClusterMap& map);
  void note_timeout(Opinion& opinion, Instant now) const;
  Pace pace_of(const Opinion& opinion) const;

  MemberNumber own_member_;
  RoutingSettings settings_;
  std::map<MemberNumber, Opinion> opinions_;
  std::set<uint32_t> dcs_up_;
  uint32_t own_dc_ = 0;
};

/// Live before doubted before not up, near before far, then by median latency, then as they stood:
/// the order in which a get asks.
void sort_for_reading(std::vector<Candidate>* candidates);

}  // namespace kv
