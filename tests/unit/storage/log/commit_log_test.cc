// The log's bytes and what recovery makes of them, case by case.
#include "libkv/storage/log/commit_log.h"

#include <gtest/gtest.h>

#include "libkv/base/limits.h"
#include "libkv/base/random.h"
#include "libkv/storage/file_names.h"
#include "libkv/storage/log/log_recovery.h"
#include "libkv/storage/log/log_scan.h"
#include "tests/sim/sim_environment.h"

namespace kv {
namespace {

constexpr uint64_t kSecret = 99;
constexpr uint64_t kSegmentBytes = 4096;

/// A segment as the writer makes it, record by record.
class Segment {
 public:
  explicit Segment(uint64_t number, Sequence first, bool recycled = false)
      : salt_(log_salt(kSecret, number)), bytes_(kSegmentBytes, recycled ? 'o' : '\0') {
    LogSegmentHeader header;
    header.number = number;
    header.salt = salt_;
    header.segment_bytes = kSegmentBytes;
    header.recycled = recycled;
    put(LogRecordKind::segment_header, first, 0, encode_segment_header(header), first - 1);
  }
  /// A batch of one put; returns where it begins.
  uint64_t batch(Sequence sequence, Sequence durable, size_t value_bytes = 20) {
    WriteBatch batch;
    batch.put("k" + std::to_string(sequence), std::string(value_bytes, 'v'));
    return put(LogRecordKind::batch, sequence, 1, batch.encoded(), durable);
  }
  void damage(uint64_t record, uint64_t at = kLogRecordHeaderBytes + 3) {
    bytes_[record + at] = static_cast<char>(bytes_[record + at] ^ 1);
  }
  BytesView bytes() const { return bytes_; }
  uint64_t salt() const { return salt_; }

 private:
  uint64_t put(LogRecordKind kind, Sequence first, uint32_t count, BytesView payload,
               Sequence durable) {
    std::string record;
    append_unsealed_record(record, kind, first, count, payload);
    seal_record(record.data(), salt_, end_, durable);
    bytes_.replace(end_, record.size(), record);
    const uint64_t begin = end_;
    end_ += record.size();
    return begin;
  }
  const uint64_t salt_;
  uint64_t end_ = 0;
  std::string bytes_;
};

class LogRecoveryTest : public testing::Test {
 public:
  LogRecoveryTest() : files_(disk_) { EXPECT_TRUE(files_.make_directories("log")); }

  void write(uint64_t number, const Segment& segment) {
    const auto file = files_.open("log/" + log_file_name(number), OpenMode::write);
    ASSERT_TRUE((*file)->write_at(0, segment.bytes()));
  }
  LogRecovery recover(Sequence flushed = 0, Sequence known_durable = 0) {
    applied_.clear();
    segments_read_ = 0;
    const LogRecoveryOptions options{"log", kSecret, flushed, known_durable};
    auto found = recover_log(files_, options, [this](const auto& segment) {
      ++segments_read_;
      for (const LogRecord& record : segment->records) applied_.push_back(record.first);
    });
    EXPECT_TRUE(found);
    return std::move(*found);
  }
  using Sequences = std::vector<Sequence>;

