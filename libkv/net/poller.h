// epoll over a changing set of descriptors, each with a number that comes back when it is readable,
// or writable where that is asked for.
// Level-triggered. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "libkv/base/time.h"

namespace kv {

class Poller {
 public:
  /// Aborts if the process has no descriptor left.
  Poller();
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  /// False: the kernel has no room for it. REQUIRES: `fd` is open and not in the set.
  bool add(int fd, uint64_t token);
  /// REQUIRES: `fd` is in the set and still open.
  void remove(int fd);
  /// Whether `fd`, which is in the set as `token`, is also waited for until it is writable.
  void watch_writes(int fd, uint64_t token, bool wanted);
  /// Waits until something is ready or `limit` has passed, at once if it is not positive. The
  /// tokens are valid until the next call; at most 64 come at once, the others next time.
  std::span<const uint64_t> wait(Duration limit);

 private:
  static constexpr size_t kTokensMax = 64;
  int fd_;
  std::array<uint64_t, kTokensMax> tokens_{};
};

}  // namespace kv
