#include "libkv/protocol/start_registry.h"

#include <memory>
#include <optional>

#include <gtest/gtest.h>

#include "tests/unit/protocol/gossip_maps.h"

namespace kv {
namespace {

const Instant kStart{};

class StartRegistryTest : public testing::Test {
 protected:
  const ClusterMap map_ = make_map(4, 3);
  GossipActions actions_;
  std::unique_ptr<StartRegistry> registry_ = open({});
  uint64_t next_id_ = 0;
  std::optional<StartRow> recorded_;  // Last.

  std::unique_ptr<StartRegistry> open(std::vector<StartRow> durable) {
    return std::make_unique<StartRegistry>(StartRegistry::Settings{1, first_store_of(1)},
                                           std::move(durable), shared(map_), actions_);
  }
  struct Shown {
    uint64_t incarnation, start_number;
    bool is_new;
    uint64_t run;
    uint64_t judged_start = 0;
  };
  msg::StartVoted show(const Shown& shown) {
    actions_.clear();
    registry_->on_vote({++next_id_, 4, shown.incarnation, shown.start_number, shown.is_new,
                        shown.run, shown.judged_start},
                       AskerId{9}, actions_);
    // What is recorded is durable before it is told.
    if (const auto* persist = std::get_if<Persist>(&actions_.front())) {
      recorded_ = std::get<StartRow>(persist->row);
    }
    const auto voted = std::get<msg::StartVoted>(std::get<ReplyTo>(actions_.back()).message);
    const bool holds = recorded_ && recorded_->incarnation == shown.incarnation &&
                       recorded_->start_number == shown.start_number;
    EXPECT_TRUE(!voted.yes || holds);
    return voted;
  }
  // By another process each time.
  bool vote(uint64_t incarnation, uint64_t start, bool is_new) {
    return show({incarnation, start, is_new, 1'000 + next_id_}).yes;
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

// The first answer may have been lost: the same start of the same process is no rollback.
TEST_F(StartRegistryTest, AProcessThatShowsItsStartAgainGetsTheSameAnswer) {
  show({70, 1, true, 900});
  for (int i = 0; i < 2; ++i) {
    const msg::StartVoted voted = show({70, 2, false, 901});
    EXPECT_TRUE(voted.yes) << i;
    EXPECT_TRUE(voted.knew) << i;
    EXPECT_FALSE(voted.behind) << i;
  }
  const msg::StartVoted other = show({70, 2, false, 902});
  EXPECT_FALSE(other.yes);
  EXPECT_TRUE(other.behind) << "two processes cannot have raised the number to the same one";
}

// The first yes takes the place of what told that the directory is behind; its answer may be lost.
TEST_F(StartRegistryTest, AWipedDiskHearsThatItIsBehindHoweverOftenItAsksOrDraws) {
  show({70, 5, true, 900});
  for (const uint64_t incarnation : {71, 71, 72}) {
    const msg::StartVoted voted = show({incarnation, 1, true, 901});
    EXPECT_TRUE(voted.yes);
    EXPECT_TRUE(voted.behind);
    EXPECT_TRUE(voted.knew);
  }
}

// It was killed before it could mark what it had lost, and its next start looks like any other.
TEST_F(StartRegistryTest, AWipedDiskIsBehindUntilAProcessOfItLivedToHearIt) {
  show({70, 5, true, 900});
  EXPECT_TRUE(show({71, 1, true, 901, 0}).behind);
  EXPECT_TRUE(show({72, 2, true, 902, 0}).behind);
  EXPECT_TRUE(show({72, 3, false, 903, 0}).behind);
  EXPECT_FALSE(show({72, 4, false, 904, 3}).behind);
  EXPECT_FALSE(show({72, 5, false, 905, 3}).behind) << "there was nothing to hear";
}

TEST_F(StartRegistryTest, SaysWhetherItKnewTheMemberBeforeItsProcessAsked) {
  EXPECT_FALSE(show({70, 1, true, 900}).knew);
  EXPECT_FALSE(show({70, 1, true, 900}).knew);
  // While its first question was open it drew another incarnation: of an earlier start this voter
  // still knows nothing.
  EXPECT_FALSE(show({71, 1, true, 900}).knew);
  EXPECT_TRUE(show({71, 2, false, 901}).knew);
}

// It kept its incarnation, was not answered by a majority in time, and drew another one.
TEST_F(StartRegistryTest, AProcessThatDrawsAgainIsNotBehindItself) {
  EXPECT_FALSE(show({70, 1, true, 900}).behind);
  EXPECT_FALSE(show({70, 2, false, 901}).behind);
  EXPECT_FALSE(show({71, 2, true, 901}).behind);
  EXPECT_FALSE(show({72, 2, true, 901}).behind);
  EXPECT_FALSE(show({71, 2, true, 901}).yes) << "late: it was replaced";
}

TEST_F(StartRegistryTest, OneThatIsNoVoterAnyMoreForgets) {
  vote(70, 1, true);
  ClusterMap without = map_;
  without.voters = {2, 3};
  actions_.clear();
  registry_->on_map(shared(without), actions_);
  ASSERT_EQ(actions_.size(), 1u);
  // And keeps silent: a "no" of one that knows nothing would end an inquiry too soon.
  actions_.clear();
  registry_->on_vote({1, 4, 71, 1, true}, AskerId{9}, actions_);
  EXPECT_TRUE(actions_.empty());
  registry_->on_map(shared(map_), actions_);
  EXPECT_FALSE(vote(70, 2, false));
}

TEST_F(StartRegistryTest, WhatItRestoredStillHolds) {
  show({70, 8, true, 900});
  show({71, 2, true, 901});
  registry_ = open({*recorded_});
  EXPECT_TRUE(show({71, 2, true, 901}).behind) << "asked again, as the voter was killed meanwhile";
  EXPECT_FALSE(show({70, 9, true, 900}).yes) << "late";
  EXPECT_TRUE(show({71, 3, false, 902, 2}).yes);
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
