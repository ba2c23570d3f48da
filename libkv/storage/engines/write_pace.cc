#include "libkv/storage/engines/write_pace.h"

#include <algorithm>
#include <cmath>

#include "libkv/base/limits.h"
#include "libkv/base/planted.h"

namespace kv {

namespace {

/// How much a new measurement counts beside those before.
constexpr double kNewSampleWeight = 0.5;
/// Writes that come within it are not told to wait for each other: who waits, waits for longer than
/// a clock's tick, and not at each write.
constexpr Duration kBurst = 1ms;

double share(uint64_t debt, uint64_t soft, uint64_t hard) {
  if (debt <= soft) return 0;
  return std::min(1.0, static_cast<double>(debt - soft) / static_cast<double>(hard - soft));
}

double part(uint64_t debt, uint64_t soft) {
  return static_cast<double>(debt) / static_cast<double>(std::max<uint64_t>(1, soft));
}

Duration time_for(uint64_t bytes, double rate) {
  const double seconds = static_cast<double>(bytes) / rate;
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

}  // namespace

void WritePace::note_debt(const WriteDebt& debt) {
  const WriteDebt &soft = bounds_.soft, &hard = bounds_.hard;
  pressure_ = std::max({share(debt.level0_tables, soft.level0_tables, hard.level0_tables),
                        share(debt.waiting_bytes, soft.waiting_bytes, hard.waiting_bytes),
                        share(debt.log_bytes, soft.log_bytes, hard.log_bytes),
                        share(debt.excess_bytes, soft.excess_bytes, hard.excess_bytes)});
  compaction_debt_ = std::max(part(debt.level0_tables, soft.level0_tables),
                              part(debt.excess_bytes, soft.excess_bytes));
  if (KV_PLANTED(never_slow_writers)) pressure_ = 0;
  if (!is_slowing()) room_at_ = Instant::min();
}

void WritePace::note_drained(uint64_t bytes, Instant queued, Instant now) {
  // While writers are slowed the background has had work all the time, and compactions had their
  // share of it. Before, time without work must not count.
  const Instant since = was_slowing_ && drained_at_ ? *drained_at_ : queued;
  was_slowing_ = is_slowing();
  drained_at_ = now;
  if (now <= since) return;
  const double rate = static_cast<double>(bytes) / seconds_of(now - since);
  drain_ = drain_ ? *drain_ * (1 - kNewSampleWeight) + rate * kNewSampleWeight : rate;
}

double WritePace::drain_rate() const {
  return drain_.value_or(static_cast<double>(limits::write_rate_first));
}

std::optional<double> WritePace::rate() const {
  if (!is_slowing()) return std::nullopt;
  return std::max(drain_rate() * std::exp2(1 - 4 * pressure_),
                  static_cast<double>(limits::write_rate_min));
}

void WritePace::note_written(uint64_t bytes, Instant now) {
  const auto at_rate = rate();
  if (!at_rate) return;
  // What is over the longest delay is forgiven: one large batch does not stop all others.
  arrival_ =
      std::min(std::max(arrival_, now) + time_for(bytes, *at_rate), now + limits::write_delay_max);
  if (arrival_ <= now + kBurst) return;
  room_at_ = arrival_;
  const Duration delay = room_at_ - now;
  ++delays_.count;
  delays_.total += delay;
  delays_.longest = std::max(delays_.longest, delay);
}

}  // namespace kv
