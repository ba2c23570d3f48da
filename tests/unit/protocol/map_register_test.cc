#include "libkv/protocol/map_register.h"

#include <cstdlib>

#include <gtest/gtest.h>

#include "tests/unit/protocol/gossip_maps.h"
#include "tests/unit/protocol/register_cluster.h"

namespace kv {
namespace {

const Instant kStart{};

template <typename T>
const T* find_message(const GossipActions& actions) {
  for (const GossipAction& action : actions) {
    const GossipMessage* message = nullptr;
    if (const auto* send = std::get_if<Send>(&action)) message = &send->message;
    if (const auto* reply = std::get_if<ReplyTo>(&action)) message = &reply->message;
    if (message != nullptr && std::holds_alternative<T>(*message)) return &std::get<T>(*message);
  }
  return nullptr;
}

bool persists_first(const GossipActions& actions) {
  return actions.size() >= 2 && std::holds_alternative<Persist>(actions.front()) &&
         std::holds_alternative<ReplyTo>(actions.back());
}

msg::Prepare prepare(uint64_t ballot, Epoch epoch = 2) {
  return {7, epoch, {ballot, 1}, {1, 2}};
}

class VoterTest : public testing::Test {
 protected:
  const ClusterMap first_ = make_map(3, 3);
  const MapPointer held_ = shared(first_);
  Voter voter_{{1, first_store_of(1)}, {}, held_, kStart};
  GossipActions actions_;

