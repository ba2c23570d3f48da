#include "libkv/service/admin_desk.h"

#include <algorithm>
#include <set>

#include "libkv/model/preference_list.h"
#include "libkv/service/keyspace_change.h"

namespace kv {

namespace {

constexpr Duration kWaitDefault = 2s;
constexpr size_t kGatheringsMax = 1024;

/// For so long an answer is gathered: half of what the asker gives, as it must hear of those who
/// were silent while it still listens.
Duration patience_with(const msg::Ask& ask) {
  const Duration left = ask.time_left > Duration::zero() ? ask.time_left : kWaitDefault;
  return std::min(left, kWaitDefault) / 2;
}

Report report_of_members(const std::vector<MemberNumber>& members) {
  Report report = Report::array();
  for (const MemberNumber member : members) report.append(member);
  return report;
}

}  // namespace

AdminDesk::AdminDesk(Environment& environment, Transport& transport, const MemberInfo& self,
                     MapWatch& watch, Outbox& outbox)
    : self_(self),
      watch_(watch),
      outbox_(outbox),
      own_node_(transport.connect(self.endpoint(DaemonKind::node))),
      own_repair_(transport.connect(self.endpoint(DaemonKind::repair))),
      // Ids must not meet those of operations, whose lowest 16 bits count from 0 upward; a wrong
      // meeting would only be an answer that nobody waits for.
      next_(environment.entropy() | (uint64_t{1} << 63)) {}

void AdminDesk::tell(PeerId to, msg::RequestId id, Answer answer, std::string detail,
                     Report report) {
  outbox_.add(to, msg::Told{id, answer, std::move(detail), std::move(report)});
}

void AdminDesk::on_ask(PeerId from, const msg::Ask& ask, Report own, Instant now) {
  if (ask.verb == "status") return gather_status(from, ask, std::move(own), now);
  if (!watch_.map())
    return tell(from, ask.id, Answer::no_map, "this coordinator has no cluster map yet");
  if (ask.verb == "cluster") return tell(from, ask.id, Answer::ok, "", cluster());
  if (ask.verb == "ring") return tell(from, ask.id, Answer::ok, "", ring());
  if (ask.verb == "keyspaces") return tell(from, ask.id, Answer::ok, "", keyspaces());
  if (ask.verb == "explain") return gather_explain(from, ask, now);
  if (ask.verb == "roots") return forward_to_node(from, ask, now);
  if (ask.verb == "keyspace-create") {
    const Duration left = ask.time_left > Duration::zero() ? ask.time_left : kWaitDefault;
    const msg::RequestId id = ++next_;
    changes_[id] = {from, ask.id, ask.arguments, now + left, 0, 0};
    return propose(id, changes_[id], now);
  }
  tell(from, ask.id, Answer::invalid, "kv-coordinator knows no verb " + ask.verb);
}

void AdminDesk::ask_into(Gathering& gathering, PeerId peer, const std::string& place,
                         const std::string& verb, const Report& arguments) {
  const msg::RequestId id = ++next_;
  gathering.awaited[id] = place;
  outbox_.add(peer, msg::Ask{id, kWaitDefault, verb, arguments});
}

void AdminDesk::start(Gathering gathering) {
  if (gatherings_.size() >= kGatheringsMax)
    return tell(gathering.from, gathering.ask_id, Answer::busy, "too many questions are open");
  const uint64_t number = ++next_;
  for (const auto& [id, place] : gathering.awaited) gathering_of_[id] = number;
  gatherings_[number] = std::move(gathering);
}

void AdminDesk::gather_status(PeerId from, const msg::Ask& ask, Report own, Instant now) {
  Gathering gathering{from, ask.id, Report::object(), {}, now + patience_with(ask)};
  gathering.report.set("member", self_.number).set("epoch", watch_.view().epoch());
  gathering.report.set("gossip_lost", watch_.gossip_is_lost(now));
  gathering.report.set("coordinator", std::move(own));
  ask_into(gathering, own_node_, "node", "status", Report());
  ask_into(gathering, watch_.gossip(), "gossip", "status", Report());
  ask_into(gathering, own_repair_, "repair", "status", Report());
  start(std::move(gathering));
}

void AdminDesk::forward_to_node(PeerId from, const msg::Ask& ask, Instant now) {
  Gathering gathering{from, ask.id, Report::object(), {}, now + kWaitDefault};
  gathering.report.set("member", self_.number).set("epoch", watch_.view().epoch());
  ask_into(gathering, own_node_, ask.verb, ask.verb, ask.arguments);
  start(std::move(gathering));
}

void AdminDesk::gather_explain(PeerId from, const msg::Ask& ask, Instant now) {
  const Report* keyspace_name = ask.arguments.find("keyspace");
  const Report* key_value = ask.arguments.find("key");
  const auto key = key_value != nullptr ? key_value->as_text() : std::nullopt;
  const Keyspace* keyspace =
      keyspace_name != nullptr
          ? watch_.map()->keyspace(std::string(keyspace_name->as_text().value_or("")))
          : nullptr;
  if (keyspace == nullptr || !key || key->empty())
    return tell(from, ask.id, Answer::not_found, "no such keyspace, or no key");
  const PreferenceList list = preference_list(*watch_.map(), *keyspace, *key);
  Gathering gathering{from, ask.id, Report::object(), {}, now + patience_with(ask)};
  Report& report = gathering.report;
  report.set("epoch", list.epoch).set("keyspace", keyspace->name);
  report.set("token", token_of(keyspace->id, *key));
  report.set("partition", list.partition.partition);
  Report slots = Report::array();
  std::vector<MemberNumber> members;
  for (const Slot& slot : list.slots) {
    slots.append(slot.owner);
    members.push_back(slot.owner);
  }
  members.insert(members.end(), list.fallbacks.begin(), list.fallbacks.end());
  report.set("slots", std::move(slots))
      .set("fallbacks", report_of_members({list.fallbacks.begin(), list.fallbacks.end()}));
  report.set("replicas", Report::object());
  const Report arguments =
      Report::object().set("keyspace", keyspace->id).set("key", std::string(*key));
  for (const MemberNumber member : members)
    ask_into(gathering, watch_.node(member), std::to_string(member), "explain", arguments);
  start(std::move(gathering));
}

void AdminDesk::on_told(msg::Told told, Instant) {
  const auto known = gathering_of_.find(told.id);
  if (known == gathering_of_.end()) return;
  const uint64_t number = known->second;
  gathering_of_.erase(known);
  Gathering& gathering = gatherings_[number];
  const std::string place = gathering.awaited[told.id];
  gathering.awaited.erase(told.id);
  Report answer =
      told.answer == Answer::ok
          ? std::move(told.report)
          : Report::object().set("error", to_string(told.answer)).set("detail", told.detail);
  Report& into = gathering.report;
  (into.find("replicas") != nullptr ? into["replicas"] : into).set(place, std::move(answer));
  if (gathering.awaited.empty()) {
    finish(gathering);
    gatherings_.erase(number);
  }
}

void AdminDesk::finish(const Gathering& gathering) {
  Report report = gathering.report;
  const bool in_replicas = report.find("replicas") != nullptr;
  for (const auto& [id, place] : gathering.awaited) {
    gathering_of_.erase(id);
    (in_replicas ? report["replicas"] : report)
        .set(place, Report::object().set("error", "unavailable").set("detail", "no answer"));
  }
  tell(gathering.from, gathering.ask_id, Answer::ok, "", std::move(report));
}

void AdminDesk::propose(msg::RequestId id, Change& change, Instant now) {
  Result<ClusterMap> next = with_keyspace(*watch_.map(), change.arguments);
  if (!next) {
    tell(change.from, change.ask_id, Answer::invalid, next.error().what);
    changes_.erase(id);
    return;
  }
  change.wants_epoch = 0;
  change.base = watch_.view().epoch();
  outbox_.add(watch_.gossip(), msg::Propose{id, change.deadline - now,
                                            std::make_shared<const ClusterMap>(std::move(*next))});
}

void AdminDesk::on_proposed(const msg::Proposed& proposed, Instant now) {
  const auto found = changes_.find(proposed.id);
  if (found == changes_.end()) return;
  Change& change = found->second;
  if (proposed.answer == Answer::conflict && now < change.deadline) {
    // Another change came first: ours is made anew on top of it.
    change.wants_epoch = std::max(proposed.epoch, change.base + 1);
    watch_.want(change.wants_epoch);
    on_view(now);
    return;
  }
  Report report = Report::object().set("epoch", proposed.epoch);
  tell(change.from, change.ask_id, proposed.answer, proposed.detail, std::move(report));
  changes_.erase(found);
}

void AdminDesk::on_view(Instant now) {
  std::vector<msg::RequestId> ready;
  for (const auto& [id, change] : changes_)
    if (change.wants_epoch != 0 && watch_.view().epoch() >= change.wants_epoch) ready.push_back(id);
  for (const msg::RequestId id : ready) propose(id, changes_[id], now);
}

Instant AdminDesk::next_wake() const {
  Instant wake = Instant::max();
  for (const auto& [number, gathering] : gatherings_) wake = std::min(wake, gathering.deadline);
  for (const auto& [id, change] : changes_) wake = std::min(wake, change.deadline);
  return wake;
}

void AdminDesk::on_tick(Instant now) {
  for (auto it = gatherings_.begin(); it != gatherings_.end();) {
    if (now < it->second.deadline) {
      ++it;
      continue;
    }
    finish(it->second);
    it = gatherings_.erase(it);
  }
  for (auto it = changes_.begin(); it != changes_.end();) {
    if (now < it->second.deadline) {
      ++it;
      continue;
    }
    const bool may_be_decided = it->second.wants_epoch == 0;
    tell(it->second.from, it->second.ask_id, may_be_decided ? Answer::unknown : Answer::unavailable,
         may_be_decided ? "the voters did not answer in time; the change may yet be made"
                        : "other changes came first until the time was over");
    it = changes_.erase(it);
  }
}

Report AdminDesk::cluster() const {
  const View& view = watch_.view();
  const ClusterMap& map = *view.map;
  Report report = Report::object();
  report.set("cluster", map.cluster.to_hex()).set("epoch", map.epoch);
  report.set("partitions", map.partitions()).set("reason", map.reason);
  report.set("asked_member", self_.number);
  report.set("voters", report_of_members(map.voters));
  Report members = Report::array();
  for (const MemberInfo& member : map.members) {
    const auto seen = view.liveness.find(member.number);
    const MemberLiveness liveness = seen != view.liveness.end() ? seen->second : MemberLiveness();
    Report row = Report::object();
    row.set("member", member.number).set("liveness", to_string(liveness.liveness));
    row.set("dc", member.labels.dc).set("rack", member.labels.rack);
    row.set("host", member.labels.host).set("weight", member.weight);
    Report daemons = Report::object();
    for (int d = 0; d < kDaemonKinds; ++d)
      daemons.set(to_string(static_cast<DaemonKind>(d)), (liveness.daemons_up & (1u << d)) != 0);
    row.set("daemons", std::move(daemons));
    row.set("endpoint", member.endpoint(DaemonKind::coordinator));
    size_t owned = 0;
    size_t minted = 0;
    for (const Placement& placement : map.placements) {
      for (const PartitionRow& partition : placement.table) {
        for (size_t s = 0; s < partition.slots.size(); ++s) {
          owned += partition.slots[s].owner == member.number ? 1 : 0;
          minted += s == 0 && partition.slots[s].owner == member.number ? 1 : 0;
        }
      }
    }
    row.set("slots", owned).set("first_slots", minted);
    members.append(std::move(row));
  }
  report.set("members", std::move(members));
  report.set("keyspaces", keyspaces());
  return report;
}

Report AdminDesk::ring() const {
  const ClusterMap& map = *watch_.map();
  Report placements = Report::array();
  for (const Placement& placement : map.placements) {
    Report rows = Report::array();
    for (PartitionId p = 0; p < placement.table.size(); ++p) {
      const PartitionRow& row = placement.table[p];
      Report slots = Report::array();
      for (const Slot& slot : row.slots) {
        Report shown = Report::object().set("owner", slot.owner);
        if (slot.successor != 0) shown.set("successor", slot.successor);
        slots.append(std::move(shown));
      }
      rows.append(Report::object()
                      .set("partition", p)
                      .set("slots", std::move(slots))
                      .set("fallbacks", report_of_members(row.fallbacks))
                      .set("leaving", report_of_members(row.leaving))
                      .set("changed", row.changed));
    }
    placements.append(Report::object()
                          .set("placement", placement.id)
                          .set("n", placement.n)
                          .set("rows", std::move(rows)));
  }
  Report report = cluster();
  report.set("placements", std::move(placements));
  return report;
}

Report AdminDesk::keyspaces() const {
  Report report = Report::array();
  for (const Keyspace& keyspace : watch_.map()->keyspaces)
    report.append(report_of(*watch_.map(), keyspace));
  return report;
}

}  // namespace kv
