// Time as types: a Duration, an Instant of a clock that never goes back and means nothing outside
// this process, and a WallTime that may jump and is only ever shown, compared for expiry, or used
// in hybrid logical timestamps.
#pragma once

#include <chrono>
#include <cstdint>

namespace kv {

using Duration = std::chrono::nanoseconds;
using namespace std::chrono_literals;

struct MonotonicClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicClock>;
  static constexpr bool is_steady = true;
};
using Instant = MonotonicClock::time_point;

struct CivilClock {
  using duration = std::chrono::microseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<CivilClock>;
  static constexpr bool is_steady = false;
};
/// Microseconds since 1970-01-01T00:00:00Z.
using WallTime = CivilClock::time_point;

inline int64_t microseconds_of(WallTime t) {
  return t.time_since_epoch().count();
}
inline WallTime wall_time_of(int64_t microseconds) {
  return WallTime(std::chrono::microseconds(microseconds));
}
inline int64_t microseconds_of(Duration d) {
  return std::chrono::duration_cast<std::chrono::microseconds>(d).count();
}
inline double seconds_of(Duration d) {
  return std::chrono::duration<double>(d).count();
}

}  // namespace kv