  msg::Promise ask(const msg::Prepare& message) {
    actions_.clear();
    voter_.on_prepare(message, AskerId{1}, actions_);
    return *find_message<msg::Promise>(actions_);
  }
  msg::Accepted ask(const msg::Accept& message, Instant now = kStart) {
    actions_.clear();
    voter_.on_accept(message, AskerId{1}, now, actions_);
    return *find_message<msg::Accepted>(actions_);
  }
};

TEST_F(VoterTest, PromisesOnlyUpwardsAndPersistsFirst) {
  EXPECT_TRUE(ask(prepare(5)).promised);
  EXPECT_TRUE(persists_first(actions_));
  const msg::Promise lower = ask(prepare(4));
  EXPECT_FALSE(lower.promised);
  EXPECT_EQ(lower.ballot.counter, 5u);
  EXPECT_TRUE(ask(prepare(5)).promised);  // Asked again: the same answer, nothing to persist.
  EXPECT_EQ(actions_.size(), 1u);
}

TEST_F(VoterTest, AcceptsFromThePromisedBallotAndTellsItLater) {
  ask(prepare(5));
  const MapPointer map = next_of(first_, "a");
  EXPECT_FALSE(ask(msg::Accept{7, 2, {4, 1}, map}).accepted);
  EXPECT_TRUE(ask(msg::Accept{7, 2, {5, 1}, map}).accepted);
  EXPECT_TRUE(persists_first(actions_));
  const msg::Promise later = ask(prepare(6));
  ASSERT_TRUE(later.promised);
  EXPECT_EQ(later.accepted, map);
  EXPECT_EQ(later.accepted_ballot.counter, 5u);
}

TEST_F(VoterTest, RefusesASecondMapUnderOneBallot) {
  EXPECT_TRUE(ask(msg::Accept{7, 2, {5, 1}, next_of(first_, "a")}).accepted);
  EXPECT_FALSE(ask(msg::Accept{7, 2, {5, 1}, next_of(first_, "b")}).accepted);
}

TEST_F(VoterTest, AnswersAPastEpochWithItsMap) {
  const MapPointer second = next_of(first_, "a");
  voter_.on_map(second);
  const msg::Promise promise = ask(prepare(9));
  EXPECT_FALSE(promise.promised);
  EXPECT_EQ(promise.decided, second);
}

TEST_F(VoterTest, OneThatIsBehindPullsInsteadOfVoting) {
  EXPECT_FALSE(ask(prepare(9, 5)).promised);
  const auto* pull = find_message<msg::MapPull>(actions_);
  ASSERT_NE(pull, nullptr);
  EXPECT_EQ(pull->have, 1u);
}

TEST_F(VoterTest, DoesNotVoteWithAStoreThatTheMapDoesNotName) {
  Voter other({1, 77}, {}, held_, kStart);
  GossipActions actions;
  other.on_prepare(prepare(5), AskerId{1}, actions);
  EXPECT_FALSE(find_message<msg::Promise>(actions)->promised);
  ClusterMap naming_it = first_;
  naming_it.epoch = 2;
  naming_it.members[0].store_id = 77;
  other.on_map(shared(naming_it));
  actions.clear();
  other.on_prepare(prepare(5, 3), AskerId{1}, actions);
  EXPECT_TRUE(find_message<msg::Promise>(actions)->promised);
}

TEST_F(VoterTest, AfterItsStoreFailedItStaysSilentlyRefusing) {
  ask(prepare(5));
  voter_.stop();
  EXPECT_FALSE(ask(prepare(5)).promised);  // The promise may not have reached the disk.
}

TEST_F(VoterTest, AnAcceptedMapThatNobodyDecidesBecomesAnOrphan) {
  const MapPointer map = next_of(first_, "a");
  ask(msg::Accept{7, 2, {5, 1}, map});
  EXPECT_EQ(voter_.orphan(kStart + 1s), nullptr);
  EXPECT_EQ(voter_.orphan(kStart + 2s), map);
  voter_.on_map(map);
  EXPECT_EQ(voter_.orphan(kStart + 9s), nullptr);
}

TEST(MapRegister, DecidesAndTellsEverybody) {
  RegisterCluster cluster(1, 5, 3, true);
  const size_t call = cluster.propose(1, next_of(make_map(5, 3), "a"));
  cluster.run(1s, {}, 0, false);
  EXPECT_EQ(cluster.calls()[call].answer, Answer::ok);
  for (MemberNumber member = 1; member <= 5; ++member) {
    EXPECT_EQ(cluster.held_by(member)->reason, "a") << member;
  }
}

TEST(MapRegister, OneOfTwoProposalsLoses) {
  RegisterCluster cluster(2, 3, 3, true);
  const size_t a = cluster.propose(1, next_of(make_map(3, 3), "a"));
  const size_t b = cluster.propose(2, next_of(make_map(3, 3), "b"));
  cluster.run(2s, {}, 0, false);
  ASSERT_TRUE(cluster.calls()[a].answer && cluster.calls()[b].answer);
  EXPECT_NE(*cluster.calls()[a].answer, *cluster.calls()[b].answer);
  cluster.check_answers();
  EXPECT_TRUE(cluster.breaches().empty());
}

TEST(MapRegister, WithoutAMajorityItIsUnavailableAndNothingIsDecided) {
  RegisterCluster cluster(3, 3, 3, true);
  cluster.lose_store(2);
  cluster.lose_store(3);
  const size_t call = cluster.propose(1, next_of(make_map(3, 3), "a"), 500ms);
  cluster.run(1s, {}, 0, false);
  EXPECT_EQ(cluster.calls()[call].answer, Answer::unavailable);
  EXPECT_EQ(cluster.newest_epoch(), 1u);
}

TEST(MapRegister, TheFirstMapIsDecidedByThoseWhomItNames) {
  RegisterCluster cluster(4, 4, 3, false);
  const size_t call = cluster.propose(1, shared(make_map(4, 3)));
  cluster.run(1s, {}, 0, false);
  EXPECT_EQ(cluster.calls()[call].answer, Answer::ok);
  EXPECT_EQ(cluster.held_by(4)->epoch, 1u);
}

TEST(MapRegister, AnAbandonedProposalIsFinishedByItsVoters) {
  RegisterCluster cluster(5, 3, 3, true);
  cluster.propose(1, next_of(make_map(3, 3), "a"), 300ms);
  for (int i = 0; i < 6; ++i) cluster.step({});
  cluster.crash(1);
  cluster.run(6s, {}, 0, false);
  const MapPointer held = cluster.held_by(2);
  EXPECT_TRUE(held->epoch == 2 || cluster.held_by(3)->epoch == held->epoch);
}

// Many seeds: loss, duplication, reordering, crashes between any two actions, several proposers,
// voters that change, stores that are lost. Never two maps of an epoch; nobody is told a lie; and
// when the faults end, the next map is decided. KV_SEEDS=n runs more of them.
TEST(MapRegister, RandomHistories) {
  const char* wanted = std::getenv("KV_SEEDS");
  const uint64_t seeds = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 300;
  const char* first = std::getenv("KV_FIRST_SEED");
  const uint64_t from = first != nullptr ? std::strtoull(first, nullptr, 10) : 1;
  std::vector<uint64_t> all;
  for (uint64_t seed = from; seed < from + seeds; ++seed) all.push_back(seed);
  all.push_back(4739);  // Two maps of one epoch, if a voter votes after the loss of its store.
  size_t decided = 0;
  for (const uint64_t seed : all) {
    Random random(seed);
    const size_t voters = 3 + random.below(5);
    const size_t members = std::max<size_t>(voters, 3 + random.below(6));
    const bool loses_stores = random.chance(0.5);
    RegisterCluster cluster(random.next(), members, voters, random.chance(0.7));
    RegisterCluster::Faults faults;
    faults.loss = random.unit() * 0.4;
    faults.duplication = random.unit() * 0.3;
    faults.delay_max = random.chance(0.5) ? 30ms : 300ms;
    faults.crash = random.chance(0.7) ? 0.01 : 0;
    faults.torn_step = random.chance(0.5) ? 0.01 : 0;
    faults.store_loss = loses_stores ? 0.5 : 0;
    cluster.run(5s, faults, 0.05, !loses_stores);
    ASSERT_TRUE(cluster.makes_progress(20s)) << "seed " << seed << cluster.describe();
    cluster.check_answers();
    ASSERT_TRUE(cluster.breaches().empty()) << "seed " << seed << ": " << cluster.breaches()[0];
    decided += cluster.decided_count();
  }
  EXPECT_GT(decided, 5 * seeds);
}

}  // namespace
}  // namespace kv
