#include "libkv/protocol/failure_detector.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/unit/protocol/detector_cluster.h"

namespace kv {
namespace {

constexpr uint8_t kNode = 1u << static_cast<int>(DaemonKind::node);

DetectorCluster started(size_t members, size_t racks, double loss = 0, uint64_t seed = 1) {
  DetectorCluster::Settings settings;
  settings.members = members;
  settings.racks = racks;
  settings.loss = loss;
  settings.seed = seed;
  DetectorCluster cluster(settings);
  EXPECT_TRUE(cluster.run_until_all_alive(10s));
  cluster.run(10s);
  return cluster;
}

TEST(FailureDetector, EverybodyIsAliveSoonAfterTheStart) {
  DetectorCluster cluster(DetectorCluster::Settings{});
  const auto took = cluster.run_until_all_alive(10s);
  ASSERT_TRUE(took);
  EXPECT_LT(*took, 1s);
}

TEST(FailureDetector, ACrashedMemberIsSuspectThenDownThenAliveAgain) {
  DetectorCluster cluster = started(5, 3);
  cluster.crash(2);
  const auto suspect = cluster.run_until(2, Liveness::suspect, 10s);
  ASSERT_TRUE(suspect);
  EXPECT_LT(*suspect, 2500ms);
  const auto down = cluster.run_until(2, Liveness::down, 10s);
  ASSERT_TRUE(down);
  EXPECT_LT(*down, 5s);
  cluster.restart(2, 2);
  const auto alive = cluster.run_until_all_alive(10s);
  ASSERT_TRUE(alive);
  EXPECT_LT(*alive, 3s);
  EXPECT_EQ(cluster.mistakes().down, 0u);
}

TEST(FailureDetector, NobodyIsBroughtDownByLossForMinutes) {
  for (const size_t members : {2u, 3u, 5u, 16u}) {
    DetectorCluster cluster = started(members, 3, 0.05, members);
    cluster.run(300s);
    EXPECT_EQ(cluster.mistakes().down, 0u) << members;
    EXPECT_EQ(cluster.mistakes().suspect, 0u) << members;
  }
}

TEST(FailureDetector, OneThatStallsBringsNobodyDown) {
  DetectorCluster cluster = started(5, 3, 0.05);
  for (int i = 0; i < 10; ++i) {
    const DetectorCluster::Mistakes before = cluster.mistakes();
    cluster.pause(3, 3s);
    cluster.run(3100ms);
    for (const MemberNumber other : msg::Members{1, 2, 4, 5}) {
      EXPECT_EQ(cluster.seen(3, other).liveness, Liveness::alive) << other;
    }
    cluster.run(10s);
    EXPECT_EQ(cluster.mistakes().down, before.down);
    EXPECT_LE(cluster.mistakes().suspect - before.suspect, 4u);  // The others, of the one.
  }
  EXPECT_TRUE(cluster.run_until_all_alive(5s));
}

TEST(FailureDetector, AStallMakesPatientForAWhile) {
  DetectorCluster cluster = started(3, 1);
  cluster.pause(1, 3s);
  cluster.run(3100ms);
  EXPECT_GT(cluster.detector(1).ill_health(), 0u);
  cluster.run(20s);
  EXPECT_EQ(cluster.detector(1).ill_health(), 0u);
}

TEST(FailureDetector, OneSuspecterIsNotEnough) {
  DetectorCluster cluster = started(4, 2);
  // Member 1 hears nobody: it suspects all, but nobody is down on its word alone.
  for (const MemberNumber other : msg::Members{2, 3, 4}) cluster.cut(other, 1);
  cluster.run(60s);
  for (const MemberNumber other : msg::Members{2, 3, 4}) {
    EXPECT_EQ(cluster.seen(1, other).liveness, Liveness::suspect) << other;
  }
  EXPECT_EQ(cluster.mistakes().down, 0u);
}

TEST(FailureDetector, SuspectersOfOneRackAreNotIndependent) {
  // Racks: 2 and 4 in r0; 1, 3, 5 in r1. Only r1 loses sight of 2 (it speaks to 4 alone, and 4 to
  // nobody): r1's word is not enough while r0's member 4 is not suspected.
  MemberTable table(MemberTable::Settings{1, {}, 8});
  const ClusterMap map = make_map(5, 1, 2);
  Instant now{};
  table.on_map(map, now);
  for (const MemberNumber member : msg::Members{2, 3, 4, 5})
    table.hear({member, 1, 1, 0, {}}, member, now);
  const auto keep_alive = [&](uint64_t counter) {
    for (const MemberNumber member : msg::Members{3, 4, 5}) {
      table.hear({member, 1, counter, 0, {}}, member, now);
    }
  };
  const auto accuse = [&](MemberNumber suspecter) {
    table.hear({2, 1, 1, 0, {{suspecter, 1, 1}}}, suspecter, now);
  };
  for (uint64_t i = 2; i < 100; ++i) {
    now += 250ms;
    keep_alive(i);
    accuse(3);
    accuse(5);
    table.judge_all(now, 1);
  }
  EXPECT_EQ(table.find(2)->liveness, Liveness::suspect);
  accuse(4);
  for (uint64_t i = 100; i < 120; ++i) {
    now += 250ms;
    keep_alive(i);
    table.judge_all(now, 1);
  }
  EXPECT_EQ(table.find(2)->liveness, Liveness::down);
}

TEST(FailureDetector, ARackThatFailsIsDownOnTheWordOfTheOther) {
  DetectorCluster cluster = started(4, 2);
  cluster.crash(1);
  cluster.crash(3);
  EXPECT_TRUE(cluster.run_until(1, Liveness::down, 10s));
  EXPECT_TRUE(cluster.run_until(3, Liveness::down, 10s));
}

TEST(FailureDetector, OneSuspecterIsEnoughWhereTwoAreLeft) {
  DetectorCluster cluster = started(3, 3);
  cluster.crash(2);
  ASSERT_TRUE(cluster.run_until(2, Liveness::down, 10s));
  cluster.crash(3);
  EXPECT_TRUE(cluster.run_until(3, Liveness::down, 10s));
}

TEST(FailureDetector, AMemberHeardOnlyThroughOthersStaysAlive) {
  DetectorCluster cluster = started(4, 2);
  cluster.cut(1, 2);
  cluster.cut(2, 1);
  cluster.run(60s);
  EXPECT_EQ(cluster.seen(2, 1).liveness, Liveness::alive);
  EXPECT_EQ(cluster.mistakes().suspect, 0u);
}

TEST(FailureDetector, AHealedPartitionIsNoticed) {
  DetectorCluster cluster = started(6, 3);
  const auto cut_all = [&](bool is_cut) {
    for (const MemberNumber a : msg::Members{1, 2, 3}) {
      for (const MemberNumber b : msg::Members{4, 5, 6}) {
        cluster.cut(a, b, is_cut);
        cluster.cut(b, a, is_cut);
      }
    }
  };
  cut_all(true);
  cluster.run(20s);
  EXPECT_EQ(cluster.seen(1, 5).liveness, Liveness::down);
  cut_all(false);
  const auto healed = cluster.run_until_all_alive(20s);
  ASSERT_TRUE(healed);
  EXPECT_LT(*healed, 5s);
}

TEST(FailureDetector, ADaemonThatEndsIsToldAtOnce) {
  DetectorCluster cluster = started(5, 3);
  cluster.set_daemons_up(2, kNode);
  cluster.run(1s);
  EXPECT_TRUE(cluster.seen(4, 2).is_up(DaemonKind::node));
  const uint64_t version = cluster.detector(4).liveness_version();
  cluster.set_daemons_up(2, 0);
  cluster.run(300ms);
  for (const MemberNumber other : msg::Members{1, 3, 4, 5}) {
    EXPECT_FALSE(cluster.seen(other, 2).is_up(DaemonKind::node)) << other;
    EXPECT_TRUE(cluster.seen(other, 2).is_up(DaemonKind::gossip)) << other;
  }
  EXPECT_GT(cluster.detector(4).liveness_version(), version);
}

TEST(FailureDetector, OneThatHearsOfALaterStartOfItselfRaisesItsOwnPastIt) {
  DetectorCluster cluster = started(3, 1);
  cluster.crash(2);
  cluster.run(500ms);
  cluster.restart(2, 7);
  cluster.run(5s);
  cluster.crash(2);
  cluster.run(500ms);
  cluster.restart(2, 3);  // Its disk was rolled back.
  EXPECT_TRUE(cluster.run_until_all_alive(10s));
  EXPECT_EQ(cluster.detector(2).start_number(), 8u);
  EXPECT_EQ(cluster.stores_found_old(), 1u);
}

TEST(FailureDetector, ARestartedMemberDoesNotTakeTheDeadForAlive) {
  DetectorCluster cluster = started(4, 2);
  cluster.crash(3);
  ASSERT_TRUE(cluster.run_until(3, Liveness::down, 10s));
  cluster.crash(1);
  cluster.run(1s);
  cluster.restart(1, 2);
  for (int i = 0; i < 100; ++i) {
    cluster.run(100ms);
    EXPECT_NE(cluster.seen(1, 3).liveness, Liveness::alive);
  }
  EXPECT_EQ(cluster.seen(1, 3).liveness, Liveness::down);
}

TEST(FailureDetector, MessagesAreBoundedInALargeCluster) {
  DetectorCluster::Settings settings;
  settings.members = 300;
  settings.racks = 10;
  DetectorCluster cluster(settings);
  cluster.run(1s);
  EXPECT_EQ(cluster.traffic().rows_in_one_max, FailureDetector::Settings{}.rows_per_message_max);
}

TEST(FailureDetector, TheSameSeedGivesTheSameRun) {
  DetectorCluster a = started(9, 3, 0.2, 7);
  DetectorCluster b = started(9, 3, 0.2, 7);
  EXPECT_EQ(a.traffic().rows, b.traffic().rows);
  EXPECT_EQ(a.detector(5).liveness_version(), b.detector(5).liveness_version());
}

}  // namespace
}  // namespace kv
