// How much of the time compactions take, by what they cost those who wait for the disk: while a
// sync of the log, or a read of a get, takes longer beside a step of a compaction than between two,
// steps are followed by rests.
//
//   waits that began in a step  ┐  mean / mean > 1.5 ─▶ share × 3/4
//   waits that began in a rest  ┘  else              ─▶ share × 5/4
//
//   share: of the time, that steps have, from 1/8 to 15/16
//
// Debt has the last word: the share is at least what the debt is of the bound from which writers
// would be slowed (write_pace.h). While nobody waits for the disk there are no rests. Rests are
// taken at once, not after each step: within a shorter one no wait would lie.
//
// That compaction should have what the foreground leaves is from SILK (Balmau et al., USENIX ATC
// 2019); that a rate is lowered by a factor and found again by steps, from RocksDB's auto-tuned
// rate limiter. Here the signal is the wait itself.
//
// Pure: the time is handed in. One thread.
#pragma once

#include <cstdint>

#include "libkv/base/time.h"

namespace kv {

class CompactionPace {
 public:
  void begin_step(Instant now);
  /// How long to rest before the next. `debt`: the worst one, as a share of its soft bound.
  Duration end_step(double debt, Instant now);
  /// There was no other step: what end_step() said is still owed.
  void cancel_rest(Duration rest);

  /// Somebody's wait for the disk.
  struct Wait {
    Instant began{};
    bool in_step = false;
  };
  /// REQUIRES: each ends once, or nobody steps any more.
  Wait begin_wait(Instant now);
  void end_wait(const Wait& wait, Instant now);

  /// That steps had when the last one ended.
  double share() const { return used_share_; }
  /// Of all rests together.
  Duration rested() const { return rested_; }

 private:
  struct Waits {
    uint64_t count = 0;
    Duration total{};
    double mean() const { return static_cast<double>(total.count()) / static_cast<double>(count); }
    void age();
  };
  void judge(Instant now);

  double share_ = 1;
  double used_share_ = 1;      // No less than the debt.
  Waits in_steps_, in_rests_;  // Those that are over.
  size_t waiting_ = 0;
  bool stepping_ = false;
  Instant step_began_{}, step_ended_{};
  Instant judged_{}, waited_{};
  Duration owed_{};  // Of rest.
  bool resting_ = false;
  Duration rested_{};
};

}  // namespace kv
