#include "libkv/replica/write_gate.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "libkv/base/limits.h"

namespace kv {

WriteGate::WriteGate(Engine& engine, Clock& clock, size_t waiters_max)
    : engine_(engine), clock_(clock), waiters_max_(waiters_max) {
  engine_.on_room([this] {
    if (!waiters_.empty()) release(clock_.now());
  });
}

WriteGate::~WriteGate() {
  engine_.on_room([] {});
}

bool WriteGate::is_open() {
  if (!waiters_.empty()) return false;
  const Instant at = engine_.room_at();
  return at == Instant::min() || at <= clock_.now();
}

bool WriteGate::wait(Instant until, Then then) {
  if (waiters_.size() >= waiters_max_) return false;
  waiters_.push_back({until, std::move(then)});
  earliest_ = std::min(earliest_, until);
  return true;
}

Instant WriteGate::next_wake() const {
  if (waiters_.empty()) return Instant::max();
  return std::max(std::min(engine_.room_at(), earliest_), released_at_ + 1us);
}

void WriteGate::on_time(Instant now) {
  if (waiters_.empty()) return;
  release_late(now);
  release(now);
}

void WriteGate::release_late(Instant now) {
  if (now < earliest_) return;
  earliest_ = Instant::max();
  std::vector<Waiter> late;
  std::deque<Waiter> staying;
  for (Waiter& waiter : waiters_) {
    if (waiter.until <= now) {
      late.push_back(std::move(waiter));
    } else {
      earliest_ = std::min(earliest_, waiter.until);
      staying.push_back(std::move(waiter));
    }
  }
  waiters_ = std::move(staying);
  for (const Waiter& waiter : late) waiter.then();
}

// One after the other, as each write may make the next wait; and not all in one turn.
void WriteGate::release(Instant now) {
  released_at_ = now;
  engine_.begin_turn();
  for (size_t i = 0; i < limits::paced_writes_a_turn && !waiters_.empty(); ++i) {
    if (engine_.room_at() > now) return;
    const Waiter waiter = std::move(waiters_.front());
    waiters_.pop_front();
    waiter.then();
  }
}

}  // namespace kv
