#include "libkv/protocol/routing.h"

#include <gtest/gtest.h>

#include "libkv/protocol/quorum.h"
#include "tests/kit/small_ring.h"

namespace kv {
namespace {

TEST(LatencyProfile, PercentilesAreNeverTooLow) {
  LatencyProfile profile;
  EXPECT_EQ(profile.percentile(95, 7ms), 7ms);
  for (int i = 1; i <= 100; ++i) profile.add(std::chrono::milliseconds(i));
  EXPECT_GE(profile.percentile(50, 7ms), 50ms);
  EXPECT_LE(profile.percentile(50, 7ms), 71ms);
  EXPECT_GE(profile.percentile(99, 7ms), 99ms);
  for (int i = 0; i < 20'000; ++i) profile.add(1ms);
  EXPECT_LE(profile.percentile(99, 7ms), 2ms);
  EXPECT_LE(profile.samples(), LatencyProfile::kSamplesMax);
}

TEST(Routing, TimeOutsBackOffAndAnAnswerEndsIt) {
  testing::SmallRing ring(3, 3, 2, 2);
  Routing routing(1, {});
  routing.on_view(ring.publish());
  Instant now;
  const auto time_out = [&] { routing.note({2, MemberNote::Kind::timed_out, {}}, now); };
  time_out();
  EXPECT_TRUE(routing.candidate(2, now).live);
  time_out();
  EXPECT_FALSE(routing.candidate(2, now).live);
  EXPECT_TRUE(routing.candidate(2, now).up);
  time_out();  // Of a request that was under way: no further observation.
  now += 500ms;
  EXPECT_TRUE(routing.candidate(2, now).live);
  time_out();
  now += 500ms;
  EXPECT_FALSE(routing.candidate(2, now).live);
  routing.note({2, MemberNote::Kind::answered, 1ms}, now);
  EXPECT_TRUE(routing.candidate(2, now).live);
  ring.set_up(2, false);
  routing.on_view(ring.publish());
  EXPECT_FALSE(routing.candidate(2, now).up);
  EXPECT_FALSE(routing.candidate(9, now).up);
}

TEST(Routing, OneThatIsNotUpIsLiveForAWhileOnceItAnswers) {
  testing::SmallRing ring(3, 3, 2, 2);
  RoutingSettings settings;
  Routing routing(1, settings);
  routing.on_view(ring.publish());
  Instant now = Instant() + 1h;
  const auto answer = [&] { routing.note({2, MemberNote::Kind::answered, 1ms}, now); };
  answer();
  ring.set_up(2, false);
  routing.on_view(ring.publish());
  // What it answered before it was lost proves nothing.
  EXPECT_FALSE(routing.candidate(2, now).up);
  EXPECT_EQ(routing.candidate(2, now).patience, settings.patience_not_up);
  EXPECT_EQ(routing.candidate(2, now).durable_patience, settings.patience_not_up);
  answer();
  EXPECT_TRUE(routing.candidate(2, now).live);
  EXPECT_EQ(routing.candidate(2, now).patience, settings.patience_min);
  now += settings.heard_for - 1ms;
  EXPECT_TRUE(routing.candidate(2, now).live);
  now += 1ms;
  EXPECT_FALSE(routing.candidate(2, now).up);
  answer();
  EXPECT_TRUE(routing.candidate(2, now).live);
  routing.note({2, MemberNote::Kind::timed_out, {}}, now);
  EXPECT_FALSE(routing.candidate(2, now).up);
  // Another loss, another proof.
  answer();
  ring.set_up(2, true);
  routing.on_view(ring.publish());
  ring.set_up(2, false);
  routing.on_view(ring.publish());
  EXPECT_FALSE(routing.candidate(2, now).up);
}

TEST(Routing, ReadsGoToThoseThatAreNotUpLast) {
  std::vector<Candidate> candidates(4);
  for (size_t i = 0; i < 4; ++i) candidates[i].member = static_cast<MemberNumber>(i + 1);
  candidates[0].near = true;                     // Not up.
  candidates[1].up = true;                       // Doubted.
  candidates[2].up = candidates[2].live = true;  // Far.
  candidates[3].up = candidates[3].live = candidates[3].near = true;
  sort_for_reading(&candidates);
  std::vector<MemberNumber> order;
  for (const Candidate& candidate : candidates) order.push_back(candidate.member);
  EXPECT_EQ(order, (std::vector<MemberNumber>{4, 3, 2, 1}));
}

TEST(WriteQuorum, CountsASlotAndItsHintOnce) {
  const std::vector<Slot> slots{{1, 0, {}}, {2, 4, SlotStage::write_both}, {3, 0, {}}};
  WriteQuorum quorum(slots, 3, true);
  quorum.acknowledge(1);
  quorum.acknowledge_hint(0);
  EXPECT_EQ(quorum.acknowledged(), 1u);
  quorum.acknowledge(2);
  EXPECT_EQ(quorum.acknowledged(), 1u);
  quorum.acknowledge(4);
  EXPECT_EQ(quorum.acknowledged(), 2u);
  quorum.rule_out(3);
  EXPECT_EQ(quorum.possible(0), 2u);
  EXPECT_EQ(quorum.possible(1), 3u);
  quorum.admit(3);
  EXPECT_EQ(quorum.possible(0), 3u);
  quorum.rule_out(3);
  quorum.acknowledge_hint(2);
  EXPECT_TRUE(quorum.met());
  EXPECT_EQ(quorum.slots(), 2u);
  EXPECT_EQ(quorum.hints(), 1u);
}

TEST(Quorum, WhatIsAskedFor) {
  EXPECT_EQ(*replicas_needed({0, 2, 3, 'R'}), 2);
  EXPECT_EQ(*replicas_needed({0xff, 2, 3, 'R'}), 3);
  EXPECT_EQ(replicas_needed({4, 2, 3, 'R'}).error().what,
            "R=4 is more than the 3 replicas of a key");
  EXPECT_EQ(to_string(QuorumFacts{1, 2, "answered", 'R', 41}),
            "1 of 2 replicas answered (R=2, epoch 41)");
}

}  // namespace
}  // namespace kv
