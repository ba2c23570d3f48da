// Hints go back to their owners, and are struck only for what was acknowledged.
#include "libkv/protocol/hint_replay.h"

#include <gtest/gtest.h>

#include "tests/kit/small_ring.h"

namespace kv {
namespace {

using testing::SmallRing;

constexpr Instant kStart{std::chrono::seconds(100)};

/// Member 4 holds hints for the slots 1, 2 and 3 of keyspace 7.
class HintReplayTest : public ::testing::Test {
 protected:
  HintReplayTest() : ring_(4, 3, 2, 2), replay_(4, RepairRequestIds(1), {}) { look(); }

  void look() {
    ring_.view.map = std::make_shared<const ClusterMap>(ring_.map);
    act([&](RepairActions* actions) { replay_.on_view(ring_.view, now_, actions); });
  }
  template <typename Act>
  void act(Act&& with) {
    RepairActions actions;
    with(&actions);
    for (RepairActions::Send& send : actions.sends) sent_.push_back(std::move(send));
  }
  void tick(Duration later) {
    now_ += later;
    act([&](RepairActions* actions) { replay_.on_tick(now_, actions); });
  }
  /// Takes the oldest message of that type out of what was sent.
  template <typename M>
  std::optional<std::pair<MemberNumber, M>> take() {
    for (auto it = sent_.begin(); it != sent_.end(); ++it) {
      const M* message = std::get_if<M>(&it->message);
      if (message == nullptr) continue;
      const std::pair<MemberNumber, M> taken{it->to, *message};
      sent_.erase(it);
      return taken;
    }
    return std::nullopt;
  }
  static msg::Hint hint(const std::string& key, msg::Members owners) {
    Record record;
    record.context.see(Dot{Actor(1, 1), 1});
    record.siblings.push_back(
        {Dot{Actor(1, 1), 1}, {1, 1}, 1, false, SharedBytes(std::string("value")), {}, {}});
    return {7, SharedBytes(key), std::move(owners), record, 5};
  }
  void answer_list(std::vector<msg::Hint> hints, bool more = false, uint64_t version = 1) {
    const auto list = take<msg::HintList>();
    ASSERT_TRUE(list);
    EXPECT_EQ(list->first, 4);
    const msg::HintsListed listed{list->second.id, Answer::ok, std::move(hints), more, version};
    act([&](RepairActions* actions) { replay_.on_hints(listed, now_, actions); });
  }
  void answer_merge(const msg::Merge& merge, Answer answer) {
    msg::Merged merged;
    merged.id = merge.id;
    merged.answer = answer;
    act([&](RepairActions* actions) { replay_.on_merged(merged, now_, actions); });
  }

