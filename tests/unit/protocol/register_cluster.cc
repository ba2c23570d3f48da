#include "tests/unit/protocol/register_cluster.h"

#include <algorithm>
#include <tuple>

namespace kv {

RegisterCluster::RegisterCluster(uint64_t seed, size_t members, size_t voters, bool has_first_map)
    : random_(seed), processes_(members), first_(make_map(members, voters)) {
  for (size_t i = 0; i < members; ++i) {
    Process& process = processes_[i];
    process.number = static_cast<MemberNumber>(i + 1);
    process.store_id = first_store_of(process.number);
    if (has_first_map) process.map = shared(first_);
    start(process.number);
  }
  if (has_first_map) decided_[1] = shared(first_);
}

void RegisterCluster::start(MemberNumber member) {
  Process& p = process(member);
  if (p.is_up()) return;
  ++p.starts;
  p.voter = std::make_unique<Voter>(Voter::Settings{member, p.store_id}, p.acceptor, p.map, now_);
  p.proposer = std::make_unique<Proposer>(Proposer::Settings{member, p.starts},
                                          Random(random_.next()), p.map);
  // Everybody is everybody's seed.
  p.spread = std::make_unique<MapSpread>(MapSpread::Settings{member, p.store_id, processes_.size()},
                                         Random(random_.next()), p.map, now_);
}

void RegisterCluster::crash(MemberNumber member) {
  Process& p = process(member);
  p.voter = nullptr;
  p.proposer = nullptr;
  p.spread = nullptr;
}

void RegisterCluster::lose_store(MemberNumber member) {
  crash(member);
  Process& p = process(member);
  p.acceptor = {};
  p.map = nullptr;
  p.store_id = ++store_ids_;
}

MapPointer RegisterCluster::newest_map() const {
  return decided_.empty() ? nullptr : decided_.rbegin()->second;
}

// Never more voters without their store than the register can bear, by the newest map and by the
// one before it, which is what those who vote may still hold.
bool RegisterCluster::may_lose_store(MemberNumber member) const {
  size_t maps = 0;
  for (auto entry = decided_.rbegin(); entry != decided_.rend() && maps < 2; ++entry, ++maps) {
    const ClusterMap& map = *entry->second;
    size_t lost = 0;
    for (const MemberNumber voter : map.voters) {
      const bool has_other = process(voter).store_id != map.member(voter)->store_id;
      if (voter == member || has_other) ++lost;
    }
    if (lost > (map.voters.size() - 1) / 2) return false;
  }
  return maps > 0;
}

void RegisterCluster::note_decided(const MapPointer& map) {
  const auto [entry, is_first] = decided_.try_emplace(map->epoch, map);
  if (is_first || *entry->second == *map) return;
  breaches_.push_back("two maps of epoch " + std::to_string(map->epoch) + ": " +
                      entry->second->reason + " and " + map->reason);
}

void RegisterCluster::persist(Process& p, const Persist& persist) {
  if (const auto* row = std::get_if<AcceptorRow>(&persist.row)) p.acceptor = *row;
  if (const auto* row = std::get_if<DecidedRow>(&persist.row)) {
    if (p.map && row->map->epoch <= p.map->epoch) breaches_.push_back("an older map was applied");
    p.map = row->map;
    note_decided(row->map);
  }
}

void RegisterCluster::send(MemberNumber from, MemberNumber to, const GossipMessage& message,
                           const Faults& faults) {
  const int copies = random_.chance(faults.duplication) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    if (random_.chance(faults.loss)) continue;
    const auto delay = random_.below(static_cast<uint64_t>(faults.delay_max.count()));
    flying_.push({now_ + Duration(delay), ++order_, from, to, message});
  }
}

void RegisterCluster::dispatch(Process& p, AskerId asker, const GossipMessage& message,
                               GossipActions& out) {
  if (const auto* m = std::get_if<msg::Prepare>(&message)) p.voter->on_prepare(*m, asker, out);
  if (const auto* m = std::get_if<msg::Accept>(&message)) p.voter->on_accept(*m, asker, now_, out);
  if (const auto* m = std::get_if<msg::Promise>(&message)) p.proposer->on_promise(*m, now_, out);
  if (const auto* m = std::get_if<msg::Accepted>(&message)) p.proposer->on_accepted(*m, now_, out);
  if (const auto* m = std::get_if<msg::Propose>(&message)) {
    p.proposer->on_propose(*m, asker, now_, out);
  }
  if (const auto* m = std::get_if<msg::MapPull>(&message)) p.spread->on_pull(*m, asker, now_, out);
  if (const auto* m = std::get_if<msg::MapPush>(&message)) p.spread->on_push(*m, now_, out);
  if (const auto* m = std::get_if<msg::Heartbeats>(&message)) {
    p.spread->on_heard(m->from, m->epoch, now_, out);
  }
}

// What a thin service does: in order, each action's consequences after those before it.
void RegisterCluster::perform(Process& p, GossipActions actions, const Faults& faults) {
  for (size_t i = 0; i < actions.size(); ++i) {
    if (random_.chance(faults.torn_step)) return crash(p.number);
    const GossipAction action = actions[i];
    GossipActions more;
    if (const auto* a = std::get_if<Persist>(&action)) persist(p, *a);
    if (const auto* a = std::get_if<SendToSeed>(&action)) {
      send(p.number, static_cast<MemberNumber>(a->seed + 1), a->message, faults);
    }
    if (const auto* a = std::get_if<Decided>(&action)) {
      note_decided(a->map);
      p.spread->on_decided(a->map, now_, more);
    }
    if (const auto* a = std::get_if<Adopted>(&action)) {
      p.voter->on_map(a->map);
      p.proposer->on_map(a->map, now_, more);
    }
    if (const auto* a = std::get_if<Send>(&action)) {
      if (a->to == p.number)
        dispatch(p, AskerId::nobody, a->message, more);
      else
        send(p.number, a->to, a->message, faults);
    }
    if (const auto* a = std::get_if<ReplyTo>(&action)) {
      const auto to = static_cast<uint64_t>(a->to);
      if (to == 0)
        dispatch(p, AskerId::nobody, a->message, more);
      else if (to < kFirstClient)
        send(p.number, static_cast<MemberNumber>(to), a->message, faults);
      else
        calls_[to - kFirstClient].answer = std::get<msg::Proposed>(a->message).answer;
    }
    actions.insert(actions.begin() + static_cast<std::ptrdiff_t>(i) + 1, more.begin(), more.end());
  }
}