  SimDisk disk_;
  SimFileSystem files_;
  Sequences applied_;
  size_t segments_read_ = 0;
};

TEST_F(LogRecoveryTest, NothingIsSequenceZero) {
  const LogRecovery found = recover();
  EXPECT_EQ(found.last_sequence, 0u);
  EXPECT_EQ(found.next_number, 1u);
  EXPECT_TRUE(found.corruption.empty());
}

TEST_F(LogRecoveryTest, AppliesWhatIsWhole) {
  Segment first(1, 1), second(2, 3);
  first.batch(1, 0);
  first.batch(2, 1);
  second.batch(3, 2);
  write(1, first);
  write(2, second);
  const LogRecovery found = recover();
  EXPECT_EQ(applied_, (Sequences{1, 2, 3}));
  EXPECT_EQ(found.next_number, 3u);
  EXPECT_FALSE(found.torn_tail);
  recover(/*flushed=*/2);
  EXPECT_EQ(applied_, (Sequences{3}));
}

TEST_F(LogRecoveryTest, DoesNotReadWhatIsFlushed) {
  Segment first(1, 1), second(2, 3), third(3, 4);
  first.batch(1, 0);
  first.batch(2, 1);
  second.batch(3, 2);
  third.batch(4, 3);
  write(1, first);
  write(2, second);
  write(3, third);
  const LogRecovery found = recover(/*flushed=*/3);
  EXPECT_EQ(applied_, (Sequences{4}));
  EXPECT_EQ(segments_read_, 1u);
  // They are there to be released.
  ASSERT_EQ(found.segments.size(), 3u);
  EXPECT_LE(found.segments[1].last, 3u);
  EXPECT_EQ(found.segments[1].bytes, kSegmentBytes);
  recover(/*flushed=*/2);
  EXPECT_EQ(applied_, (Sequences{3, 4}));
  EXPECT_EQ(segments_read_, 2u);
}

TEST_F(LogRecoveryTest, ReadsTheSegmentBeforeOneThatDoesNotSayWhereItBegins) {
  Segment first(1, 1), second(2, 3);
  first.batch(1, 0);
  first.batch(2, 1);
  second.batch(3, 2);
  second.damage(0, 10);
  write(1, first);
  write(2, second);
  recover(/*flushed=*/2);
  EXPECT_EQ(applied_, (Sequences{3}));
  EXPECT_EQ(segments_read_, 2u);
}

TEST_F(LogRecoveryTest, ATornTailIsCut) {
  Segment segment(1, 1);
  segment.batch(1, 0);
  segment.damage(segment.batch(2, 1));
  write(1, segment);
  const LogRecovery found = recover();
  EXPECT_EQ(applied_, (Sequences{1}));
  EXPECT_TRUE(found.torn_tail);
  EXPECT_TRUE(found.corruption.empty());
  EXPECT_EQ(found.last_sequence, 1u);
}

TEST_F(LogRecoveryTest, AHoleInAGroupNobodyWasToldOfIsCutWithWhatFollows) {
  Segment segment(1, 1);
  segment.batch(1, 0);
  segment.damage(segment.batch(2, 1));
  segment.batch(3, 1);
  write(1, segment);
  const LogRecovery found = recover();
  EXPECT_EQ(applied_, (Sequences{1}));
  EXPECT_TRUE(found.torn_tail);
  EXPECT_TRUE(found.corruption.empty());
}

TEST_F(LogRecoveryTest, AHoleThatALaterRecordKnowsToHaveBeenDurableIsDamage) {
  Segment segment(1, 1);
  segment.batch(1, 0);
  const uint64_t hole = segment.batch(2, 1);
  segment.damage(hole);
  segment.batch(3, 1);
  segment.batch(4, 3);
  write(1, segment);
  for (int again = 0; again < 2; ++again) {
    const LogRecovery found = recover();
    EXPECT_EQ(applied_, (Sequences{1, 3, 4}));
    ASSERT_EQ(found.corruption.size(), 1u);
    EXPECT_EQ(found.corruption[0].file, "log/000001.log");
    EXPECT_EQ(found.corruption[0].offset, hole);
    EXPECT_NE(found.corruption[0].what.find("2 to 2"), std::string::npos);
    EXPECT_EQ(found.last_sequence, 4u);
  }
}

TEST_F(LogRecoveryTest, TheSameHoleWithADamagedHeaderToo) {
  Segment segment(1, 1);
  segment.batch(1, 0);
  segment.damage(segment.batch(2, 1, 300), 5);
  segment.batch(3, 2);
  write(1, segment);
  EXPECT_EQ(recover().corruption.size(), 1u);
  EXPECT_EQ(applied_, (Sequences{1, 3}));
}

TEST_F(LogRecoveryTest, TheNextSegmentVouchesForTheOneBefore) {
  Segment first(1, 1), second(2, 3);
  first.batch(1, 0);
  first.damage(first.batch(2, 1));
  second.batch(3, 2);
  write(1, first);
  write(2, second);
  const LogRecovery found = recover();
  ASSERT_EQ(found.corruption.size(), 1u);
  EXPECT_EQ(found.corruption[0].file, "log/000001.log");
  EXPECT_EQ(applied_, (Sequences{1, 3}));
}

TEST_F(LogRecoveryTest, WhatTheNextSegmentKnowsToHaveBeenDurableCountsBehindDamage) {
  // Of one group: no record of its own segment says that it was synced.
  Segment first(1, 1), second(2, 5);
  first.batch(1, 0);
  first.damage(first.batch(2, 1));
  first.batch(3, 1);
  first.batch(4, 1);
  second.batch(5, 4);
  write(1, first);
  write(2, second);
  const LogRecovery found = recover();
  ASSERT_EQ(found.corruption.size(), 1u);
  EXPECT_NE(found.corruption[0].what.find("2 to 2"), std::string::npos);
  EXPECT_EQ(applied_, (Sequences{1, 3, 4, 5}));
}

TEST_F(LogRecoveryTest, AnotherSegmentThanTheNextDoesNotVouchForWhatWasCut) {
  // As below, and the segment in which the other operations stood is gone.
  Segment first(1, 1), third(3, 4);
  first.batch(1, 0);
  first.damage(first.batch(2, 1));
  first.batch(3, 1);
  third.batch(4, 3);
  write(1, first);
  write(3, third);
  const LogRecovery found = recover();
  EXPECT_EQ(applied_, (Sequences{1, 4}));
  EXPECT_EQ(found.corruption.size(), 1u);
}

TEST_F(LogRecoveryTest, WhatACutLeftBehindIsNeverTakenLater) {
  // Sequence 2 was torn and cut, 3 survived behind it; the next life of the engine wrote other
  // operations under 2 and 3 into a new segment.
  Segment first(1, 1), second(2, 2);
  first.batch(1, 0);
  first.damage(first.batch(2, 1));
  first.batch(3, 1);
  second.batch(2, 1);
  second.batch(3, 2);
  write(1, first);
  write(2, second);
  const LogRecovery found = recover();
  EXPECT_EQ(applied_, (Sequences{1, 2, 3}));
  EXPECT_TRUE(found.corruption.empty());
}

TEST_F(LogRecoveryTest, TheManifestKnowsOfALostEnd) {
  Segment segment(1, 1);
  segment.batch(1, 0);
  segment.damage(segment.batch(2, 1));
  write(1, segment);
  const LogRecovery found = recover(0, /*known_durable=*/2);
  EXPECT_EQ(found.corruption.size(), 1u);
  EXPECT_EQ(found.last_sequence, 2u) << "sequence 2 must not be given out again";
}

TEST_F(LogRecoveryTest, WhatACleanStopSaysOfTheLastRecordCountsBehindDamage) {
  Segment segment(1, 1);
  segment.batch(1, 0);
  segment.damage(segment.batch(2, 1));
  segment.batch(3, 1);
  write(1, segment);
  const LogRecovery found = recover(0, /*known_durable=*/3);
  ASSERT_EQ(found.corruption.size(), 1u);
  EXPECT_NE(found.corruption[0].what.find("2 to 2"), std::string::npos);
  EXPECT_EQ(applied_, (Sequences{1, 3}));
  // Where more was durable than is there, 3 may be what an earlier recovery cut.
  const LogRecovery shorter = recover(0, /*known_durable=*/4);
  EXPECT_EQ(shorter.corruption.size(), 1u);
  EXPECT_EQ(applied_, (Sequences{1}));
}

TEST_F(LogRecoveryTest, DamageToWhatIsFlushedDoesNotMatter) {
  Segment segment(1, 1);
  segment.damage(segment.batch(1, 0));
  segment.batch(2, 1);
  segment.batch(3, 2);
  write(1, segment);
  EXPECT_TRUE(recover(/*flushed=*/2).corruption.empty());
  EXPECT_EQ(applied_, (Sequences{3}));
}

TEST_F(LogRecoveryTest, AnEarlierLifeOfASegmentIsNotRead) {
  // The bytes of segment 1 under the name of segment 7, which was only begun.
  Segment old(1, 1);
  for (Sequence sequence = 1; sequence <= 20; ++sequence) old.batch(sequence, sequence - 1);
  write(7, old);
  const LogRecovery found = recover();
  EXPECT_TRUE(applied_.empty());
  EXPECT_TRUE(found.corruption.empty());
  EXPECT_EQ(found.next_number, 8u);
}

TEST_F(LogRecoveryTest, AValueThatLooksLikeARecordIsNotOne) {
  Segment evil(1, 1);
  evil.batch(5, 4);
  Segment segment(1, 1);
  WriteBatch batch;
  // The attacker even knows the salt; the offset still differs.
  batch.put("k", evil.bytes().substr(0, 400));
  std::string record;
  append_unsealed_record(record, LogRecordKind::batch, 1, 1, batch.encoded());
  std::string bytes(segment.bytes());
  const uint64_t begin = segment.batch(1, 0);
  seal_record(record.data(), segment.salt(), begin, 0);
  record[kLogRecordHeaderBytes + 1] = '?';
  bytes.replace(begin, record.size(), record);
  const LogSegmentScan scan = scan_log_segment(bytes, segment.salt());
  EXPECT_EQ(scan.records.size(), 1u);
  EXPECT_TRUE(scan.torn);
}

TEST_F(LogRecoveryTest, ANewerFormatIsRefused) {
  Segment segment(1, 1);
  LogSegmentHeader header;
  header.version = kLogVersion + 1;
  std::string record;
  append_unsealed_record(record, LogRecordKind::segment_header, 1, 0,
                         encode_segment_header(header));
  seal_record(record.data(), segment.salt(), 0, 0);
  const auto file = files_.open("log/" + log_file_name(1), OpenMode::write);
  ASSERT_TRUE((*file)->write_at(0, record));
  const auto found = recover_log(files_, {"log", kSecret, 0, 0}, [](const auto&) {});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::format);
}

class CommitLogTest : public testing::Test {
 public:
  explicit CommitLogTest(uint64_t segment_bytes = kSegmentBytes)
      : process_(scheduler_, disk_, log_sink_) {
    EXPECT_TRUE(process_.environment().files.make_directories("log"));
    CommitLog::Options options;
    options.directory = "log";
    options.segment_bytes = segment_bytes;
    options.sync_interval = 10ms;
    options.secret = kSecret;
    log_ = std::make_unique<CommitLog>(process_.environment(), std::move(options));
    EXPECT_TRUE(log_->prepare());
    log_->on_durable([this](Result<Sequence> durable) { heard_.push_back(std::move(durable)); });
  }
  Sequence append(Durability durability, size_t value_bytes = 10) {
    WriteBatch batch;
    batch.put("k", std::string(value_bytes, 'v'));
    return log_->append(batch, durability);
  }
  void run_until_idle() {
    while (scheduler_.run_one()) {
    }
  }

