#include "libkv/service/repair_service.h"

#include <algorithm>

namespace kv {

namespace {
// The machines' own stretches of request ids: answers are routed by them.
constexpr uint16_t kHintMachine = 1;
constexpr uint16_t kAntiEntropyMachine = 2;
}  // namespace

RepairService::RepairService(Environment& environment, Transport& transport, const MemberInfo& self,
                             const RepairSettings& settings)
    : environment_(environment),
      self_(self),
      outbox_(transport),
      watch_(DaemonKind::repair, self.number, self.endpoint(DaemonKind::gossip), nullptr, transport,
             outbox_, environment.clock.now()),
      hints_(self.number, RepairRequestIds(kHintMachine), settings.hints),
      anti_entropy_(self.number, RepairRequestIds(kAntiEntropyMachine), settings.anti_entropy,
                    environment.entropy()) {}

/// Takes the messages of one frame.
struct RepairService::Receiver {
  RepairService& service;
  PeerId from;
  Instant now;

  void on(msg::ViewTold&& told) {
    if (service.watch_.on_view_told(told, now)) service.on_view(now);
  }
  void on(msg::HintsListed&& listed) {
    RepairActions actions;
    service.hints_.on_hints(listed, now, &actions);
    service.perform(std::move(actions));
  }
  void on(msg::Merged&& merged) {
    RepairActions actions;
    if (RepairRequestIds::machine_of(merged.id) == kHintMachine) {
      service.hints_.on_merged(merged, now, &actions);
    } else {
      service.anti_entropy_.on_merged(merged, now, &actions);
    }
    service.watch_.want(merged.epoch);
    service.perform(std::move(actions));
  }
  void on(msg::TreeRootsTold&& told) {
    RepairActions actions;
    service.anti_entropy_.on_roots(told, now, &actions);
    service.perform(std::move(actions));
  }
  void on(msg::TreeLeavesTold&& told) {
    RepairActions actions;
    service.anti_entropy_.on_leaves(told, now, &actions);
    service.perform(std::move(actions));
  }
  void on(msg::LeafKeysTold&& told) {
    RepairActions actions;
    service.anti_entropy_.on_keys(std::move(told), now, &actions);
    service.perform(std::move(actions));
  }
  void on(msg::Fetched&& fetched) {
    RepairActions actions;
    service.anti_entropy_.on_fetched(std::move(fetched), now, &actions);
    service.perform(std::move(actions));
  }
  void on(msg::OwedTold&& told) {
    RepairActions actions;
    service.anti_entropy_.on_owed(told, now, &actions);
    service.perform(std::move(actions));
  }
  void on(msg::Hello&& hello) {
    service.outbox_.add(from, msg::HelloDone{hello.id, 0, "kv-repair " KV_VERSION,
                                             service.self_.number, service.watch_.view().epoch()});
  }
  void on(msg::Ask&& ask) {
    msg::Told told;
    told.id = ask.id;
    if (ask.verb == "status") {
      told.report = service.status(now);
    } else {
      told.answer = Answer::invalid;
      told.detail = "kv-repair knows no verb " + ask.verb;
    }
    service.outbox_.add(from, told);
  }
};

void RepairService::on_frame(PeerId from, Frame frame, Instant now) {
  const Epoch epoch =
      dispatch(frame, watch_.cluster(), environment_.log, &counters_, Receiver{*this, from, now});
  watch_.want(epoch);
}

void RepairService::on_view(Instant now) {
  RepairActions actions;
  hints_.on_view(watch_.view(), now, &actions);
  anti_entropy_.on_view(watch_.view(), now, &actions);
  perform(std::move(actions));
}

Instant RepairService::next_wake() const {
  return std::min({watch_.next_wake(), hints_.next_wake(), anti_entropy_.next_wake()});
}

void RepairService::on_tick(Instant now) {
  watch_.on_tick(now);
  RepairActions actions;
  hints_.on_tick(now, &actions);
  anti_entropy_.on_tick(now, &actions);
  perform(std::move(actions));
}

void RepairService::end_of_turn(Instant) {
  outbox_.flush();
}

void RepairService::perform(RepairActions actions) {
  for (const RepairActions::Send& send : actions.sends)
    std::visit([&](const auto& message) { outbox_.add(watch_.node(send.to), message); },
               send.message);
}

Report RepairService::status(Instant now) const {
  const auto& hints = hints_.counters();
  const auto& trees = anti_entropy_.counters();
  Report report = Report::object();
  report.set("member", self_.number).set("epoch", watch_.view().epoch());
  report.set("hints_delivered", hints.delivered).set("hints_refused", hints.refused);
  report.set("hints_timed_out", hints.timed_out).set("hints_struck", hints.struck);
  report.set("comparisons", trees.comparisons).set("exchanges", trees.exchanges);
  report.set("exchanges_failed", trees.failed).set("records_moved", trees.records_moved);
  report.set("debts_paid", trees.debts_paid);
  // The oldest proof of equality over all partitions: absent while one has none yet.
  const auto proven = anti_entropy_.proven_equal();
  report.set("partitions_proven", proven.size());
  report.set("partitions_to_prove", anti_entropy_.shared_partitions());
  Duration oldest{};
  for (const auto& [partition, at] : proven) oldest = std::max(oldest, now - at);
  report.set("seconds_since_proven_equal", seconds_of(oldest));
  return report;
}

}  // namespace kv
