#include "libkv/protocol/map_spread.h"

#include <gtest/gtest.h>

#include "libkv/protocol/proposal_relay.h"
#include "tests/unit/protocol/gossip_maps.h"

namespace kv {
namespace {

const Instant kStart{};

class MapSpreadTest : public testing::Test {
 protected:
  const ClusterMap first_ = make_map(3, 3);
  const MapPointer held_ = shared(first_);
  const MapPointer second_ = next_of(first_, "a");
  MapSpread spread_{{1, first_store_of(1), 0}, Random(1), held_, kStart};
  GossipActions actions_;
};

TEST_F(MapSpreadTest, WhoIsBehindPullsAtMostOnceAnInterval) {
  spread_.on_heard(2, 5, kStart, actions_);
  spread_.on_heard(3, 5, kStart + 10ms, actions_);
  ASSERT_EQ(actions_.size(), 1u);
  EXPECT_EQ(std::get<Send>(actions_[0]).to, 2);
  spread_.on_heard(3, 5, kStart + 250ms, actions_);
  EXPECT_EQ(actions_.size(), 2u);
}

TEST_F(MapSpreadTest, OneThatIsLevelPullsNothing) {
  spread_.on_heard(2, 1, kStart, actions_);
  EXPECT_TRUE(actions_.empty());
}

TEST_F(MapSpreadTest, ANewerMapIsPersistedThenAdopted) {
  spread_.on_push({second_}, kStart, actions_);
  ASSERT_EQ(actions_.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<Persist>(actions_[0]));
  EXPECT_TRUE(std::holds_alternative<Adopted>(actions_[1]));
  EXPECT_EQ(spread_.epoch(), 2u);
}

TEST_F(MapSpreadTest, AnOlderMapIsNeverApplied) {
  spread_.on_push({second_}, kStart, actions_);
  actions_.clear();
  spread_.on_push({held_}, kStart, actions_);
  spread_.on_decided(held_, kStart, actions_);
  EXPECT_TRUE(actions_.empty());
  EXPECT_EQ(spread_.epoch(), 2u);
}

TEST_F(MapSpreadTest, AnUnsoundOrForeignMapIsNotTaken) {
  ClusterMap unsound = *second_;
  unsound.voters.clear();
  spread_.on_push({shared(unsound)}, kStart, actions_);
  ClusterMap foreign = *second_;
  foreign.cluster = {8, 8};
  spread_.on_push({shared(foreign)}, kStart, actions_);
  EXPECT_TRUE(actions_.empty());
}

TEST_F(MapSpreadTest, PushesAreBoundedInAnInterval) {
  for (int i = 0; i < 100; ++i) spread_.on_pull({0}, AskerId{5}, kStart, actions_);
  EXPECT_EQ(actions_.size(), MapSpread::Settings{}.pushes_per_interval_max);
  spread_.on_tick(kStart + 250ms, actions_);
  spread_.on_pull({0}, AskerId{5}, kStart + 250ms, actions_);
  EXPECT_EQ(actions_.size(), MapSpread::Settings{}.pushes_per_interval_max + 1);
}

TEST_F(MapSpreadTest, WithoutAMapItAsksSeedsAndBelievesThem) {
  MapSpread fresh({9, 1, 2}, Random(1), nullptr, kStart);
  fresh.on_tick(kStart, actions_);
  ASSERT_EQ(actions_.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<SendToSeed>(actions_[0]));
  fresh.on_push({held_}, kStart, actions_);
  EXPECT_EQ(fresh.epoch(), 1u);
}

TEST_F(MapSpreadTest, WithoutSeedsAFirstMapMustNameThisStore) {
  MapSpread other_store({1, 1, 0}, Random(1), nullptr, kStart);
  other_store.on_push({held_}, kStart, actions_);
  EXPECT_EQ(other_store.epoch(), 0u);
  MapSpread named({1, first_store_of(1), 0}, Random(1), nullptr, kStart);
  named.on_push({held_}, kStart, actions_);
  EXPECT_EQ(named.epoch(), 1u);
}

TEST_F(MapSpreadTest, OneThatHearsNobodyAsksASeed) {
  MapSpread alone({1, first_store_of(1), 1}, Random(1), held_, kStart);
  alone.on_tick(kStart + 1s, actions_);
  EXPECT_TRUE(actions_.empty());
  alone.on_tick(kStart + 2s, actions_);
  EXPECT_EQ(actions_.size(), 1u);
}

class ProposalRelayTest : public testing::Test {
 protected:
  const MapPointer map_ = next_of(make_map(5, 3), "a");
  ProposalRelay relay_{{}, Random(1)};
  GossipActions actions_;

  uint64_t relay() {
    relay_.on_propose({40, 5s, map_}, AskerId{9}, {2, 3}, kStart, actions_);
    return std::get<msg::Propose>(std::get<Send>(actions_.at(0)).message).id;
  }
  Answer told(Answer answer, Epoch epoch, uint64_t id) {
    actions_.clear();
    relay_.on_proposed({id, answer, epoch, ""}, kStart + 2s, actions_);
    const auto& reply = std::get<ReplyTo>(actions_.at(0));
    const auto& proposed = std::get<msg::Proposed>(reply.message);
    EXPECT_EQ(proposed.id, 40u);
    EXPECT_EQ(reply.to, AskerId{9});
    return proposed.answer;
  }
};

TEST_F(ProposalRelayTest, PassesTheAnswerBack) {
  EXPECT_EQ(told(Answer::ok, 2, relay()), Answer::ok);
  EXPECT_EQ(relay_.next_wake(), Instant::max());
}

TEST_F(ProposalRelayTest, TriesAnotherVoterAndThenKnowsLess) {
  const uint64_t id = relay();
  relay_.on_tick(kStart + 1s, actions_);
  ASSERT_EQ(actions_.size(), 2u);
  EXPECT_EQ(std::get<Send>(actions_[1]).to, 3);
  EXPECT_EQ(told(Answer::conflict, 7, id), Answer::unknown);
}

TEST_F(ProposalRelayTest, AConflictOfItsOwnEpochIsCertain) {
  const uint64_t id = relay();
  relay_.on_tick(kStart + 1s, actions_);
  EXPECT_EQ(told(Answer::conflict, 2, id), Answer::conflict);
}

TEST_F(ProposalRelayTest, SilenceIsUnknownAndNoVoterIsUnavailable) {
  relay();
  actions_.clear();
  relay_.on_tick(kStart + 5s, actions_);
  ASSERT_EQ(actions_.size(), 1u);
  const auto& silent = std::get<msg::Proposed>(std::get<ReplyTo>(actions_[0]).message);
  EXPECT_EQ(silent.answer, Answer::unknown);
  actions_.clear();
  relay_.on_propose({41, 5s, map_}, AskerId{9}, {}, kStart, actions_);
  const auto& none = std::get<msg::Proposed>(std::get<ReplyTo>(actions_.at(0)).message);
  EXPECT_EQ(none.answer, Answer::unavailable);
}

}  // namespace
}  // namespace kv