  /// Of all sizes, small ones that share records and some that are larger than a piece.
  void append_many(size_t bytes) {
    Random random(4);
    while (bytes > 0) {
      const size_t most = random.below(20) == 0 ? limits::log_unsynced_bytes_max * 3 / 2 : 3000;
      const size_t value_bytes = std::min(bytes, 1 + random.below(most));
      append(Durability::always, value_bytes);
      bytes -= value_bytes;
    }
  }
  /// All sequences are in the log, and so many bytes of values. Ends the log's life.
  void expect_all(Sequence last, size_t value_bytes) {
    Sequence expected = 1;
    size_t bytes = 0;
    const auto found =
        recover_log(process_.environment().files, {"log", kSecret, 0, 0}, [&](const auto& segment) {
          for (const LogRecord& record : segment->records) {
            EXPECT_EQ(record.first, expected);
            expected = record.last() + 1;
            WriteBatch::for_each(record.payload, [&](const WriteBatch::Operation& operation) {
              EXPECT_EQ(operation.value.find_first_not_of('v'), BytesView::npos);
              bytes += operation.value.size();
            });
          }
        });
    ASSERT_TRUE(found);
    EXPECT_TRUE(found->corruption.empty());
    EXPECT_EQ(expected, last + 1);
    EXPECT_EQ(bytes, value_bytes);
  }

