#include "libkv/base/posix_environment.h"

#include <sys/random.h>
#include <time.h>

#include "libkv/base/assert.h"
#include "libkv/base/posix_error.h"

namespace kv {

namespace {

Duration read_clock(clockid_t id) {
  timespec time{};
  KV_ASSERT(::clock_gettime(id, &time) == 0);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

Instant SystemClock::now() {
  return Instant(read_clock(CLOCK_MONOTONIC));
}

WallTime SystemClock::wall() {
  return WallTime(std::chrono::duration_cast<WallTime::duration>(read_clock(CLOCK_REALTIME)));
}

uint64_t system_entropy() {
  uint64_t bits = 0;
  // Requests of up to 256 bytes are never short once the kernel's pool is ready.
  const ssize_t got = uninterrupted([&] { return ::getrandom(&bits, sizeof bits, 0); });
  KV_ASSERT(got == static_cast<ssize_t>(sizeof bits));
  return bits;
}

}  // namespace kv
