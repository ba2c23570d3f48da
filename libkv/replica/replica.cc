#include "libkv/replica/replica.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "libkv/base/assert.h"
#include "libkv/base/planted.h"
#include "libkv/replica/refusals.h"

namespace kv {

Result<std::unique_ptr<Replica>> Replica::open(Environment& environment, Engine& engine,
                                               MetaStore& meta, MemberNumber member,
                                               const ReplicaSettings& settings,
                                               ReplicaAnswers& answers, ReplicaSignals& signals) {
  KV_ASSERT(member != 0);
  const Instant deadline = environment.clock.now() + settings.judgement_wait_max;
  KV_ASSIGN(Incarnation incarnation,
            Incarnation::start(meta, engine.recovery(), environment.entropy, deadline));
  const uint64_t start_number = incarnation.start_number();
  std::unique_ptr<Replica> replica(
      new Replica(environment, engine, member, settings, answers, signals, std::move(incarnation)));
  ReplicaCore& core = replica->core_;
  UnreadableRows unread;
  KV_ASSIGN(core.rounds, Rounds::load(engine, &unread));
  KV_ASSIGN(core.refilling, Refilling::load(engine, &unread));
  KV_ASSIGN(core.owed, Owed::load(engine, start_number, &unread));
  // Before the first write, so that the count and the writes' changes add up.
  core.hint_tally.begin(
      engine, core.tasks,
      [self = replica.get()](const Status& counted, const UnreadableHints& unreadable) {
        self->core_.on_unreadable_hints(unreadable);
        if (counted) return self->promotion_.look();
        self->core_.environment.log.error("hints_unreadable", {{"why", counted.error().what}});
      });
  KV_TRY(replica->debts_.mark_damage(engine.recovery().corruption, unread));
  if (!core.drops_leaves) core.leaves.start();
  return replica;
}

Replica::Replica(Environment& environment, Engine& engine, MemberNumber member,
                 const ReplicaSettings& settings, ReplicaAnswers& answers, ReplicaSignals& signals,
                 Incarnation incarnation)
    : core_(environment, engine, member, settings, answers, signals, std::move(incarnation)),
      writes_(core_),
      reads_(core_),
      scans_(core_),
      trees_(core_),
      hints_(core_),
      debts_(core_),
      promotion_(core_, writes_),
      gate_(limits::map_waiters_max),
      waiting_(core_.settings.waiting_bytes_max) {}

void Replica::set_map(MapPointer map) {
  KV_ASSERT(map != nullptr);
  if (map->epoch <= core_.epoch()) return;
  reads_.answer_gathered();
  KV_ASSERT(!core_.map || core_.map->partition_bits == map->partition_bits);
  core_.map = std::move(map);
  debts_.settle_pending();
  core_.leaves.set_partitions(core_.map->partition_bits, core_.held_partitions());
  promotion_.look();
  gate_.reached(core_.epoch());
}

void Replica::on_tick() {
  const Instant now = core_.now();
  const uint64_t before = core_.incarnation.value();
  const Status settled = core_.incarnation.on_time(now);
  if (!settled) core_.environment.log.error("incarnation", {{"why", settled.error().what}});
  if (core_.incarnation.value() != before) {
    core_.signals.incarnation_drawn(core_.incarnation.value(), core_.incarnation.start_number());
  }
  gate_.on_time(now);
  if (gate_.waiting() > 0 && wanted_ > core_.epoch()) core_.signals.map_wanted(wanted_);
  promotion_.on_time(now);
  (void)core_.note_damage();
  if (core_.map) debts_.settle_pending();
  core_.leaves.store_some();
  if (now >= next_retry_) {
    next_retry_ = now + limits::unreadable_retry_interval;
    core_.leaves.retry_unreadable();
  }
  if (next_check_ == Instant{}) next_check_ = now + core_.settings.check_interval;
  if (now >= next_check_ && check_next_partition())
    next_check_ = now + core_.settings.check_interval;
}

Status Replica::on_start_judged(bool known) {
  const uint64_t before = core_.incarnation.value();
  KV_TRY(core_.incarnation.judge(known));
  if (core_.incarnation.value() != before) {
    core_.signals.incarnation_drawn(core_.incarnation.value(), core_.incarnation.start_number());
  }
  return {};
}

Status Replica::end_doubt(bool lost) {
  KV_TRY(lost ? debts_.mark_all_refilling() : core_.incarnation.note_judged());
  core_.in_doubt = false;
  if (!lost) return {};
  // Noted before the marks are durable, the verdict and they could be forgotten by one crash.
  core_.durable.when_all_durable([this](const Status& durable) {
    const Status noted = durable ? core_.incarnation.note_judged() : durable;
    if (!noted) core_.environment.log.error("verdict_not_noted", {{"why", noted.error().what}});
  });
  return {};
}

// Requests.

template <typename Part, typename Request>
void Replica::serve(Asker asker, const Request& request, Duration time_left, Part& part,
                    void (Part::*act)(Asker, const Request&, Instant)) {
  const Instant deadline = core_.now() + std::min(time_left, limits::request_timeout_max);
  if (!core_.map) {
    ++core_.counters.refused;
    return core_.answers.answer(asker, refusal(request, Answer::no_map, 0));
  }
  if (request.epoch > core_.epoch()) return wait_for_map(asker, request, deadline, part, act);
  take_up(asker, request, deadline, part, act);
}

// What is gathered was asked for earlier, and must not find what this changes.
template <typename Part, typename Request>
void Replica::take_up(Asker asker, const Request& request, Instant deadline, Part& part,
                      void (Part::*act)(Asker, const Request&, Instant)) {
  if (!std::is_same_v<Part, Reads> && !KV_PLANTED(read_past_writes)) reads_.answer_gathered();
  (part.*act)(asker, request, deadline);
}

template <typename Part, typename Request>
void Replica::wait_for_map(Asker asker, const Request& request, Instant deadline, Part& part,
                           void (Part::*act)(Asker, const Request&, Instant)) {
  const Instant until = std::min(deadline, core_.now() + core_.settings.map_wait_max);
  const auto refuse = [this, asker](const Request& refused, Answer why) {
    ++core_.counters.refused;
    core_.answers.answer(asker, refusal(refused, why, core_.epoch()));
  };
  const auto kept = waiting_.keep(request);
  const bool waits =
      kept != nullptr &&
      gate_.wait(request.epoch, until,
                 [this, asker, kept, deadline, &part, act, refuse](auto outcome) {
                   if (outcome == MapGate::Outcome::map_came)
                     return take_up(asker, *kept, deadline, part, act);
                   refuse(*kept, core_.now() >= deadline ? Answer::late : Answer::busy);
                 });
  if (!waits) return refuse(request, Answer::busy);
  wanted_ = std::max(wanted_ > core_.epoch() ? wanted_ : 0, request.epoch);
  core_.signals.map_wanted(request.epoch);
}

void Replica::on_mint(Asker asker, const msg::Mint& request) {
  serve(asker, request, request.time_left, writes_, &Writes::mint);
}
void Replica::on_merge(Asker asker, const msg::Merge& request) {
  serve(asker, request, request.time_left, writes_, &Writes::merge);
}
void Replica::on_read(Asker asker, const msg::Read& request) {
  serve(asker, request, request.time_left, reads_, &Reads::read);
}
void Replica::on_scan_page(Asker asker, const msg::ScanPage& request) {
  serve(asker, request, request.time_left, scans_, &Scans::page);
}
void Replica::on_owe(Asker asker, const msg::Owe& request) {
  serve(asker, request, limits::repair_request_time, debts_, &Debts::owe);
}
void Replica::on_hint_list(Asker asker, const msg::HintList& request) {
  serve(asker, request, limits::repair_request_time, hints_, &HintAnswers::list);
}
void Replica::on_hint_strikes(Asker asker, const msg::HintStrikes& request) {
  serve(asker, request, limits::repair_request_time, hints_, &HintAnswers::strike);
}
void Replica::on_tree_roots(Asker asker, const msg::TreeRoots& request) {
  serve(asker, request, limits::repair_request_time, trees_, &TreeAnswers::roots);
}
void Replica::on_tree_leaves(Asker asker, const msg::TreeLeaves& request) {
  serve(asker, request, limits::repair_request_time, trees_, &TreeAnswers::leaves);
}
void Replica::on_leaf_keys(Asker asker, const msg::LeafKeys& request) {
  serve(asker, request, limits::repair_request_time, trees_, &TreeAnswers::leaf_keys);
}
void Replica::on_fetch(Asker asker, const msg::Fetch& request) {
  serve(asker, request, limits::repair_request_time, reads_, &Reads::fetch);
}
void Replica::on_owed_list(Asker asker, const msg::OwedList& request) {
  debts_.list(asker, request);
}
void Replica::on_owed_paid(Asker asker, const msg::OwedPaid& request) {
  serve(asker, request, limits::repair_request_time, debts_, &Debts::paid);
}

// Upkeep.

bool Replica::check_next_partition() {
  const std::vector<PartitionKey> held = core_.held_partitions();
  if (held.empty() || core_.leaves.walks() > 0) return false;
  // A start begins anywhere, so that no partition's turn depends on how seldom there is one.
  if (next_checked_ == PartitionKey{}) next_checked_ = held[core_.random.below(held.size())];
  auto at = std::lower_bound(held.begin(), held.end(), next_checked_);
  if (at == held.end()) at = held.begin();
  const bool begun = core_.leaves.check(
      *at, [this, partition = *at](const Result<std::vector<uint32_t>>& differing) {
        if (!differing || differing->empty()) return;
        core_.counters.leaves_differing += differing->size();
        core_.environment.log.error("leaves_differ", {{"placement", partition.placement},
                                                      {"partition", partition.partition},
                                                      {"leaves", differing->size()},
                                                      {"first", differing->front()}});
      });
  if (begun) next_checked_ = {at->placement, at->partition + 1};
  return begun;
}

ReplicaCounters Replica::counters() const {
  ReplicaCounters counters = core_.counters;
  counters.steps_parked = core_.turns.parked_total();
  counters.hints = core_.hint_tally.count();
  counters.hints_unreadable = core_.hint_tally.unreadable();
  counters.hint_bytes = core_.hint_tally.bytes();
  counters.owed = core_.owed.size();
  counters.refilling = core_.refilling.list().size();
  counters.trees_ready = core_.leaves.ready();
  counters.keys = core_.leaves.keys();
  counters.trees_stored = core_.leaves.stored();
  counters.trees_building = core_.leaves.building();
  counters.tree_walks = core_.leaves.walks();
  counters.trees_unreadable = core_.leaves.unreadable();
  counters.tree_bytes = core_.leaves.memory_bytes();
  counters.waiting_for_log = core_.durable.waiting();
  counters.waiting_for_disk = core_.turns.parked() + reads_.waiting_for_disk();
  counters.waiting_for_map = gate_.waiting();
  counters.waiting_for_room = core_.write_gate.waiting();
  return counters;
}

void Replica::stop(std::function<void(const Status&)> stopped) {
  core_.stopping = true;
  core_.durable.when_all_durable([this, stopped = std::move(stopped)](const Status& durable) {
    stopped(durable ? core_.incarnation.stop_cleanly(core_.durable.last_applied()) : durable);
  });
}

}  // namespace kv
