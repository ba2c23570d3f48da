#include "tests/sim/sim_network.h"

#include <algorithm>

#include "libkv/base/assert.h"

namespace kv {

SimProcess::SimProcess(SimNetwork& network, SimHost host, Endpoint endpoint)
    : network_(network), host_(host), endpoint_(std::move(endpoint)), id_(network.next_process_++) {
  network_.processes_[id_] = this;
  network_.hosts_[id_] = host_;
  if (!endpoint_.empty()) network_.listening_[endpoint_] = id_;
}

SimProcess::~SimProcess() {
  detach();
}

void SimProcess::drive(LoopHandler* handler) {
  handler_ = handler;
  schedule_turn(network_.scheduler_.now());
}

void SimProcess::detach() {
  handler_ = nullptr;
  network_.processes_.erase(id_);
  const auto listening = network_.listening_.find(endpoint_);
  if (listening != network_.listening_.end() && listening->second == id_)
    network_.listening_.erase(listening);
}

void SimProcess::stall_until(Instant until) {
  stalled_until_ = std::max(stalled_until_, until);
  schedule_turn(stalled_until_);
}

void SimProcess::in_turn(const std::function<void()>& task) {
  tasks_.push_back(task);
  schedule_turn(network_.scheduler_.now());
}

PeerId SimProcess::connect(const Endpoint& endpoint) {
  const auto known = connected_.find(endpoint);
  if (known != connected_.end()) return known->second;
  const PeerId peer{next_peer_++};
  connected_[endpoint] = peer;
  outgoing_[static_cast<uint64_t>(peer)] = endpoint;
  return peer;
}

void SimProcess::disconnect(PeerId peer) {
  const auto found = outgoing_.find(static_cast<uint64_t>(peer));
  if (found == outgoing_.end()) return;
  connected_.erase(found->second);
  outgoing_.erase(found);
}

bool SimProcess::send(PeerId peer, Frame frame) {
  const auto outgoing = outgoing_.find(static_cast<uint64_t>(peer));
  if (outgoing != outgoing_.end()) {
    const auto listening = network_.listening_.find(outgoing->second);
    if (listening != network_.listening_.end()) network_.carry(*this, listening->second, frame);
    return true;  // Somebody may listen later; libzmq would queue it, we lose it.
  }
  const auto inbound = inbound_.find(static_cast<uint64_t>(peer));
  if (inbound == inbound_.end()) return false;
  network_.carry(*this, inbound->second, frame);
  return true;
}

PeerId SimProcess::peer_of_process(uint64_t process) {
  // A reply comes from the process that an endpoint names: its peer is the outgoing one.
  const auto sender = network_.processes_.find(process);
  if (sender != network_.processes_.end()) {
    const auto known = connected_.find(sender->second->endpoint_);
    if (known != connected_.end()) return known->second;
  }
  const auto found = inbound_by_process_.find(process);
  if (found != inbound_by_process_.end()) return found->second;
  const PeerId peer{next_peer_++};
  inbound_by_process_[process] = peer;
  inbound_[static_cast<uint64_t>(peer)] = process;
  return peer;
}

void SimProcess::deliver(uint64_t from_process, Frame frame) {
  arrived_.emplace_back(peer_of_process(from_process), std::move(frame));
  schedule_turn(network_.scheduler_.now());
}

void SimProcess::schedule_turn(Instant at) {
  at = std::max(at, stalled_until_);
  if (handler_ == nullptr || at >= turn_at_) return;
  turn_at_ = at;
  const uint64_t number = ++turn_number_;
  const uint64_t id = id_;
  SimNetwork& network = network_;
  network_.scheduler_.at(at, [&network, id, number] {
    const auto found = network.processes_.find(id);
    if (found != network.processes_.end() && found->second->turn_number_ == number)
      found->second->take_turn();
  });
}

void SimProcess::take_turn() {
  turn_at_ = Instant::max();
  if (handler_ == nullptr) return;
  const Instant now = network_.scheduler_.now();
  if (now < stalled_until_) {
    schedule_turn(stalled_until_);
    return;
  }
  for (auto& [peer, frame] : std::exchange(arrived_, {}))
    handler_->on_frame(peer, std::move(frame), now);
  for (const auto& task : std::exchange(tasks_, {})) task();
  if (handler_->next_wake() <= now) handler_->on_tick(now);
  handler_->end_of_turn(now);
  const Instant wake = handler_->next_wake();
  if (wake != Instant::max()) schedule_turn(std::max(wake, now + 1us));
  if (!arrived_.empty() || !tasks_.empty()) schedule_turn(now);
}

void SimNetwork::carry(SimProcess& from, uint64_t to_process, const Frame& frame) {
  ++counters_.sent;
  if (observer_) observer_(from.host_, hosts_.at(to_process), frame);
  const auto to = processes_.find(to_process);
  if (to == processes_.end()) return;
  const bool local = from.host_ == to->second->host_;
  if (!local && cuts_.count({from.host_, to->second->host_}) != 0) {
    ++counters_.cut;
    return;
  }
  if (!local && random_.chance(faults_.loss)) {
    ++counters_.lost;
    return;
  }
  carry_once(from.id_, to_process, frame);
  if (!local && random_.chance(faults_.duplicate)) {
    ++counters_.duplicated;
    if (repeat_observer_) repeat_observer_(frame);
    carry_once(from.id_, to_process, frame);
  }
}

Duration SimNetwork::delay() {
  const auto spread = static_cast<uint64_t>((faults_.delay_max - faults_.delay_min).count()) + 1;
  Duration total = faults_.delay_min + Duration(static_cast<int64_t>(random_.below(spread)));
  if (random_.chance(faults_.straggle)) {
    ++counters_.straggled;
    const auto more = static_cast<uint64_t>(faults_.straggle_max.count()) + 1;
    total += Duration(static_cast<int64_t>(random_.below(more)));
  }
  return total;
}

void SimNetwork::carry_once(uint64_t from_process, uint64_t to_process, Frame frame) {
  scheduler_.after(delay(), [this, from_process, to_process, frame = std::move(frame)] {
    const auto to = processes_.find(to_process);
    if (to == processes_.end() || processes_.count(from_process) == 0) return;
    if (to->second->handler_ != nullptr) to->second->deliver(from_process, frame);
  });
}

void TurnExecutor::run(Lane lane, std::function<void()> work, std::function<void()> done) {
  inner_.run(lane, std::move(work), [this, done = std::move(done)] { process_.in_turn(done); });
}

bool TurnExecutor::begin_read(const std::shared_ptr<FileRead>& read, std::function<void()> done) {
  return inner_.begin_read(read, [this, done = std::move(done)] { process_.in_turn(done); });
}

void TurnExecutor::finish_read(FileRead& read) {
  inner_.finish_read(read);
}

}  // namespace kv
