// How fast writers may go, by what the engine owes: as flushes and compactions fall behind, writers
// are slowed smoothly, so that the bound at which they are refused is hardly ever met.
//
//     rate
//      none │────────┐                    pressure := how far the worst debt has come
//           │        ╲                                from its soft bound to its hard one
//     drain │          ╲_                 rate     := drain × 2^(1 - 4 × pressure)
//           │             ╲__
//           └────────┼───────┼──▶ debt    drain    := what flushes have taken away a second
//                   soft    hard
//
// Where debt stays the same, writers come in as fast as background work takes away: the rate finds
// that point by itself. That a store's write rate follows its drain rate, and that it is changed by
// factors, is RocksDB's delayed write rate (WriteController, SetupDelay); the metering, in which
// each write moves a virtual time of arrival, is the generic cell rate algorithm (ITU-T I.371).
//
// Pure: the time is handed in. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "libkv/base/time.h"

namespace kv {

/// What is behind.
struct WriteDebt {
  uint64_t level0_tables = 0;
  uint64_t waiting_bytes = 0;  ///< Of memtables that wait for their flush.
  uint64_t log_bytes = 0;      ///< Of the log's forming group.
  uint64_t excess_bytes = 0;   ///< What the levels below 0 have over their targets.
};

/// The debt at which writers begin to be slowed, and that at which they are slowest.
struct WriteDebtBounds {
  WriteDebt soft, hard;
};

class WritePace {
 public:
  explicit WritePace(const WriteDebtBounds& bounds) : bounds_(bounds) {}

  void note_debt(const WriteDebt& debt);
  /// A memtable that took `bytes` of keys and values, and waited since `queued`, is flushed.
  void note_drained(uint64_t bytes, Instant queued, Instant now);
  /// REQUIRES: `now` does not go back.
  void note_written(uint64_t bytes, Instant now);

  /// What compactions owe, as a share of the bound from which writers are slowed.
  double compaction_debt() const { return compaction_debt_; }
  bool is_slowing() const { return pressure_ > 0; }
  /// When the next write should come: Instant::min(), or an instant that lies at most
  /// limits::write_delay_max after the last write.
  Instant room_at() const { return room_at_; }
  /// Bytes a second, or nothing while writers are not slowed.
  std::optional<double> rate() const;

  struct Delays {
    uint64_t count = 0;
    Duration total{}, longest{};
  };
  /// Those told so far.
  const Delays& delays() const { return delays_; }

 private:
  double drain_rate() const;

  const WriteDebtBounds bounds_;
  double pressure_ = 0;          // 0 to 1.
  double compaction_debt_ = 0;   // 0 on.
  std::optional<double> drain_;  // Bytes a second.
  std::optional<Instant> drained_at_;
  bool was_slowing_ = false;  // When the memtable before was flushed.
  Instant arrival_{};         // When a write would come that keeps to the rate.
  Instant room_at_ = Instant::min();
  Delays delays_;
};

}  // namespace kv