size_t RegisterCluster::propose(MemberNumber at, MapPointer map, Duration time_left) {
  Process& p = process(at);
  calls_.push_back({map, std::nullopt});
  const size_t call = calls_.size() - 1;
  GossipActions actions;
  p.proposer->on_propose({call, time_left, std::move(map)}, AskerId{kFirstClient + call}, now_,
                         actions);
  perform(p, std::move(actions), Faults{});
  return call;
}

void RegisterCluster::propose_something(bool change_voters) {
  const auto at = static_cast<MemberNumber>(1 + random_.below(processes_.size()));
  Process& p = process(at);
  if (!p.is_up()) return;
  ClusterMap map = p.map ? *p.map : first_;
  if (p.map) ++map.epoch;
  map.reason = "change " + std::to_string(calls_.size());
  // A first map that names a store drawn since belongs to another run of kv-init, and so to another
  // cluster: not what is tried here.
  for (MemberInfo& info : map.members) {
    if (p.map) info.store_id = process(info.number).store_id;
  }
  if (p.map && change_voters && random_.chance(0.3)) {
    map.voters.clear();
    const size_t first = random_.below(processes_.size());
    const size_t count = 1 + random_.below(processes_.size());
    for (size_t i = 0; i < count; ++i) {
      map.voters.push_back(static_cast<MemberNumber>(1 + (first + i) % processes_.size()));
    }
    std::sort(map.voters.begin(), map.voters.end());
  }
  propose(at, shared(std::move(map)), Duration(random_.below(uint64_t{1'000'000'000})) + 100ms);
}

void RegisterCluster::step(const Faults& faults) {
  now_ += kStep;
  while (!flying_.empty() && flying_.top().at <= now_) {
    const Flying flying = flying_.top();
    flying_.pop();
    Process& p = process(flying.to);
    if (!p.is_up()) continue;
    GossipActions actions;
    dispatch(p, AskerId{flying.from}, flying.message, actions);
    perform(p, std::move(actions), faults);
  }
  for (Process& p : processes_) {
    if (!p.is_up()) {
      if (random_.chance(0.05)) start(p.number);
      continue;
    }
    if (random_.chance(faults.crash)) {
      const bool loses = random_.chance(faults.store_loss) && may_lose_store(p.number);
      loses ? lose_store(p.number) : crash(p.number);
      continue;
    }
    GossipActions actions;
    p.proposer->on_tick(now_, actions);
    p.spread->on_tick(now_, actions);
    p.proposer->finish(p.voter->orphan(now_), now_, actions);
    if (random_.chance(0.04)) {
      const auto to = static_cast<MemberNumber>(1 + random_.below(processes_.size()));
      actions.push_back(Send{to, msg::Heartbeats{p.number, p.spread->epoch(), {}}, nullptr});
    }
    perform(p, std::move(actions), faults);
  }
}

void RegisterCluster::run(Duration span, const Faults& faults, double proposals,
                          bool change_voters) {
  for (const Instant end = now_ + span; now_ < end;) {
    if (random_.chance(proposals)) propose_something(change_voters);
    step(faults);
  }
}

bool RegisterCluster::makes_progress(Duration span) {
  for (Process& p : processes_) start(p.number);
  const size_t before = decided_.size();
  for (const Instant end = now_ + span; now_ < end && decided_.size() < before + 2;) {
    run(200ms, Faults{}, 0, false);
    propose_something(false);
  }
  return decided_.size() >= before + 2;
}

std::string RegisterCluster::describe() const {
  std::string text;
  for (const Process& p : processes_) {
    text += "\n  member " + std::to_string(p.number) + " store " + std::to_string(p.store_id) +
            " epoch " + std::to_string(p.map ? p.map->epoch : 0) + " voted on " +
            std::to_string(p.acceptor.epoch) + " accepted " +
            (p.acceptor.accepted ? p.acceptor.accepted->reason : "-");
  }
  const MapPointer newest = newest_map();
  text += "\n  newest epoch " + std::to_string(newest_epoch()) + ", voters";
  for (size_t i = 0; newest && i < newest->voters.size(); ++i) {
    const MemberNumber voter = newest->voters[i];
    text += " " + std::to_string(voter) + "/" + std::to_string(newest->member(voter)->store_id);
  }
  return text;
}

MapPointer RegisterCluster::held_by(MemberNumber member) const {
  return process(member).map;
}

Epoch RegisterCluster::newest_epoch() const {
  return decided_.empty() ? 0 : decided_.rbegin()->first;
}

void RegisterCluster::check_answers() {
  for (const ClientCall& call : calls_) {
    if (!call.answer) continue;
    const auto decided = decided_.find(call.map->epoch);
    const bool won = decided != decided_.end() && *decided->second == *call.map;
    if (*call.answer == Answer::ok && !won) breaches_.push_back("told ok, but another map won");
    const bool never = *call.answer == Answer::conflict || *call.answer == Answer::unavailable;
    if (never && won) breaches_.push_back("told it lost, but this map won");
  }
}

}  // namespace kv