  /// What goes to the disk while the log takes so many bytes.
  uint64_t disk_bytes_of(Durability durability, size_t value_bytes) {
    disk_.record(true);
    append(durability, value_bytes);
    run_until_idle();
    uint64_t bytes = 0;
    for (const DiskOperation& operation : disk_.trace())
      if (operation.kind == DiskOperation::Kind::write) bytes += operation.bytes.view().size();
    return bytes;
  }

  NullLog log_sink_;
  SimScheduler scheduler_;
  SimDisk disk_;
  SimEnvironment process_;
  std::unique_ptr<CommitLog> log_;
  std::vector<Result<Sequence>> heard_;
};

TEST_F(CommitLogTest, AGroupFormsWhileOneIsSynced) {
  for (int i = 0; i < 50; ++i) append(Durability::always);
  EXPECT_EQ(log_->durable_sequence(), 0u);
  run_until_idle();
  ASSERT_EQ(heard_.size(), 2u);
  EXPECT_EQ(*heard_[0], 1u);
  EXPECT_EQ(*heard_[1], 50u);
  EXPECT_EQ(log_->groups(), 2u);
  EXPECT_EQ(log_->syncs(), 2u);
}

TEST_F(CommitLogTest, WritesWithoutDurabilityAreCarriedByTheNextSync) {
  append(Durability::none);
  run_until_idle();
  EXPECT_EQ(log_->durable_sequence(), 0u);
  append(Durability::always);
  run_until_idle();
  EXPECT_EQ(log_->durable_sequence(), 2u);
  append(Durability::none);
  log_->sync();
  run_until_idle();
  EXPECT_EQ(log_->durable_sequence(), 3u);
}

TEST_F(CommitLogTest, AnIntervalEndsWithASync) {
  append(Durability::interval);
  run_until_idle();
  EXPECT_EQ(log_->durable_sequence(), 0u);
  scheduler_.run_until(scheduler_.now() + 11ms);
  append(Durability::interval);
  run_until_idle();
  EXPECT_EQ(log_->durable_sequence(), 2u);
}

TEST_F(CommitLogTest, UnsyncedBytesAreBounded) {
  for (int i = 0; i < 40; ++i) append(Durability::none, 100 << 10);
  run_until_idle();
  EXPECT_GE(log_->written_bytes(), uint64_t{1} << 20);
}

TEST_F(CommitLogTest, AFullLogLeavesHoweverMuchMayBeHeld) {
  CommitLog::Options options;
  options.directory = "log";
  options.segment_bytes = kSegmentBytes;
  options.forming_bytes_max = 64 << 10;
  options.held_bytes_max = 1 << 20;
  options.next_number = 100;
  CommitLog log(process_.environment(), std::move(options));
  ASSERT_TRUE(log.prepare());
  WriteBatch batch;
  batch.put("k", std::string(1000, 'v'));
  for (int i = 0; i < 200; ++i) {
    if (log.ready()) log.append(batch, Durability::none);
    run_until_idle();
  }
  EXPECT_TRUE(log.ready());
  EXPECT_EQ(log.last_sequence(), 200u);
}

TEST_F(CommitLogTest, WhereNobodySyncsFreshSegmentsAreNotWrittenThrough) {
  constexpr size_t kBytes = limits::log_unsynced_bytes_max + 1;
  for (uint64_t group = 1; group < limits::log_groups_without_sync; ++group)
    EXPECT_GT(disk_bytes_of(Durability::none, kBytes), 2 * kBytes);
  disk_bytes_of(Durability::none, kBytes);
  const uint64_t before = log_->written_bytes();
  const uint64_t once = disk_bytes_of(Durability::none, kBytes);
  EXPECT_EQ(once, log_->written_bytes() - before);
  disk_bytes_of(Durability::always, 10);
  EXPECT_GT(disk_bytes_of(Durability::none, kBytes), 2 * kBytes) << "somebody does";

  ASSERT_TRUE(log_->drain());
  Random random(1);
  disk_.crash({UnsyncedData::dropped, UnsyncedNames::lost}, random);
  SimFileSystem files(disk_);
  const auto found = recover_log(files, {"log", kSecret, 0, 0}, [](const auto&) {});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->last_sequence, log_->last_sequence());
  EXPECT_TRUE(found->corruption.empty());
}

