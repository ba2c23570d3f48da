// Which calls on a simulated disk fail: the Nth of a kind, once or from then on, or each sync with
// a probability. It also counts the calls, so that a sweep knows how many Ns there are.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "libkv/base/random.h"

namespace kv {

enum class FaultKind {
  any,   ///< Every call below but no_space's.
  open,  ///< open, exists, list, size.
  read,
  write,
  sync,
  truncate,
  rename,
  remove,
  link,
  directory,  ///< make_directories.
  sync_directory,
  lock,
  no_space,  ///< Every call that may need room (it is counted under its own kind as well).
};
inline constexpr size_t kFaultKinds = static_cast<size_t>(FaultKind::no_space) + 1;

class FaultPlan {
 public:
  explicit FaultPlan(uint64_t seed) : random_(seed) {}

  /// The `n`th call of `kind` from now (1: the next) fails; with `from_then_on` all later as well.
  /// Replaces an earlier plan for the Nth call.
  void fail_nth(uint64_t n, FaultKind kind, bool from_then_on);
  void set_sync_failure(double probability) { sync_failure_ = probability; }
  void clear();
  /// Calls of `kind` since the beginning, failed ones too.
  uint64_t calls(FaultKind kind) const { return calls_[static_cast<size_t>(kind)]; }

  /// Counts a call; the fault that it must end with (FaultKind::no_space or its own kind), if any.
  std::optional<FaultKind> count(FaultKind kind, bool needs_space);

 private:
  struct Nth {
    uint64_t at;
    FaultKind kind;
    bool from_then_on;
  };
  bool strikes(FaultKind kind);

  Random random_;
  std::array<uint64_t, kFaultKinds> calls_{};
  std::optional<Nth> nth_;
  double sync_failure_ = 0;
};

}  // namespace kv
