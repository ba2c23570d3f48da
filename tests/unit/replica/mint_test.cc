#include <gtest/gtest.h>

#include "tests/unit/replica/replica_fixture.h"

namespace kv::test {
namespace {

using MintTest = ReplicaTest;

TEST_F(MintTest, MadeAtOnceDurableWhenTheLogIs) {
  open();
  engine->sync_by_itself = false;
  const msg::MintMade made = mint("k", "v");
  EXPECT_EQ(made.answer, Answer::ok);
  EXPECT_EQ(made.epoch, 5u);
  EXPECT_FALSE(made.repeated);
  EXPECT_EQ(values(made.record), std::vector<std::string>{"v"});
  EXPECT_EQ(made.record.siblings[0].dot.actor.member(), 1);
  EXPECT_TRUE(answers.all<msg::MintDurable>().empty());
  EXPECT_EQ(values(read("k").record), std::vector<std::string>{"v"});  // Exposed before durable.
  engine->sync_now();
  EXPECT_EQ(answers.last<msg::MintDurable>().id, made.id);
  EXPECT_EQ(answers.last<msg::MintDurable>().answer, Answer::ok);
}

// The engine's word is kept: no refusal, which would have the put hinted elsewhere.
TEST_F(MintTest, WithoutRoomInTheEngineItWaitsAndThenIsMade) {
  open();
  engine->room = Instant::max();
  mint("k", "a");
  merge("j", foreign(2, 1, "b"));
  EXPECT_TRUE(answers.all<msg::MintMade>().empty());
  EXPECT_TRUE(answers.all<msg::Merged>().empty());
  EXPECT_EQ(replica->counters().waiting_for_room, 2u);
  engine->make_room();
  EXPECT_EQ(answers.last<msg::MintMade>().answer, Answer::ok);
  EXPECT_EQ(answers.last<msg::MintDurable>().answer, Answer::ok);
  EXPECT_EQ(answers.last<msg::Merged>().answer, Answer::ok);
  EXPECT_EQ(values(read("k").record), std::vector<std::string>{"a"});
  EXPECT_EQ(replica->counters().waiting_for_room, 0u);
}

TEST_F(MintTest, WithoutRoomUntilItsTimeIsOverItIsLate) {
  open();
  engine->room = Instant::max();
  mint("k", "a");
  EXPECT_EQ(replica->next_wake(), scheduler.now() + 5s);
  pass(5s);
  replica->on_room_time(scheduler.now());
  EXPECT_EQ(answers.last<msg::MintMade>().answer, Answer::late);
  EXPECT_EQ(replica->next_wake(), Instant::max());
  EXPECT_TRUE(engine->rows().count(own_key("k")) == 0);
}

TEST_F(MintTest, OneActorCountsUpAndPutsCover) {
  open();
  const msg::MintMade first = mint("k", "a");
  const msg::MintMade second = mint("k", "b");
  EXPECT_EQ(values(second.record), std::vector<std::string>{"b"});
  EXPECT_EQ(second.record.siblings[0].dot.actor, first.record.siblings[0].dot.actor);
  EXPECT_EQ(second.record.siblings[0].dot.counter, 2u);
  msg::Mint beside = mint_of("k", "c");
  beside.mode = PutMode::sibling;
  EXPECT_EQ(mint(beside).record.siblings.size(), 2u);
}

TEST_F(MintTest, TheLogsOrderIsTheOrderOfAcknowledgements) {
  open();
  engine->sync_by_itself = false;
  for (const char* key : {"a", "b", "c"}) mint(key, "v");
  engine->sync_now();
  const auto& durable = answers.all<msg::MintDurable>();
  ASSERT_EQ(durable.size(), 3u);
  EXPECT_LT(durable[0].first, durable[1].first);
  EXPECT_LT(durable[1].first, durable[2].first);
}

TEST_F(MintTest, AFailedSyncIsToldToAllWhoWaitAndToAllWhoCome) {
  open();
  engine->sync_by_itself = false;
  mint("a", "v");
  merge("b", foreign(2, 1, "w"));
  engine->fail_sync();
  EXPECT_EQ(answers.last<msg::MintDurable>().answer, Answer::io);
  EXPECT_EQ(answers.last<msg::Merged>().answer, Answer::io);
  EXPECT_EQ(mint("c", "v").answer, Answer::io);
  merge("d", foreign(2, 1, "w"));
  EXPECT_EQ(answers.last<msg::Merged>().answer, Answer::io);
  EXPECT_EQ(answers.all<msg::MintDurable>().size(), 1u);
}

TEST_F(MintTest, ARefusalOfTheEngineIsToldAndNothingIsMade) {
  open();
  for (const auto& [kind, answer] :
       {std::pair{ErrorKind::busy, Answer::busy}, {ErrorKind::no_space, Answer::no_space}}) {
    engine->refuse_with = kind;
    EXPECT_EQ(mint("k", "v").answer, answer);
    merge("k", foreign(2, 1, "w"));
    EXPECT_EQ(answers.last<msg::Merged>().answer, answer);
  }
  engine->refuse_with.reset();
  EXPECT_TRUE(read("k").record.is_empty());
  EXPECT_EQ(told_leaves(), computed_leaves());
  EXPECT_EQ(mint("k", "v").record.siblings[0].dot.counter, 1u);
}

TEST_F(MintTest, ACorruptKeyIsNeverAbsent) {
  open();
  mint("k", "v");
  engine->damaged = {own_key("k")};
  EXPECT_EQ(mint("k", "w").answer, Answer::corrupt);
  merge("k", foreign(2, 1, "w"));
  EXPECT_EQ(answers.last<msg::Merged>().answer, Answer::corrupt);
  EXPECT_EQ(read("k").answer, Answer::corrupt);
}

TEST_F(MintTest, LimitsAreToldAsInvalid) {
  settings.value_bytes_max = 10;
  settings.siblings_max = 2;
  open();
  EXPECT_EQ(mint("k", std::string(11, 'x')).answer, Answer::invalid);
  EXPECT_EQ(mint("k", std::string(10, 'x')).answer, Answer::ok);
  EXPECT_EQ(mint("", "v").answer, Answer::invalid);
  EXPECT_EQ(mint(std::string(limits::key_bytes_max + 1, 'k'), "v").answer, Answer::invalid);
  EXPECT_EQ(mint(std::string(limits::key_bytes_max, 'k'), "v").answer, Answer::ok);
  msg::Mint nowhere = mint_of("k", "v");
  nowhere.keyspace = 1234;
  EXPECT_EQ(mint(nowhere).answer, Answer::not_found);
  nowhere.keyspace = kCpKeyspace;
  EXPECT_EQ(mint(nowhere).answer, Answer::invalid);
  msg::Mint beside = mint_of("k", "b");
  beside.mode = PutMode::sibling;
  EXPECT_EQ(mint(beside).answer, Answer::ok);
  beside = mint_of("k", "c");
  beside.mode = PutMode::sibling;
  EXPECT_EQ(mint(beside).answer, Answer::too_many_siblings);
}

TEST_F(MintTest, WhatIsLateIsNotDone) {
  open();
  msg::Mint request = mint_of("k", "v");
  request.time_left = {};
  EXPECT_EQ(mint(request).answer, Answer::late);
  // Nor what became late while its key was parked.
  engine->cold = {own_key("k")};
  mint(mint_of("k", "v"));
  pass(6s);
  engine->answer_read();
  EXPECT_EQ(answers.last<msg::MintMade>().answer, Answer::late);
  EXPECT_TRUE(read("k").record.is_empty());
}

TEST_F(MintTest, ParkedMintsOfAKeyKeepTheirOrder) {
  open();
  engine->cold = {own_key("k")};
  mint("k", "a");
  mint("k", "b");
  mint("other", "x");
  ASSERT_EQ(answers.all<msg::MintMade>().size(), 1u);  // Only the key on disk waits.
  engine->answer_read();
  const auto& made = answers.all<msg::MintMade>();
  ASSERT_EQ(made.size(), 3u);
  EXPECT_EQ(values(made[1].second.record), std::vector<std::string>{"a"});
  EXPECT_EQ(values(made[2].second.record), std::vector<std::string>{"b"});
  EXPECT_EQ(made[2].second.record.siblings[0].dot.counter, 2u);
}

TEST_F(MintTest, TooManyParkedAreBusy) {
  settings.parked_steps_max = 1;
  open();
  engine->cold = {own_key("k")};
  mint("k", "a");
  EXPECT_EQ(mint("k", "b").answer, Answer::busy);
}

TEST_F(MintTest, WhatIsParkedIsBoundedInBytes) {
  settings.waiting_bytes_max = 1'000;
  open();
  engine->cold = {own_key("k")};
  mint("k", std::string(2'000, 'a'));  // One may always wait.
  EXPECT_TRUE(answers.all<msg::MintMade>().empty());
  EXPECT_EQ(mint("k", "b").answer, Answer::busy);
  engine->answer_read();
  EXPECT_EQ(answers.all<msg::MintMade>().size(), 2u);
  engine->cold = {own_key("k")};
  mint("k", std::string(600, 'c'));
  EXPECT_EQ(mint("k", std::string(600, 'd')).answer, Answer::busy);
  mint("k", std::string(300, 'e'));
  engine->answer_read();
  EXPECT_EQ(values(answers.last<msg::MintMade>().record), std::vector{std::string(300, 'e')});
}

TEST_F(MintTest, WhatHasWaitedForRoomMayWaitForItsKeyToo) {
  settings.waiting_bytes_max = 1'000;
  open();
  engine->room = Instant::max();
  mint("k", std::string(600, 'a'));
  engine->cold = {own_key("k")};
  engine->make_room();
  EXPECT_TRUE(answers.all<msg::MintMade>().empty());
  engine->answer_read();
  EXPECT_EQ(answers.last<msg::MintMade>().answer, Answer::ok);
}

TEST_F(MintTest, WhatWaitsForANewerMapIsBoundedInBytes) {
  settings.waiting_bytes_max = 1'000;
  open();
  msg::Mint request = mint_of("k", std::string(600, 'a'));
  ++request.epoch;
  replica->on_mint({1}, request);
  EXPECT_TRUE(answers.all<msg::MintMade>().empty());
  replica->on_mint({2}, request);
  EXPECT_EQ(answers.last<msg::MintMade>().answer, Answer::busy);
}

TEST_F(MintTest, WhatIsParkedDoesNotKeepItsFrame) {
  open();
  engine->cold = {own_key("k")};
  auto frame = std::make_shared<const std::string>("ka");
  const std::weak_ptr<const std::string> kept = frame;
  msg::Mint request = mint_of("k", "");
  request.key = SharedBytes(frame, BytesView(*frame).substr(0, 1));
  request.value = SharedBytes(frame, BytesView(*frame).substr(1));
  replica->on_mint({1}, request);
  frame.reset();
  request = {};
  EXPECT_TRUE(kept.expired());
  engine->answer_read();
  EXPECT_EQ(values(answers.last<msg::MintMade>().record), std::vector<std::string>{"a"});
}

TEST_F(MintTest, AMessageTwiceIsOneMint) {
  open();
  const msg::Mint request = mint_of("k", "a");
  const msg::MintMade first = mint(request);
  const msg::MintMade again = mint(request);
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(again.record, first.record);
  EXPECT_EQ(answers.all<msg::MintDurable>().size(), 2u);
}

TEST_F(MintTest, AMessageAgainAfterItsValueWasReplacedBringsNothingBack) {
  open();
  const msg::Mint request = mint_of("k", "old");
  mint(request);
  mint("k", "new");
  const msg::MintMade again = mint(request);
  EXPECT_EQ(again.answer, Answer::ok);
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(values(again.record), std::vector<std::string>{"new"});
  EXPECT_EQ(values(read("k").record), std::vector<std::string>{"new"});
}

TEST_F(MintTest, ARepetitionIsAcknowledgedOnlyWhenTheFirstIsDurable) {
  open();
  engine->sync_by_itself = false;
  const msg::Mint request = mint_of("k", "a");
  mint(request);
  mint(request);
  EXPECT_TRUE(answers.all<msg::MintDurable>().empty());
  EXPECT_GT(engine->syncs_asked, 0);
  engine->sync_now();
  EXPECT_EQ(answers.all<msg::MintDurable>().size(), 2u);
}

TEST_F(MintTest, ASecondAttemptCoversTheFirst) {
  open();
  msg::Mint request = mint_of("k", "a");
  mint(request);
  request.attempt = 2;
  request.mode = PutMode::sibling;
  const msg::MintMade second = mint(request);
  EXPECT_FALSE(second.repeated);
  EXPECT_EQ(second.record.siblings.size(), 1u);
  EXPECT_EQ(second.record.siblings[0].attempt, 2u);
}

TEST_F(MintTest, ATimeToLiveBecomesAnInstant) {
  open();
  msg::Mint request = mint_of("k", "a");
  request.ttl = 10s;
  const msg::MintMade made = mint(request);
  ASSERT_TRUE(made.record.siblings[0].expiry);
  EXPECT_EQ(*made.record.siblings[0].expiry - process.environment().clock.wall(), 10s);
}

TEST_F(MintTest, SlotsThatAreNotReachedAreOwedWithTheSameBatch) {
  open();
  engine->sync_by_itself = false;
  msg::Mint request = mint_of("k", "a");
  request.owed = {1, 3, 6};  // Itself and a stranger are passed over.
  mint(request);
  msg::OwedList list;
  replica->on_owed_list({1}, list);
  ASSERT_EQ(answers.last<msg::OwedTold>().owed.size(), 1u);
  EXPECT_EQ(answers.last<msg::OwedTold>().owed[0].member, 3);
  EXPECT_EQ(answers.last<msg::OwedTold>().owed[0].partition, partition("k"));
  crash_and_open();  // Neither was synced: neither is there.
  replica->on_owed_list({1}, list);
  EXPECT_TRUE(answers.last<msg::OwedTold>().owed.empty());
  EXPECT_TRUE(read("k").record.is_empty());
  request = mint_of("k", "a");
  request.owed = {3};
  mint(request);
  crash_and_open();
  replica->on_owed_list({1}, list);
  EXPECT_EQ(answers.last<msg::OwedTold>().owed.size(), 1u);
  EXPECT_EQ(values(read("k").record), std::vector<std::string>{"a"});
}

// Incarnations.

TEST_F(MintTest, AfterAnUncleanStopAKeysNextMintIsANewActor) {
  open();
  const Actor before = mint("k", "a").record.siblings[0].dot.actor;
  engine->sync_by_itself = false;
  mint("k", "exposed and lost");
  const uint64_t incarnation = replica->incarnation().value();
  crash_and_open();
  EXPECT_NE(replica->incarnation().value(), incarnation);
  const msg::MintMade made = mint("k", "b");
  EXPECT_EQ(made.record.siblings.size(), 1u);
  EXPECT_NE(made.record.siblings[0].dot.actor, before);
  EXPECT_EQ(made.record.siblings[0].dot.counter, 1u);
}

TEST_F(MintTest, AfterACleanStopTheActorGoesOnOnceTheVotersAgree) {
  open();
  const Actor before = mint("k", "a").record.siblings[0].dot.actor;
  stop_and_open();
  EXPECT_EQ(mint("k", "b").answer, Answer::busy);
  EXPECT_EQ(values(read("k").record), std::vector<std::string>{"a"});
  ASSERT_TRUE(replica->on_start_judged(true));
  const msg::MintMade made = mint("k", "b");
  EXPECT_EQ(made.record.siblings[0].dot.actor, before);
  EXPECT_EQ(made.record.siblings[0].dot.counter, 2u);
}

TEST_F(MintTest, WithoutTheVotersWordAnIncarnationIsDrawnAndShown) {
  open();
  const Actor before = mint("k", "a").record.siblings[0].dot.actor;
  stop_and_open();
  pass(settings.judgement_wait_max);
  ASSERT_EQ(answers.incarnations.size(), 1u);
  EXPECT_EQ(answers.incarnations[0], replica->incarnation().value());
  EXPECT_NE(mint("k", "b").record.siblings[0].dot.actor, before);
}

TEST_F(MintTest, MeetingItsOwnLaterDotDrawsAnIncarnationAtOnce) {
  open();
  const msg::MintMade made = mint("k", "a");
  const Actor actor = made.record.siblings[0].dot.actor;
  msg::Mint request = mint_of("k", "b");
  request.mode = PutMode::over_context;
  request.context.see(Dot{actor, 9});
  const msg::MintMade next = mint(request);
  EXPECT_EQ(next.answer, Answer::ok);
  EXPECT_EQ(answers.incarnations.size(), 1u);
  EXPECT_NE(next.record.siblings[0].dot.actor, actor);
}

TEST_F(MintTest, MeetingItsOwnLaterDotInAMergeDrawsOneToo) {
  open();
  Record ahead = mint("k", "a").record;
  ahead.siblings[0].dot.counter = 5;
  ahead.context.see(ahead.siblings[0].dot);
  merge("k", ahead);
  EXPECT_EQ(answers.last<msg::Merged>().answer, Answer::ok);
  EXPECT_EQ(answers.incarnations.size(), 1u);
  EXPECT_NE(mint("k", "b").record.siblings[0].dot.actor, ahead.siblings[0].dot.actor);
}

TEST_F(MintTest, AStoppingReplicaWritesNothingMore) {
  open();
  engine->sync_by_itself = false;
  mint("k", "a");
  int stopped = 0;
  replica->stop([&](const Status& status) { stopped += status ? 1 : 100; });
  EXPECT_EQ(stopped, 0);  // The log does not have everything yet.
  EXPECT_EQ(mint("k", "b").answer, Answer::busy);
  engine->sync_now();
  EXPECT_EQ(stopped, 1);
}

}  // namespace
}  // namespace kv::test
