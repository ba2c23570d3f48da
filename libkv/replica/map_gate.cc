#include "libkv/replica/map_gate.h"

#include <utility>

namespace kv {

bool MapGate::wait(Epoch epoch, Instant until, Then then) {
  if (waiters_.size() >= waiters_max_) return false;
  waiters_.push_back({epoch, until, std::move(then)});
  return true;
}

template <typename Chosen>
void MapGate::release(Outcome outcome, Chosen&& chosen) {
  std::vector<Waiter> going, staying;
  for (Waiter& waiter : waiters_) {
    (chosen(waiter) ? going : staying).push_back(std::move(waiter));
  }
  waiters_ = std::move(staying);
  for (const Waiter& waiter : going) waiter.then(outcome);
}

void MapGate::reached(Epoch epoch) {
  release(Outcome::map_came, [epoch](const Waiter& waiter) { return waiter.epoch <= epoch; });
}

void MapGate::on_time(Instant now) {
  release(Outcome::too_late, [now](const Waiter& waiter) { return waiter.until <= now; });
}

}  // namespace kv