TEST_F(CommitLogTest, AFailedSyncIsFinal) {
  append(Durability::always);
  disk_.fail_nth(1, FaultKind::sync, false);
  run_until_idle();
  ASSERT_EQ(heard_.size(), 1u);
  EXPECT_FALSE(heard_[0]);
  EXPECT_FALSE(log_->ready());
  EXPECT_FALSE(log_->drain());
  EXPECT_EQ(log_->durable_sequence(), 0u);
}

TEST_F(CommitLogTest, SegmentsAreRecycledOnlyWhenReleased) {
  for (int i = 0; i < 40; ++i) {
    append(Durability::always, 500);
    run_until_idle();
  }
  const size_t segments = log_->segment_count();
  EXPECT_GT(segments, 4u);
  log_->release(20);
  const size_t left = log_->segment_count();
  EXPECT_LT(left, segments);
  for (int i = 0; i < 20; ++i) {
    append(Durability::always, 500);
    run_until_idle();
  }
  ASSERT_TRUE(log_->drain());
  Sequence first = 0, last = 0;
  const auto found =
      recover_log(process_.environment().files, {"log", kSecret, 20, 0}, [&](const auto& segment) {
        for (const LogRecord& record : segment->records) {
          if (first == 0) first = record.first;
          last = record.first;
        }
      });
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->corruption.empty());
  EXPECT_EQ(first, 21u);
  EXPECT_EQ(last, 60u);
}

