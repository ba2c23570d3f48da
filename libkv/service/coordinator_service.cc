#include "libkv/service/coordinator_service.h"

#include <algorithm>
#include <type_traits>
#include <vector>


namespace kv {

namespace {

// Else one put of the largest value would be refused for ever.
static_assert(limits::operations_bytes_max >= 2 * limits::value_bytes_max_ceiling);

/// What a request makes its operation hold.
size_t bytes_of(const msg::ClientPut& request) {
  return request.key.size() + request.value.size();
}
size_t bytes_of(const msg::ClientGet& request) {
  return request.key.size();
}
size_t bytes_of(const msg::ClientScan& request) {
  return request.from.size() + request.to.size();
}

/// What an answer adds to it.
template <typename Answered>
size_t bytes_of_answer(const Answered& answered) {
  if constexpr (requires { answered.record; }) return answered.record.value_bytes();
  if constexpr (requires { answered.records; }) {
    size_t bytes = 0;
    for (const msg::KeyRecord& each : answered.records) {
      bytes += each.key.size() + each.record.value_bytes();
    }
    return bytes;
  }
  return 0;
}

}  // namespace

CoordinatorService::CoordinatorService(Environment& environment, Transport& transport,
                                       const MemberInfo& self, const CoordinatorSettings& settings)
    : environment_(environment),
      self_(self),
      settings_(settings),
      outbox_(transport),
      watch_(DaemonKind::coordinator, self.number, self.endpoint(DaemonKind::gossip), nullptr,
             transport, outbox_, environment.clock.now()),
      routing_(self.number, settings.routing),
      admin_(environment, transport, self, watch_, outbox_),
      // A number of an earlier run of this coordinator must not meet one of this run.
      next_operation_(1 + (environment.entropy() & 0xffff'ffff) * 256) {}

/// Takes the messages of one frame.
struct CoordinatorService::Receiver {
  CoordinatorService& service;
  PeerId from;
  Instant now;

  void on(msg::ClientPut&& request) { service.begin_put(from, std::move(request), now); }
  void on(msg::ClientGet&& request) { service.begin_get(from, std::move(request), now); }
  void on(msg::ClientScan&& request) { service.begin_scan(from, std::move(request), now); }
  void on(msg::MintMade&& answer) { service.route(std::move(answer), now); }
  void on(msg::MintDurable&& answer) { service.route(std::move(answer), now); }
  void on(msg::Merged&& answer) { service.route(std::move(answer), now); }
  void on(msg::ReadDone&& answer) { service.route(std::move(answer), now); }
  void on(msg::ScanPageDone&& answer) { service.route(std::move(answer), now); }
  void on(msg::Done&& answer) { service.route(std::move(answer), now); }
  void on(msg::ViewTold&& told) {
    if (service.watch_.on_view_told(told, now)) service.on_view(now);
  }
  void on(msg::Hello&& hello) {
    service.outbox_.add(from, msg::HelloDone{hello.id, 0, "kv-coordinator " KV_VERSION,
                                             service.self_.number, service.watch_.view().epoch()});
  }
  void on(msg::Ask&& ask) {
    if (ask.verb == "coordinator") {
      service.outbox_.add(from, msg::Told{ask.id, Answer::ok, "", service.status()});
    } else {
      service.admin_.on_ask(from, ask, service.status(), now);
    }
  }
  void on(msg::Told&& told) { service.admin_.on_told(std::move(told), now); }
  void on(msg::Proposed&& proposed) { service.admin_.on_proposed(proposed, now); }
};

void CoordinatorService::on_frame(PeerId from, Frame frame, Instant now) {
  const Epoch epoch =
      dispatch(frame, watch_.cluster(), environment_.log, &frames_, Receiver{*this, from, now});
  watch_.want(epoch);
}

template <typename Reply>
void CoordinatorService::refuse(PeerId client, msg::RequestId id, Answer answer,
                                std::string detail) {
  ++counters_.answers_refused;
  Reply reply;
  reply.id = id;
  reply.answer = answer;
  reply.detail = std::move(detail);
  reply.epoch = watch_.view().epoch();
  outbox_.add(client, reply);
}

template <typename Request>
bool CoordinatorService::admit(const Request& request, PeerId client, const Keyspace** keyspace) {
  using Refusal = std::conditional_t<
      std::is_same_v<Request, msg::ClientPut>, msg::PutDone,
      std::conditional_t<std::is_same_v<Request, msg::ClientGet>, msg::GetDone, msg::ScanDone>>;
  const auto no = [&](Answer answer, std::string detail) {
    refuse<Refusal>(client, request.id, answer, std::move(detail));
    return false;
  };
  if (!watch_.map()) return no(Answer::no_map, "this coordinator has no cluster map yet");
  if (operations_.size() >= settings_.operations_max) {
    ++counters_.busy;
    return no(Answer::busy, std::to_string(operations_.size()) + " operations are in flight");
  }
  if (operations_bytes_ + bytes_of(request) > settings_.operations_bytes_max) {
    ++counters_.busy;
    return no(Answer::busy, std::to_string(operations_bytes_) + " bytes are in flight");
  }
  *keyspace = watch_.map()->keyspace(request.keyspace);
  if (*keyspace == nullptr) return no(Answer::not_found, "no keyspace " + request.keyspace);
  if ((*keyspace)->kind != KeyspaceKind::ap)
    return no(Answer::invalid, "keyspace " + request.keyspace + " is not served by this version");
  return true;
}

void CoordinatorService::begin_put(PeerId client, msg::ClientPut request, Instant now) {
  ++counters_.puts;
  const Keyspace* keyspace = nullptr;
  if (!admit(request, client, &keyspace)) return;
  const auto no = [&](std::string detail) {
    refuse<msg::PutDone>(client, request.id, Answer::invalid, std::move(detail));
  };
  if (request.key.empty()) return no("a key must not be empty");
  if (request.key.size() > limits::key_bytes_max)
    return no("a key of " + std::to_string(request.key.size()) + " bytes is over the limit of " +
              std::to_string(limits::key_bytes_max));
  if (request.value.size() > settings_.value_bytes_max)
    return no("a value of " + std::to_string(request.value.size()) +
              " bytes is over the limit of " + std::to_string(settings_.value_bytes_max));
  begin_keyed<PutMachine>(settings_.put, client, std::move(request), *keyspace, now);
}

void CoordinatorService::begin_get(PeerId client, msg::ClientGet request, Instant now) {
  ++counters_.gets;
  const Keyspace* keyspace = nullptr;
  if (!admit(request, client, &keyspace)) return;
  if (request.key.empty() || request.key.size() > limits::key_bytes_max)
    return refuse<msg::GetDone>(client, request.id, Answer::invalid,
                                "a key has 1 to " + std::to_string(limits::key_bytes_max) +
                                    " bytes, not " + std::to_string(request.key.size()));
  begin_keyed<GetMachine>(settings_.get, client, std::move(request), *keyspace, now);
}

void CoordinatorService::begin_scan(PeerId client, msg::ClientScan request, Instant now) {
  ++counters_.scans;
  const Keyspace* keyspace = nullptr;
  if (!admit(request, client, &keyspace)) return;
  const uint64_t number = next_operation_++;
  ScanPlan plan = scan_plan_for(watch_.map(), *keyspace, routing_, now);
  auto machine = std::make_unique<ScanMachine>(settings_.scan, std::move(request), std::move(plan),
                                               number << kRequestIdBits);
  begin(number, client, std::move(machine), now);
}

template <typename M, typename Request, typename Settings>
void CoordinatorService::begin_keyed(const Settings& settings, PeerId client, Request request,
                                     const Keyspace& keyspace, Instant now) {
  const uint64_t number = next_operation_++;
  Plan plan = plan_for(watch_.map(), keyspace, request.key.view(), routing_, now);
  auto machine =
      std::make_unique<M>(settings, std::move(request), std::move(plan), number << kRequestIdBits);
  begin(number, client, std::move(machine), now);
}

template <typename M>
void CoordinatorService::begin(uint64_t number, PeerId client, std::unique_ptr<M> machine,
                               Instant now) {
  M& started = *machine;
  const size_t bytes = bytes_of(started.request());
  operations_bytes_ += bytes;
  Operation& operation =
      operations_.emplace(number, Operation{client, std::move(machine), bytes, 0, {}})
          .first->second;
  CoordinatorActions actions = no_actions();
  started.start(moment(now), &actions);
  perform(number, operation, std::move(actions), now);
}

/// Null: it has gone. Valid until it ends.
CoordinatorService::Operation* CoordinatorService::find(uint64_t number) {
  const auto found = operations_.find(number);
  return found == operations_.end() ? nullptr : &found->second;
}

void CoordinatorService::end(uint64_t number, const Operation& operation) {
  operations_bytes_ -= operation.bytes;
  operations_.erase(number);
}

template <typename Answered>
void CoordinatorService::route(Answered answered, Instant now) {
  const uint64_t number = answered.id >> kRequestIdBits;
  Operation* const operation = find(number);
  if (operation == nullptr) {
    ++counters_.late_answers;
    return;
  }
  const size_t bytes = bytes_of_answer(answered);
  operation->bytes += bytes;
  operations_bytes_ += bytes;
  CoordinatorActions actions = no_actions();
  std::visit(
      [&](auto& machine) {
        if constexpr (requires { machine->on_answer(answered, moment(now), &actions); })
          machine->on_answer(std::move(answered), moment(now), &actions);
      },
      operation->machine);
  perform(number, *operation, std::move(actions), now);
}

/// An empty one, with room.
CoordinatorActions CoordinatorService::no_actions() {
  CoordinatorActions actions;
  actions.to_nodes.swap(spare_.to_nodes);
  actions.notes.swap(spare_.notes);
  return actions;
}

void CoordinatorService::send(const std::vector<ToNode>& requests,
                              std::vector<msg::RequestId>* not_sent) {
  for (const ToNode& request : requests) {
    const PeerId peer = watch_.node(request.to);
    std::visit(
        [&](const auto& message) {
          if (peer == PeerId::none) {
            not_sent->push_back(message.id);
          } else {
            outbox_.add(peer, message);
          }
        },
        request.message);
  }
}

void CoordinatorService::perform(uint64_t number, Operation& operation, CoordinatorActions actions,
                                 Instant now) {
  std::vector<msg::RequestId> not_sent;
  send(actions.to_nodes, &not_sent);
  for (const MemberNote& note : actions.notes) routing_.note(note, now);
  actions.to_nodes.clear();
  actions.notes.clear();
  spare_.to_nodes.swap(actions.to_nodes);
  spare_.notes.swap(actions.notes);
  if (actions.reply) reply(operation, actions);
  if (actions.finished) return end(number, operation);
  wakes_.set(number, &operation.wake, actions.wake_at.value_or(Instant::max()));
  tell_not_sent(number, not_sent, now);
  if (!actions.replan) return;
  Operation* const still = find(number);
  if (still == nullptr) return;
  still->replan = *actions.replan;
  replanning_.insert(number);
  watch_.want(*actions.replan);
  if (watch_.view().epoch() >= *actions.replan) replan(number, now);
}

void CoordinatorService::tell_not_sent(uint64_t number, const std::vector<msg::RequestId>& ids,
                                       Instant now) {
  for (const msg::RequestId id : ids) {
    ++counters_.not_sent;
    Operation* const operation = find(number);
    if (operation == nullptr) return;
    CoordinatorActions more;
    std::visit([&](auto& machine) { machine->on_not_sent(id, moment(now), &more); },
               operation->machine);
    perform(number, *operation, std::move(more), now);
  }
}

void CoordinatorService::reply(const Operation& operation, const CoordinatorActions& actions) {
  std::visit(
      [&](const auto& done) {
        switch (done.answer) {
          case Answer::ok:
          case Answer::not_found:
            ++counters_.answers_ok;
            break;
          case Answer::unavailable:
            ++counters_.answers_unavailable;
            break;
          case Answer::unknown:
            ++counters_.answers_unknown;
            break;
          default:
            ++counters_.answers_refused;
        }
        outbox_.add(operation.client, done);
      },
      *actions.reply);
}

void CoordinatorService::replan(uint64_t number, Instant now) {
  Operation* const found = find(number);
  replanning_.erase(number);
  if (found == nullptr) return;
  ++counters_.replans;
  Operation& operation = *found;
  operation.replan = 0;
  CoordinatorActions actions;
  std::visit(
      [&](auto& machine) {
        const Keyspace* keyspace = watch_.map()->keyspace(machine->request().keyspace);
        if (keyspace == nullptr) {
          machine->abandon(Answer::not_found, "the keyspace is gone", moment(now), &actions);
        } else if constexpr (std::is_same_v<std::decay_t<decltype(*machine)>, ScanMachine>) {
          machine->replan(scan_plan_for(watch_.map(), *keyspace, routing_, now), moment(now),
                          &actions);
        } else {
          machine->replan(
              plan_for(watch_.map(), *keyspace, machine->request().key.view(), routing_, now),
              moment(now), &actions);
        }
      },
      operation.machine);
  perform(number, operation, std::move(actions), now);
}

void CoordinatorService::on_view(Instant now) {
  routing_.on_view(watch_.view());
  admin_.on_view(now);
  const std::set<uint64_t> waiting = replanning_;
  for (const uint64_t number : waiting) {
    const Operation* const operation = find(number);
    if (operation == nullptr) {
      replanning_.erase(number);
    } else if (watch_.view().epoch() >= operation->replan) {
      replan(number, now);
    }
  }
}

Instant CoordinatorService::next_wake() const {
  return std::min({watch_.next_wake(), wakes_.next(), admin_.next_wake()});
}

void CoordinatorService::on_tick(Instant now) {
  watch_.on_tick(now);
  admin_.on_tick(now);
  const auto wake_of = [this](uint64_t number) {
    Operation* const operation = find(number);
    return operation == nullptr ? nullptr : &operation->wake;
  };
  while (const uint64_t number = wakes_.take_due(now, wake_of)) {
    Operation& operation = *find(number);
    CoordinatorActions actions;
    std::visit([&](auto& machine) { machine->on_tick(moment(now), &actions); }, operation.machine);
    perform(number, operation, std::move(actions), now);
  }
}

void CoordinatorService::end_of_turn(Instant) {
  outbox_.flush();
}

void CoordinatorService::abandon_all() {
  const Instant now = environment_.clock.now();
  std::vector<uint64_t> numbers;
  for (const auto& [number, operation] : operations_) numbers.push_back(number);
  std::sort(numbers.begin(), numbers.end());
  for (const uint64_t number : numbers) {
    Operation* const operation = find(number);
    if (operation == nullptr) continue;
    CoordinatorActions actions;
    std::visit(
        [&](auto& machine) {
          machine->abandon(Answer::unavailable, "the coordinator is stopping", moment(now),
                           &actions);
        },
        operation->machine);
    perform(number, *operation, std::move(actions), now);
  }
  outbox_.flush();
}

Report CoordinatorService::status() const {
  Report report = Report::object();
  report.set("member", self_.number).set("epoch", watch_.view().epoch());
  report.set("operations", operations_.size()).set("operations_bytes", operations_bytes_);
  report.set("puts", counters_.puts).set("gets", counters_.gets).set("scans", counters_.scans);
  report.set("ok", counters_.answers_ok).set("unavailable", counters_.answers_unavailable);
  report.set("unknown", counters_.answers_unknown).set("refused", counters_.answers_refused);
  report.set("busy", counters_.busy).set("late_answers", counters_.late_answers);
  report.set("replans", counters_.replans).set("not_sent", counters_.not_sent);
  report.set("frames", frames_.frames).set("frames_refused", frames_.refused);
  return report;
}

}  // namespace kv
