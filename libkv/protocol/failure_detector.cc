#include "libkv/protocol/failure_detector.h"

#include <algorithm>
#include <utility>

namespace kv {
namespace {

void shuffle(std::vector<MemberNumber>& order, Random& random) {
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
}

}  // namespace

FailureDetector::FailureDetector(const Settings& settings, Random random, MapPointer map,
                                 Instant now)
    : settings_(settings),
      random_(random),
      table_(MemberTable::Settings{settings.self, settings.history, 8}),
      start_number_(settings.start_number),
      daemons_up_(1u << static_cast<int>(DaemonKind::gossip)),
      next_tick_(now),
      next_refutation_(now) {
  // Members that were started together must not all speak at the same moments.
  next_tick_ += Duration(random_.below(static_cast<uint64_t>(settings.interval.count())));
  on_map(map, now);
}

void FailureDetector::on_map(const MapPointer& map, Instant now) {
  if (!map) return;
  epoch_ = map->epoch;
  in_map_ = map->member(settings_.self) != nullptr;
  table_.on_map(*map, now);
  target_order_.clear();
  for (const MemberRow& row : table_.rows()) target_order_.push_back(row.member);
  row_order_ = target_order_;
  shuffle(target_order_, random_);
  shuffle(row_order_, random_);
  target_position_ = row_position_ = 0;
}

// Called before anything is believed: the silence of others while this process did not run is
// its own fault.
void FailureDetector::notice_stall(Instant now) {
  if (now <= next_tick_ + settings_.interval) return;
  const Duration stalled = now - next_tick_;
  table_.forgive(stalled, now);
  worsen(1 + static_cast<unsigned>(std::min<int64_t>(stalled / (4 * settings_.interval), 8)));
  next_tick_ = now;
}

void FailureDetector::worsen(unsigned by) {
  ill_health_ = std::min(ill_health_ + by, settings_.health_worst);
  ticks_in_time_ = 0;
}

void FailureDetector::on_heartbeats(const msg::Heartbeats& heartbeats, Instant now,
                                    GossipActions& actions) {
  notice_stall(now);
  if (heartbeats.rows.size() > limits::members_max) return;
  for (const msg::HeartbeatRow& row : heartbeats.rows) {
    if (row.member == settings_.self)
      hear_of_self(row, heartbeats.from, now, actions);
    else
      table_.hear(row, heartbeats.from, now);
  }
}

void FailureDetector::hear_of_self(const msg::HeartbeatRow& row, MemberNumber from, Instant now,
                                   GossipActions& actions) {
  if (row.start > start_number_) {
    actions.push_back(StoreIsOld{row.start});
    actions.push_back(Persist{OwnStartRow{row.start + 1}});
    start_number_ = row.start + 1;
    counter_ = refuted_counter_ = 0;
    ++own_changes_;
    return;
  }
  if (row.start != start_number_) return;
  counter_ = std::max(counter_, row.counter);
  if (!row.suspicions.empty()) refute(row, from, now, actions);
}

// The teller has heard nothing newer, so the accusation stands there: answer it, and the accusers.
void FailureDetector::refute(const msg::HeartbeatRow& row, MemberNumber from, Instant now,
                             GossipActions& actions) {
  if (now < next_refutation_) return;
  next_refutation_ = now + settings_.interval;
  if (row.counter > refuted_counter_) worsen(1);
  ++counter_;
  refuted_counter_ = counter_;
  tell(from, actions);
  size_t told = 0;
  for (const msg::Suspicion& suspicion : row.suspicions) {
    if (++told > settings_.fan_out) break;
    if (suspicion.suspecter != from) tell(suspicion.suspecter, actions);
  }
}

void FailureDetector::on_daemons_up(uint8_t daemons_up, Instant /*now*/, GossipActions& actions) {
  const uint8_t with_self =
      static_cast<uint8_t>(daemons_up | (1u << static_cast<int>(DaemonKind::gossip)));
  if (with_self == daemons_up_) return;
  daemons_up_ = with_self;
  ++own_changes_;
  gossip(actions);
}

void FailureDetector::on_tick(Instant now, GossipActions& actions) {
  if (now < next_tick_) return;
  notice_stall(now);
  next_tick_ = now + settings_.interval;
  constexpr unsigned kTicksToRecover = 4;
  if (ill_health_ > 0 && ++ticks_in_time_ >= kTicksToRecover) {
    --ill_health_;
    ticks_in_time_ = 0;
  }
  table_.judge_all(now, 1.0 + ill_health_);
  gossip(actions);
}

// Raises the heartbeat and tells it. One that is not in the map is not expected to be heard.
void FailureDetector::gossip(GossipActions& actions) {
  ++counter_;
  if (!in_map_ || target_order_.empty()) return;
  const size_t fan_out = std::min(settings_.fan_out, target_order_.size());
  for (size_t i = 0; i < fan_out; ++i) {
    const MemberNumber target = next_target();
    if (target != 0) tell(target, actions);
  }
  if (!random_.chance(settings_.chance_to_try_one_down)) return;
  std::vector<MemberNumber> down;
  for (const MemberRow& row : table_.rows()) {
    if (row.liveness == Liveness::down) down.push_back(row.member);
  }
  if (!down.empty()) tell(down[random_.below(down.size())], actions);
}

// The next of the round that is not down; 0 if there is none. The round ends where two rounds
// meet, not at a new one's beginning, so a message may go to the same member twice at that point.
MemberNumber FailureDetector::next_target() {
  for (size_t tried = 0; tried < target_order_.size(); ++tried) {
    if (target_position_ >= target_order_.size()) {
      shuffle(target_order_, random_);
      target_position_ = 0;
    }
    const MemberNumber target = target_order_[target_position_++];
    const MemberRow* row = table_.find(target);
    if (row != nullptr && row->liveness != Liveness::down) return target;
  }
  return 0;
}

void FailureDetector::tell(MemberNumber to, GossipActions& actions) {
  msg::Heartbeats message;
  message.from = settings_.self;
  message.epoch = epoch_;
  message.rows.reserve(std::min(settings_.rows_per_message_max, table_.rows().size() + 1));
  message.rows.push_back({settings_.self, start_number_, counter_, daemons_up_, {}});
  ++messages_;
  add_urgent_rows(message);
  add_rows_in_turn(message);
  actions.push_back(Send{to, std::move(message), nullptr});
}

// They may take half of the message, so that the others' heartbeats keep coming.
void FailureDetector::add_urgent_rows(msg::Heartbeats& message) {
  const size_t most = std::max<size_t>(settings_.rows_per_message_max / 2, 2);
  for (MemberRow& row : table_.rows()) {
    if (message.rows.size() >= most) return;
    if (row.urgent == 0) continue;
    --row.urgent;
    row.sent_in = messages_;
    message.rows.push_back(row.to_message());
  }
}

void FailureDetector::add_rows_in_turn(msg::Heartbeats& message) {
  for (size_t seen = 0; seen < row_order_.size(); ++seen) {
    if (message.rows.size() >= settings_.rows_per_message_max) return;
    if (row_position_ >= row_order_.size()) row_position_ = 0;
    const MemberRow* row = table_.find(row_order_[row_position_++]);
    const bool tells = row->was_heard() || !row->suspicions.empty();
    if (tells && row->sent_in != messages_) message.rows.push_back(row->to_message());
  }
}

std::map<MemberNumber, MemberLiveness> FailureDetector::liveness() const {
  std::map<MemberNumber, MemberLiveness> all;
  for (const MemberRow& row : table_.rows()) all[row.member] = {row.liveness, row.daemons_up};
  if (in_map_) all[settings_.self] = {Liveness::alive, daemons_up_};
  return all;
}

uint64_t FailureDetector::liveness_version() const {
  return (start_number_ << 32) + table_.changes() + own_changes_ + 1;
}

}  // namespace kv
