// Writers are slowed as debt rises: never for long at a time, and to what is drained.
#include "libkv/storage/engines/write_pace.h"

#include <deque>

#include <gtest/gtest.h>

#include "libkv/base/limits.h"
#include "libkv/base/random.h"

namespace kv {
namespace {

constexpr uint64_t kMemtable = 1 << 20;
constexpr WriteDebtBounds kBounds{.soft = {8, 2 * kMemtable, 8 << 20, 100 << 20},
                                  .hard = {24, 4 * kMemtable, 32 << 20, 900 << 20}};
constexpr Instant kStart{1s};

TEST(WritePaceTest, BelowTheSoftBoundsNobodyWaits) {
  WritePace pace(kBounds);
  pace.note_debt(kBounds.soft);
  for (int i = 0; i < 1000; ++i) pace.note_written(1 << 20, kStart);
  EXPECT_FALSE(pace.is_slowing());
  EXPECT_EQ(pace.room_at(), Instant::min());
  EXPECT_EQ(pace.delays().count, 0u);
}

// Each of the debts alone.
TEST(WritePaceTest, TheMoreDebtTheSlower) {
  const WriteDebt steps[][3] = {
      {{.level0_tables = 9}, {.level0_tables = 16}, {.level0_tables = 24}},
      {{.waiting_bytes = 2 * kMemtable + 1},
       {.waiting_bytes = 3 * kMemtable},
       {.waiting_bytes = 5 * kMemtable}},
      {{.log_bytes = 9 << 20}, {.log_bytes = 20 << 20}, {.log_bytes = 32 << 20}},
      {{.excess_bytes = 101 << 20}, {.excess_bytes = 500 << 20}, {.excess_bytes = 2000u << 20}}};
  for (const auto& debts : steps) {
    WritePace pace(kBounds);
    pace.note_drained(100 << 20, kStart, kStart + 1s);
    double before = 1e12;
    for (const WriteDebt& debt : debts) {
      pace.note_debt(debt);
      ASSERT_TRUE(pace.rate());
      EXPECT_LT(*pace.rate(), before);
      before = *pace.rate();
    }
    EXPECT_NEAR(before, (100 << 20) / 8.0, 1);
    pace.note_debt({});
    EXPECT_FALSE(pace.rate());
    EXPECT_EQ(pace.room_at(), Instant::min());
  }
}

TEST(WritePaceTest, WhoKeepsToWhatHeIsToldWritesAtTheRate) {
  WritePace pace(kBounds);
  pace.note_drained(100 << 20, kStart, kStart + 1s);
  pace.note_debt({.level0_tables = 16});
  const double rate = *pace.rate();
  Instant now = kStart + 1s;
  const Instant began = now;
  uint64_t bytes = 0;
  while (now < began + 2s) {
    pace.note_written(116, now);
    bytes += 116;
    now = std::max(now + 1us, pace.room_at());
  }
  EXPECT_NEAR(static_cast<double>(bytes) / 2, rate, rate / 50);
  EXPECT_LE(pace.delays().longest, 2ms);
}

TEST(WritePaceTest, ALargeBatchWaitsNoLongerThanTheBound) {
  WritePace pace(kBounds);
  pace.note_debt({.level0_tables = 24});
  pace.note_written(64 << 20, kStart);
  EXPECT_EQ(pace.room_at(), kStart + limits::write_delay_max);
  pace.note_written(64 << 20, kStart + 1ms);
  EXPECT_EQ(pace.room_at(), kStart + 1ms + limits::write_delay_max);
  EXPECT_EQ(pace.delays().count, 2u);
  EXPECT_EQ(pace.delays().longest, limits::write_delay_max);
  EXPECT_EQ(pace.delays().total, 2 * limits::write_delay_max);
}

TEST(WritePaceTest, TimeWithoutWorkIsNotTakenForSlowness) {
  WritePace pace(kBounds);
  pace.note_drained(100 << 20, kStart, kStart + 1s);
  pace.note_drained(100 << 20, kStart + 3600s, kStart + 3601s);
  pace.note_debt({.level0_tables = 12});
  EXPECT_NEAR(*pace.rate(), 100 << 20, 1);
}

/// A store in which memtables are flushed and tables merged at fixed speeds on one thread, flushes
/// first, fed by a writer who could write much faster.
class Store {
 public:
  Store(double flush_rate, double merge_rate) : flush_rate_(flush_rate), merge_rate_(merge_rate) {}

  void write(uint64_t bytes) {
    written_ += bytes;
    active_ += bytes;
    if (active_ >= kMemtable) {
      active_ = 0;
      if (queued_.size() == 4 || tables_ >= 24) refused_ = true;
      queued_.push_back(now_);
      note();
    }
    pace_.note_written(bytes, now_);
    const Instant next = std::max(now_ + 20us, pace_.room_at());
    for (double left = seconds_of(next - now_); left > 0;) left -= work(left);
    now_ = next;
  }
  Instant now() const { return now_; }
  uint64_t written() const { return written_; }
  bool refused() const { return refused_; }
  Duration longest_delay() const { return pace_.delays().longest; }

 private:
  /// For so many seconds or fewer; returns how many.
  double work(double seconds) {
    double& left = queued_.empty() ? merge_left_ : flush_left_;
    if (left <= 0) begin(left);
    if (left <= 0) return seconds;  // Nothing is to do.
    const double worked = std::min(seconds, left);
    left -= worked;
    if (left <= 0) end();
    return worked;
  }
  void begin(double& left) {
    if (!queued_.empty()) {
      left = kMemtable / flush_rate_;
    } else if (tables_ >= 4) {
      merging_ = tables_;
      left = static_cast<double>(merging_ * kMemtable) / merge_rate_;
    }
  }
  void end() {
    if (!queued_.empty()) {
      ++tables_;
      pace_.note_drained(kMemtable, queued_.front(), now_);
      queued_.pop_front();
    } else {
      tables_ -= std::exchange(merging_, 0);
    }
    note();
  }
  void note() {
    pace_.note_debt({.level0_tables = tables_, .waiting_bytes = queued_.size() * kMemtable});
  }

  const double flush_rate_, merge_rate_;  // Bytes a second.
  WritePace pace_{kBounds};
  Instant now_ = kStart;
  std::deque<Instant> queued_;
  uint64_t active_ = 0, tables_ = 0, merging_ = 0, written_ = 0;
  double flush_left_ = 0, merge_left_ = 0;  // Seconds of work.
  bool refused_ = false;
};

// The writer finds the store's speed and never meets the wall, nor a long wait, whatever the
// store's speed is.
TEST(WritePaceTest, AStoreUnderAFasterWriterNeverRefuses) {
  Random random(1);
  for (int i = 0; i < 20; ++i) {
    const auto flush_rate = static_cast<double>((4 + random.below(60)) << 20);
    const auto merge_rate = static_cast<double>((4 + random.below(40)) << 20);
    SCOPED_TRACE(std::to_string(flush_rate) + " " + std::to_string(merge_rate));
    Store store(flush_rate, merge_rate);
    while (store.now() < kStart + 10s) store.write(4096);
    EXPECT_FALSE(store.refused());
    EXPECT_LE(store.longest_delay(), limits::write_delay_max);
    const double sustained = 1 / (1 / flush_rate + 1 / merge_rate);
    EXPECT_GT(static_cast<double>(store.written()) / 10, sustained * 0.7);
  }
}

}  // namespace
}  // namespace kv
