#include "tests/sim/sim_scheduler.h"

#include <algorithm>
#include <tuple>

namespace kv {

bool SimScheduler::later(const Event& a, const Event& b) {
  return std::tie(a.time, a.number) > std::tie(b.time, b.number);
}

void SimScheduler::at(Instant time, Task task) {
  queue_.push_back({std::max(time, now_), next_number_++, std::move(task)});
  std::push_heap(queue_.begin(), queue_.end(), later);
}

bool SimScheduler::run_one() {
  if (queue_.empty()) return false;
  std::pop_heap(queue_.begin(), queue_.end(), later);
  Event event = std::move(queue_.back());
  queue_.pop_back();
  now_ = event.time;
  event.task();
  return true;
}

size_t SimScheduler::run_until(Instant time) {
  size_t ran = 0;
  while (!queue_.empty() && next_time() <= time) {
    run_one();
    ++ran;
  }
  now_ = std::max(now_, time);
  return ran;
}

bool SimScheduler::run_until_true(const std::function<bool()>& done, size_t events_max) {
  for (size_t ran = 0; !done(); ++ran)
    if (ran == events_max || !run_one()) return done();
  return true;
}

}  // namespace kv