TEST_F(CommitLogTest, ARecordLargerThanASegmentGetsOneOfItsOwn) {
  append(Durability::always);
  append(Durability::always, 3 * kSegmentBytes);
  append(Durability::always);
  ASSERT_TRUE(log_->drain());
  std::vector<Sequence> found;
  ASSERT_TRUE(
      recover_log(process_.environment().files, {"log", kSecret, 0, 0}, [&](const auto& segment) {
        for (const auto& record : segment->records) found.push_back(record.first);
      }));
  EXPECT_EQ(found, (std::vector<Sequence>{1, 2, 3}));
}

/// Of which each takes several pieces, as segments of the usual size do.
class LargeSegmentsTest : public CommitLogTest {
 public:
  LargeSegmentsTest() : CommitLogTest(4 << 20) {}
};

TEST_F(LargeSegmentsTest, AGroupMayHaveManyPieces) {
  constexpr size_t kBytes = 9 << 20;
  append_many(kBytes);
  EXPECT_GT(log_->forming_bytes(), size_t{8} << 20) << "one group";
  run_until_idle();
  EXPECT_EQ(log_->groups(), 2u);
  EXPECT_EQ(log_->durable_sequence(), log_->last_sequence());
  append_many(kBytes);
  ASSERT_TRUE(log_->drain());
  expect_all(log_->last_sequence(), 2 * kBytes);
}

TEST_F(CommitLogTest, ADiskThatFillsWithinAGroupTakesTheRestLater) {
  constexpr size_t kBytes = 9 << 20;
  int begun = 0, under_way = 0;
  log_->on_syncs([&] { ++begun, ++under_way; }, [&] { --under_way; });
  disk_.set_capacity(4 << 20);
  append_many(kBytes);
  run_until_idle();
  EXPECT_FALSE(log_->ready());
  EXPECT_EQ(under_way, 0) << "what waits for room is put off";
  EXPECT_LT(log_->durable_sequence(), log_->last_sequence());
  disk_.set_capacity(std::nullopt);
  scheduler_.run_until(scheduler_.now() + 2s);
  log_->on_tick(scheduler_.now());
  run_until_idle();
  EXPECT_EQ(log_->durable_sequence(), log_->last_sequence());
  EXPECT_GT(begun, 1);
  EXPECT_EQ(under_way, 0);
  expect_all(log_->last_sequence(), kBytes);
}

}  // namespace
}  // namespace kv
