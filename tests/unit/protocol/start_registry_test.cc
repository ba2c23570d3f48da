#include "libkv/protocol/start_registry.h"

#include <gtest/gtest.h>

#include "tests/unit/protocol/gossip_maps.h"

namespace kv {
namespace {

const Instant kStart{};

class StartRegistryTest : public testing::Test {
 protected:
  const ClusterMap map_ = make_map(4, 3);
  GossipActions actions_;
  StartRegistry registry_{{1, first_store_of(1)}, {}, shared(map_), actions_};
  uint64_t next_id_ = 1;

  bool vote(uint64_t incarnation, uint64_t start, bool is_new, uint64_t id = 0) {
    actions_.clear();
    registry_.on_vote({id != 0 ? id : ++next_id_, 4, incarnation, start, is_new}, AskerId{9},
                      actions_);
    const bool yes = std::get<msg::StartVoted>(std::get<ReplyTo>(actions_.back()).message).yes;
    // A yes to a new question is durable before it is told.
    EXPECT_TRUE(!yes || id != 0 || std::holds_alternative<Persist>(actions_.front()));
    return yes;
  }
};

TEST_F(StartRegistryTest, AKnownIncarnationWithAHigherNumberIsYes) {
  EXPECT_TRUE(vote(70, 1, true));
  EXPECT_TRUE(vote(70, 2, false));
  EXPECT_TRUE(vote(70, 5, false));
}

TEST_F(StartRegistryTest, UnknownIsNo) {
  EXPECT_FALSE(vote(70, 1, false));
  EXPECT_TRUE(vote(70, 1, true));
  EXPECT_FALSE(vote(71, 2, false));
}

TEST_F(StartRegistryTest, ARolledBackDiskShowsANumberThatWasShownBefore) {
  vote(70, 1, true);
  vote(70, 2, false);
  vote(70, 3, false);
  EXPECT_FALSE(vote(70, 3, false));
  EXPECT_FALSE(vote(70, 2, false));
  EXPECT_TRUE(vote(71, 3, true));
  EXPECT_TRUE(vote(71, 4, false));
}

TEST_F(StartRegistryTest, ALateAnnouncementDoesNotBringAnOldIncarnationBack) {
  vote(70, 1, true);
  vote(71, 4, true);
  EXPECT_FALSE(vote(70, 1, true));
  EXPECT_FALSE(vote(70, 2, false));
  EXPECT_TRUE(vote(71, 5, false));
}

TEST_F(StartRegistryTest, TheSameQuestionGetsTheSameYes) {
  vote(70, 1, true);
  EXPECT_TRUE(vote(70, 2, false, 500));
  EXPECT_TRUE(vote(70, 2, false, 500));
  EXPECT_FALSE(vote(70, 2, false, 501));
}

// The first yes takes the place of what told that the directory is behind; its answer may be lost.
TEST_F(StartRegistryTest, AWipedDiskThatAsksAgainHearsAgainThatItIsBehind) {
  const auto behind = [this] {
    return std::get<msg::StartVoted>(std::get<ReplyTo>(actions_.back()).message).behind;
  };
  vote(70, 5, true);
  EXPECT_FALSE(behind());
  EXPECT_TRUE(vote(71, 1, true, 600));
  EXPECT_TRUE(behind());
  EXPECT_TRUE(vote(71, 1, true, 601)) << "an incarnation drawn at this start can only be it again";
  EXPECT_TRUE(behind());
  EXPECT_TRUE(vote(71, 2, false));
  EXPECT_FALSE(behind());
}

TEST_F(StartRegistryTest, SaysWhetherItKnewTheMemberBeforeItWasAsked) {
  const auto knew = [this](uint64_t incarnation, uint64_t start) {
    vote(incarnation, start, true, 500 + start);
    return std::get<msg::StartVoted>(std::get<ReplyTo>(actions_.back()).message).knew;
  };
  EXPECT_FALSE(knew(70, 1));
  EXPECT_FALSE(knew(70, 1));  // Asked again: the answer was lost.
  EXPECT_TRUE(knew(70, 2));
  EXPECT_TRUE(knew(71, 2));
}

// It kept its incarnation, was not answered by a majority in time, and drew another one.
TEST_F(StartRegistryTest, AProcessThatDrawsAgainIsNotBehindItself) {
  const auto behind = [this](uint64_t incarnation, uint64_t start, bool is_new, uint64_t run) {
    actions_.clear();
    registry_.on_vote({++next_id_, 4, incarnation, start, is_new, run}, AskerId{9}, actions_);
    return std::get<msg::StartVoted>(std::get<ReplyTo>(actions_.back()).message).behind;
  };
  EXPECT_FALSE(behind(70, 1, true, 900));
  EXPECT_FALSE(behind(70, 2, false, 901));
  EXPECT_FALSE(behind(71, 2, true, 901));
  EXPECT_FALSE(behind(72, 2, true, 901));
  // A wiped one is, however often it draws.
  EXPECT_TRUE(behind(73, 1, true, 902));
  EXPECT_TRUE(behind(74, 1, true, 902));
}

TEST_F(StartRegistryTest, OneThatIsNoVoterAnyMoreForgets) {
  vote(70, 1, true);
  ClusterMap without = map_;
  without.voters = {2, 3};
  actions_.clear();
  registry_.on_map(shared(without), actions_);
  ASSERT_EQ(actions_.size(), 1u);
  // And keeps silent: a "no" of one that knows nothing would end an inquiry too soon.
  actions_.clear();
  registry_.on_vote({1, 4, 71, 1, true}, AskerId{9}, actions_);
  EXPECT_TRUE(actions_.empty());
  registry_.on_map(shared(map_), actions_);
  EXPECT_FALSE(vote(70, 2, false));
}

TEST_F(StartRegistryTest, ADirectoryThatCountsFromAnEarlierStartIsBehindHoweverOftenItAsks) {
  vote(70, 5, true);
  for (int i = 0; i < 2; ++i) {
    actions_.clear();
    registry_.on_vote({100 + static_cast<uint64_t>(i), 4, 71, 1, true}, AskerId{9}, actions_);
    const auto* reply = std::get_if<ReplyTo>(&actions_.back());
    ASSERT_NE(reply, nullptr);
    EXPECT_TRUE(std::get<msg::StartVoted>(reply->message).behind) << i;
  }
}

TEST_F(StartRegistryTest, WhatItRestoredStillHolds) {
  GossipActions actions;
  StartRegistry restored({1, first_store_of(1)}, {{4, 70, 8, {}}}, shared(map_), actions);
  restored.on_vote({1, 4, 70, 8, false}, AskerId{9}, actions);
  restored.on_vote({2, 4, 70, 9, false}, AskerId{9}, actions);
  ASSERT_EQ(actions.size(), 3u);
  EXPECT_FALSE(std::get<msg::StartVoted>(std::get<ReplyTo>(actions[0]).message).yes);
  EXPECT_TRUE(std::get<msg::StartVoted>(std::get<ReplyTo>(actions[2]).message).yes);
}

class StartInquiryTest : public testing::Test {
 protected:
  StartInquiry inquiry_{{}, Random(1), shared(make_map(4, 3))};
  GossipActions actions_;

