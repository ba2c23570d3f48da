#include "libkv/replica/incarnation.h"

#include <gtest/gtest.h>

namespace kv {
namespace {

struct IncarnationTest : ::testing::Test {
  Incarnation start(const RecoveryReport& recovery) {
    auto started = Incarnation::start(
        *meta, recovery, [this] { return ++drawn; }, deadline);
    EXPECT_TRUE(started);
    return std::move(*started);
  }
  static RecoveryReport clean(Sequence last) {
    RecoveryReport report;
    report.clean = true;
    report.last_sequence = last;
    return report;
  }
  static RecoveryReport created() {
    RecoveryReport report;
    report.created = true;
    return report;
  }
  MemoryMeta rows;
  std::unique_ptr<MetaStore> meta = open_memory_meta(&rows);
  Instant deadline{10s};
  uint64_t drawn = 100;
};

TEST_F(IncarnationTest, TheFirstStartDrawsOneAndMintsAtOnce) {
  const Incarnation first = start(created());
  EXPECT_NE(first.value(), 0u);
  EXPECT_TRUE(first.is_new());
  EXPECT_TRUE(first.is_ready());
  EXPECT_EQ(first.start_number(), 1u);
}

TEST_F(IncarnationTest, ACleanStopKeepsItOnceTheVotersKnowIt) {
  Incarnation first = start(created());
  ASSERT_TRUE(first.stop_cleanly(50));
  EXPECT_FALSE(first.is_ready());
  Incarnation second = start(clean(50));
  EXPECT_EQ(second.value(), first.value());
  EXPECT_EQ(second.start_number(), 2u);
  EXPECT_FALSE(second.is_ready());  // A rollback of everything looks like this as well.
  ASSERT_TRUE(second.judge(true));
  EXPECT_TRUE(second.is_ready());
  EXPECT_EQ(second.value(), first.value());
}

TEST_F(IncarnationTest, UnknownToTheVotersMeansANewOne) {
  Incarnation first = start(created());
  ASSERT_TRUE(first.stop_cleanly(50));
  Incarnation second = start(clean(50));
  ASSERT_TRUE(second.judge(false));
  EXPECT_NE(second.value(), first.value());
  EXPECT_TRUE(second.is_new());
  EXPECT_TRUE(second.is_ready());
  // And it is durable.
  EXPECT_NE(start(clean(50)).value(), first.value());
}

TEST_F(IncarnationTest, NoWordInTimeMeansANewOne) {
  Incarnation first = start(created());
  ASSERT_TRUE(first.stop_cleanly(50));
  Incarnation second = start(clean(50));
  ASSERT_TRUE(second.on_time(deadline - 1ns));
  EXPECT_FALSE(second.is_ready());
  ASSERT_TRUE(second.on_time(deadline));
  EXPECT_TRUE(second.is_ready());
  EXPECT_NE(second.value(), first.value());
  const uint64_t kept = second.value();
  ASSERT_TRUE(second.judge(false));  // Too late to matter.
  EXPECT_EQ(second.value(), kept);
}

TEST_F(IncarnationTest, AnyStartThatMayHaveLostSomethingDrawsANewOne) {
  const uint64_t first = start(created()).value();
  const uint64_t no_flag = start(clean(50)).value();  // The first was never stopped.
  EXPECT_NE(no_flag, first);

  Incarnation third = start(clean(50));
  ASSERT_TRUE(third.stop_cleanly(50));
  RecoveryReport unclean;
  unclean.last_sequence = 50;
  const uint64_t fourth = start(unclean).value();
  EXPECT_NE(fourth, third.value());
}

TEST_F(IncarnationTest, TheLastStartWhoseVerdictWasTakenInIsDurable) {
  Incarnation first = start(created());
  EXPECT_EQ(first.judged_start(), 0u);
  EXPECT_EQ(start(clean(0)).judged_start(), 0u);  // Killed before it heard.
  Incarnation third = start(clean(0));
  ASSERT_TRUE(third.note_judged());
  EXPECT_EQ(third.judged_start(), 3u);
  EXPECT_EQ(start(clean(0)).judged_start(), 3u);
}

TEST_F(IncarnationTest, AFlagThatNamesAnotherSequenceIsOfAnotherTime) {
  Incarnation first = start(created());
  ASSERT_TRUE(first.stop_cleanly(50));
  EXPECT_NE(start(clean(49)).value(), first.value());
}

TEST_F(IncarnationTest, CorruptionDrawsANewOne) {
  Incarnation first = start(created());
  ASSERT_TRUE(first.stop_cleanly(50));
  RecoveryReport damaged = clean(50);
  damaged.corruption.push_back({"f", 0, "checksum", {}});
  EXPECT_NE(start(damaged).value(), first.value());
}

TEST_F(IncarnationTest, TheFlagCountsOnce) {
  Incarnation first = start(created());
  ASSERT_TRUE(first.stop_cleanly(50));
  EXPECT_EQ(start(clean(50)).value(), first.value());
  EXPECT_NE(start(clean(50)).value(), first.value());  // Killed before it could stop cleanly.
}

TEST_F(IncarnationTest, ARowThatIsNoNumberIsCorrupt) {
  MetaTransaction transaction;
  transaction.put("incarnation", "start_number", "12x");
  ASSERT_TRUE(meta->commit(transaction));
  const auto started = Incarnation::start(
      *meta, created(), [] { return 1; }, deadline);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().kind, ErrorKind::corrupt);
}

}  // namespace
}  // namespace kv
