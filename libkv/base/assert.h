// KV_ASSERT: an invariant whose breach is a bug. Kept in release builds: a process that has lost
// track of its own rules must stop before it acknowledges anything more.
#pragma once

namespace kv {

/// Prints `what` with its place to stderr and aborts. Thread-safe.
[[noreturn]] void assertion_failed(const char* what, const char* file, int line) noexcept;

}  // namespace kv

#define KV_ASSERT(condition) \
  (static_cast<bool>(condition) ? void(0) : ::kv::assertion_failed(#condition, __FILE__, __LINE__))