  uint64_t show() {
    inquiry_.on_shown({50, 4, 70, 2, false}, AskerId{9}, kStart, actions_);
    return std::get<msg::StartVote>(std::get<Send>(actions_.at(0)).message).id;
  }
  const msg::StartJudged* judged() {
    for (const GossipAction& action : actions_) {
      const auto* reply = std::get_if<ReplyTo>(&action);
      if (reply != nullptr) return &std::get<msg::StartJudged>(reply->message);
    }
    return nullptr;
  }
};

TEST_F(StartInquiryTest, AMajorityOfYesMakesItKnown) {
  const uint64_t id = show();
  EXPECT_EQ(actions_.size(), 3u);
  inquiry_.on_voted({id, 1, true, false, true}, actions_);
  inquiry_.on_voted({id, 1, true, false, true}, actions_);  // Twice the same voter.
  inquiry_.on_voted({id, 4, true, false, true}, actions_);  // No voter.
  ASSERT_EQ(judged(), nullptr);
  inquiry_.on_voted({id, 3, true, false, true}, actions_);
  ASSERT_NE(judged(), nullptr);
  EXPECT_TRUE(judged()->known);
  EXPECT_EQ(judged()->id, 50u);
  EXPECT_EQ(judged()->yes, 2);
}

TEST_F(StartInquiryTest, ANoIsToldOnlyWhenAllHaveSpokenForTheLastMayKnowOfALoss) {
  const uint64_t id = show();
  inquiry_.on_voted({id, 1, false, false}, actions_);
  inquiry_.on_voted({id, 2, false, false}, actions_);
  EXPECT_EQ(judged(), nullptr);
  inquiry_.on_voted({id, 3, false, true}, actions_);
  ASSERT_NE(judged(), nullptr);
  EXPECT_FALSE(judged()->known);
  EXPECT_TRUE(judged()->behind);
}

// Two of three voters have lost their stores and been named anew; the disk of member 4 is wiped.
// The third alone knows that it had started before.
TEST_F(StartInquiryTest, TheYesOfVotersWhoKnewNothingWaitsForTheOneWhoKnows) {
  const uint64_t id = show();
  inquiry_.on_voted({id, 1, true, false, false}, actions_);
  inquiry_.on_voted({id, 2, true, false, false}, actions_);
  EXPECT_EQ(judged(), nullptr);
  inquiry_.on_voted({id, 3, true, true, true}, actions_);
  ASSERT_NE(judged(), nullptr);
  EXPECT_TRUE(judged()->behind);
}

TEST_F(StartInquiryTest, AsksAgainAndGivesUp) {
  show();
  actions_.clear();
  inquiry_.on_tick(kStart + 200ms, actions_);
  EXPECT_EQ(actions_.size(), 3u);
  inquiry_.on_tick(kStart + 2s, actions_);
  ASSERT_NE(judged(), nullptr);
  EXPECT_FALSE(judged()->known);
  EXPECT_EQ(judged()->answered, 0);
  EXPECT_EQ(inquiry_.next_wake(), Instant::max());
}

TEST_F(StartInquiryTest, WithoutAMapNobodyKnows) {
  StartInquiry alone({}, Random(1), nullptr);
  alone.on_shown({50, 4, 70, 2, false}, AskerId{9}, kStart, actions_);
  ASSERT_NE(judged(), nullptr);
  EXPECT_FALSE(judged()->known);
}

}  // namespace
}  // namespace kv