  SmallRing ring_;
  HintReplay replay_;
  Instant now_ = kStart;
  std::vector<RepairActions::Send> sent_;
};

TEST_F(HintReplayTest, AnOwnerThatAcknowledgedIsStruckWithTheDigestOfWhatItWasSent) {
  const msg::Hint held = hint("k", {2});
  answer_list({held});
  const auto merge = take<msg::Merge>();
  ASSERT_TRUE(merge);
  EXPECT_EQ(merge->first, 2);
  EXPECT_EQ(merge->second.record, held.record);
  EXPECT_EQ(merge->second.round, held.round);
  EXPECT_TRUE(merge->second.hint_for.empty());
  EXPECT_FALSE(take<msg::HintStrikes>());
  answer_merge(merge->second, Answer::ok);
  const auto strikes = take<msg::HintStrikes>();
  ASSERT_TRUE(strikes);
  EXPECT_EQ(strikes->first, 4);
  ASSERT_EQ(strikes->second.strikes.size(), 1u);
  EXPECT_EQ(strikes->second.strikes[0].owner, 2);
  EXPECT_EQ(strikes->second.strikes[0].digest, digest_of(held.record));
}

TEST_F(HintReplayTest, ARefusalStrikesNothingAndTheHintIsListedAgain) {
  answer_list({hint("k", {2})});
  answer_merge(take<msg::Merge>()->second, Answer::busy);
  EXPECT_FALSE(take<msg::HintStrikes>());
  tick(1s);
  EXPECT_TRUE(take<msg::HintList>());
}

TEST_F(HintReplayTest, AnAnswerThatNeverComesDoesNotStopTheReplay) {
  answer_list({hint("k", {2})});
  ASSERT_TRUE(take<msg::Merge>());
  tick(6s);
  tick(1s);
  EXPECT_FALSE(take<msg::HintStrikes>());
  EXPECT_TRUE(take<msg::HintList>());
}

TEST_F(HintReplayTest, AnOwnerThatIsDownIsSentNothing) {
  ring_.set_up(2, false);
  look();
  answer_list({hint("k", {2})});
  EXPECT_FALSE(take<msg::Merge>());
  EXPECT_FALSE(take<msg::HintStrikes>());
}

TEST_F(HintReplayTest, HintsForOneThatIsDownAreReadOnceUntilThereIsNews) {
  ring_.set_up(2, false);
  look();
  answer_list({hint("k", {2})}, true, 7);
  answer_list({hint("l", {2})}, false, 7);
  for (int i = 0; i < 5; ++i) {
    tick(500ms);
    answer_list({hint("k", {2})}, true, 7);
    EXPECT_TRUE(sent_.empty()) << "one page is enough to see that nothing is new";
  }
  tick(500ms);
  answer_list({hint("k", {2})}, true, 8);
  answer_list({hint("l", {2}), hint("m", {3})}, false, 8);
  EXPECT_TRUE(take<msg::Merge>());  // For member 3.
  ring_.set_up(2, true);
  look();
  tick(6s);  // The merge to member 3 is given up.
  tick(1s);
  answer_list({hint("k", {2})}, false, 8);
  EXPECT_TRUE(take<msg::Merge>());
}

// An owner's word counts by the map that made it one.
TEST_F(HintReplayTest, AStrikeSaysByWhichMapItsHintWasSent) {
  answer_list({hint("k", {2})});
  const auto merge = take<msg::Merge>();
  ++ring_.map.epoch;
  look();
  answer_merge(merge->second, Answer::ok);
  const auto strikes = take<msg::HintStrikes>();
  ASSERT_TRUE(strikes);
  EXPECT_EQ(strikes->second.epoch, ring_.map.epoch - 1);
}

TEST_F(HintReplayTest, EachOwnerIsStruckForItself) {
  answer_list({hint("k", {2, 3})});
  const auto first = take<msg::Merge>();
  const auto second = take<msg::Merge>();
  ASSERT_TRUE(first && second);
  answer_merge(first->second, Answer::ok);
  answer_merge(second->second, Answer::corrupt);
  const auto strikes = take<msg::HintStrikes>();
  ASSERT_TRUE(strikes);
  ASSERT_EQ(strikes->second.strikes.size(), 1u);
  EXPECT_EQ(strikes->second.strikes[0].owner, first->first);
}

TEST_F(HintReplayTest, AHintForSomeoneNoLongerAnOwnerGoesToAllPresentOwners) {
  answer_list({hint("k", {9})});
  std::vector<msg::Merge> merges;
  std::vector<MemberNumber> to;
  while (const auto merge = take<msg::Merge>()) {
    to.push_back(merge->first);
    merges.push_back(merge->second);
  }
  EXPECT_EQ(to, (std::vector<MemberNumber>{1, 2, 3}));
  answer_merge(merges[0], Answer::ok);
  answer_merge(merges[1], Answer::ok);
  EXPECT_FALSE(take<msg::HintStrikes>());
  answer_merge(merges[2], Answer::ok);
  const auto strikes = take<msg::HintStrikes>();
  ASSERT_TRUE(strikes);
  EXPECT_EQ(strikes->second.strikes[0].owner, 9);
}

TEST_F(HintReplayTest, PagesFollowOneAnotherWithoutWaiting) {
  answer_list({hint("a", {2})}, true);
  answer_merge(take<msg::Merge>()->second, Answer::ok);
  const auto next = take<msg::HintList>();
  ASSERT_TRUE(next);
  EXPECT_EQ(next->second.after, "a");
  EXPECT_EQ(next->second.after_keyspace, 7u);
}

TEST_F(HintReplayTest, AReturnIsNoticedAtOnce) {
  ring_.set_up(2, false);
  look();
  answer_list({});
  EXPECT_FALSE(take<msg::HintList>());
  ring_.set_up(2, true);
  look();
  EXPECT_TRUE(take<msg::HintList>());
}

}  // namespace
}  // namespace kv
