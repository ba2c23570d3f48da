#include "tests/unit/protocol/detector_cluster.h"

#include <algorithm>
#include <utility>

namespace kv {

DetectorCluster::DetectorCluster(const Settings& settings)
    : settings_(settings),
      random_(settings.seed),
      map_(shared(make_map(settings.members, 1, settings.racks))),
      nodes_(settings.members) {
  for (size_t i = 0; i < settings.members; ++i) restart(static_cast<MemberNumber>(i + 1), 1);
}

void DetectorCluster::restart(MemberNumber member, uint64_t start_number) {
  Node& node = nodes_[member - 1u];
  FailureDetector::Settings settings;
  settings.self = member;
  settings.start_number = start_number;
  node.detector = std::make_unique<FailureDetector>(settings, Random(random_.next()), map_, now_);
  node.version = 0;
  node.believed.assign(nodes_.size(), Liveness::suspect);
  node.paused_until = now_;
  ticks_.insert({node.detector->next_wake(), member});
}

void DetectorCluster::crash(MemberNumber member) {
  nodes_[member - 1u].detector = nullptr;
  std::erase_if(ticks_, [&](const auto& tick) { return tick.second == member; });
}

void DetectorCluster::pause(MemberNumber member, Duration span) {
  nodes_[member - 1u].paused_until = now_ + span;
}

void DetectorCluster::cut(MemberNumber from, MemberNumber to, bool is_cut) {
  is_cut ? (void)cuts_.insert({from, to}) : (void)cuts_.erase({from, to});
}

MemberLiveness DetectorCluster::seen(MemberNumber by, MemberNumber member) const {
  return nodes_[by - 1u].detector->liveness().at(member);
}

void DetectorCluster::set_daemons_up(MemberNumber member, uint8_t bits) {
  GossipActions actions;
  detector(member).on_daemons_up(bits, now_, actions);
  perform(member, std::move(actions));
}

void DetectorCluster::perform(MemberNumber from, GossipActions actions) {
  for (GossipAction& action : actions) {
    if (std::holds_alternative<StoreIsOld>(action)) ++stores_found_old_;
    auto* send = std::get_if<Send>(&action);
    if (send == nullptr) continue;
    auto& message = std::get<msg::Heartbeats>(send->message);
    ++traffic_.messages;
    traffic_.rows += message.rows.size();
    traffic_.rows_in_one_max = std::max(traffic_.rows_in_one_max, message.rows.size());
    if (random_.chance(settings_.loss) || cuts_.count({from, send->to}) != 0) continue;
    const auto spread = static_cast<uint64_t>((settings_.delay_max - settings_.delay_min).count());
    const Instant at = now_ + settings_.delay_min + Duration(random_.below(spread + 1));
    flying_.push(
        {at, ++order_, send->to, std::make_shared<const msg::Heartbeats>(std::move(message))});
  }
}

void DetectorCluster::count_mistakes(MemberNumber by) {
  Node& node = nodes_[by - 1u];
  const uint64_t version = node.detector->liveness_version();
  if (version == node.version) return;
  node.version = version;
  for (const MemberRow& row : node.detector->table().rows()) {
    Liveness& before = node.believed[row.member - 1u];
    const bool wrong = nodes_[row.member - 1u].detector != nullptr;
    const bool changed = before != row.liveness;
    if (wrong && changed && before == Liveness::alive) ++mistakes_.suspect;
    if (wrong && changed && row.liveness == Liveness::down) ++mistakes_.down;
    before = row.liveness;
  }
}

// The earliest of the next tick and the next message; false when there is none before `end`.
bool DetectorCluster::run_one(Instant end) {
  const bool tick_first =
      !ticks_.empty() && (flying_.empty() || ticks_.begin()->first <= flying_.top().at);
  if (!tick_first && flying_.empty()) return false;
  const Instant at = tick_first ? ticks_.begin()->first : flying_.top().at;
  if (at > end) return false;
  now_ = at;
  GossipActions actions;
  MemberNumber member = 0;
  if (tick_first) {
    member = ticks_.begin()->second;
    ticks_.erase(ticks_.begin());
    Node& node = nodes_[member - 1u];
    if (node.paused_until > now_) {
      ticks_.insert({node.paused_until, member});
      return true;
    }
    node.detector->on_tick(now_, actions);
    ticks_.insert({node.detector->next_wake(), member});
  } else {
    Flying flying = flying_.top();
    flying_.pop();
    member = flying.to;
    Node& node = nodes_[member - 1u];
    if (node.detector == nullptr) return true;
    if (node.paused_until > now_) {
      flying.at = node.paused_until;
      flying_.push(std::move(flying));
      return true;
    }
    node.detector->on_heartbeats(*flying.message, now_, actions);
  }
  count_mistakes(member);
  perform(member, std::move(actions));
  return true;
}

void DetectorCluster::run(Duration span) {
  const Instant end = now_ + span;
  while (run_one(end)) {
  }
  now_ = end;
}

bool DetectorCluster::all_believe(MemberNumber member, Liveness liveness) const {
  return std::all_of(nodes_.begin(), nodes_.end(), [&](const Node& node) {
    if (node.detector == nullptr) return true;
    const MemberRow* row = node.detector->table().find(member);
    return row == nullptr || row->liveness == liveness;
  });
}

std::optional<Duration> DetectorCluster::run_until(MemberNumber member, Liveness liveness,
                                                   Duration at_most) {
  for (Duration waited{}; waited <= at_most; waited += 50ms) {
    if (all_believe(member, liveness)) return waited;
    run(50ms);
  }
  return std::nullopt;
}

std::optional<Duration> DetectorCluster::run_until_all_alive(Duration at_most) {
  const Instant begin = now_;
  for (size_t i = 1; i <= nodes_.size(); ++i) {
    const Duration left = at_most - (now_ - begin);
    if (!run_until(static_cast<MemberNumber>(i), Liveness::alive, left)) return std::nullopt;
  }
  return now_ - begin;
}

}  // namespace kv
