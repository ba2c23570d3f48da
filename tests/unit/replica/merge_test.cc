#include <gtest/gtest.h>

#include "tests/unit/replica/replica_fixture.h"

namespace kv::test {
namespace {

using MergeTest = ReplicaTest;

TEST_F(MergeTest, AcknowledgedWhenDurable) {
  open();
  engine->sync_by_itself = false;
  const Record record = foreign(2, 1, "w");
  merge("k", record);
  EXPECT_TRUE(answers.all<msg::Merged>().empty());
  engine->sync_now();
  EXPECT_EQ(answers.last<msg::Merged>().answer, Answer::ok);
  EXPECT_EQ(answers.last<msg::Merged>().digest, digest_of(record));
  EXPECT_FALSE(answers.last<msg::Merged>().siblings_remain);
}

TEST_F(MergeTest, SiblingsTheIncomingDidNotCoverAreTold) {
  open();
  mint("k", "a");
  merge("k", foreign(2, 1, "w"));
  const msg::Merged& merged = answers.last<msg::Merged>();
  EXPECT_TRUE(merged.siblings_remain);
  const Record now = read("k").record;
  EXPECT_EQ(now.siblings.size(), 2u);
  EXPECT_EQ(merged.context, now.context);
  EXPECT_EQ(merged.digest, digest_of(now));
}

TEST_F(MergeTest, WhatChangesNothingWaitsForWhatItFound) {
  open();
  engine->sync_by_itself = false;
  const Record record = foreign(2, 1, "w");
  merge("k", record);
  merge("k", record);
  EXPECT_TRUE(answers.all<msg::Merged>().empty());
  engine->sync_now();
  EXPECT_EQ(answers.all<msg::Merged>().size(), 2u);
  merge("k", record);
  EXPECT_EQ(answers.all<msg::Merged>().size(), 3u);
  EXPECT_EQ(replica->counters().merges_unchanged, 2u);
}

TEST_F(MergeTest, WhatChangesNothingStillKeepsItsDebts) {
  open();
  const Record record = foreign(2, 1, "w");
  merge("k", record);
  msg::Merge again = merge_of("k", record);
  again.owed = {3};
  merge(again);
  EXPECT_EQ(answers.last<msg::Merged>().answer, Answer::ok);
  EXPECT_EQ(replica->counters().owed, 1u);
}

TEST_F(MergeTest, ARecordThatCameByMergeAloneIsMintedUnderANewBirth) {
  open();
  merge("k", foreign(1, 7, "mine once"));  // This member's actor, from before a loss.
  msg::Mint request = mint_of("k", "a");
  const msg::MintMade made = mint(request);
  EXPECT_NE(made.record.siblings[0].dot.actor, Actor(1, 0xabc));
}

TEST_F(MergeTest, AnEarlierRoundIsRefused) {
  open();
  replica.reset();
  Rounds rounds;
  WriteBatch batch;
  rounds.raise(partition("k"), 3, &batch);
  ASSERT_TRUE(engine->apply(batch, Durability::always));
  open();
  msg::Merge old = merge_of("k", foreign(2, 1, "w"));
  old.round = 2;
  merge(old);
  EXPECT_EQ(answers.last<msg::Merged>().answer, Answer::stale_round);
  EXPECT_EQ(read("k").round, 3u);
  old.round = 3;
  merge(old);
  EXPECT_EQ(answers.last<msg::Merged>().answer, Answer::ok);
  EXPECT_EQ(mint("k", "v").round, 3u);
  EXPECT_EQ(replica->counters().refused_stale_round, 1u);
}

TEST_F(MergeTest, ARecordOfAnotherKindIsInvalid) {
  open();
  Record record = foreign(2, 1, "w");
  record.kind = RecordKind::last_write_wins;
  merge("k", record);
  EXPECT_EQ(answers.last<msg::Merged>().answer, Answer::invalid);
}

// The map.

TEST_F(MergeTest, WithoutAMapNothingIsServed) {
  open(1, nullptr);
  EXPECT_EQ(mint("k", "v").answer, Answer::no_map);
  EXPECT_EQ(read("k").answer, Answer::no_map);
  merge("k", foreign(2, 1, "w"));
  EXPECT_EQ(answers.last<msg::Merged>().answer, Answer::no_map);
}

TEST_F(MergeTest, OlderThanThePartitionsLastChangeIsRefusedOlderThanTheMapIsNot) {
  open(1, map_with_rows(5, [](PartitionRow&) {}));
  msg::Merge request = merge_of("k", foreign(2, 1, "w"));
  request.epoch = 4;
  merge(request);
  EXPECT_EQ(answers.last<msg::Merged>().answer, Answer::stale_epoch);
  EXPECT_EQ(answers.last<msg::Merged>().epoch, 5u);
  replica->set_map(map_with_rows(6, [](PartitionRow&) {}));
  ClusterMap unchanged = make_map(7);
  for (PartitionRow& row : unchanged.placements[0].table) row.changed = 6;
  replica->set_map(share(unchanged));
  request.epoch = 6;
  merge(request);
  EXPECT_EQ(answers.last<msg::Merged>().answer, Answer::ok);
}

TEST_F(MergeTest, ANewerPlanWaitsForItsMap) {
  open();
  msg::Merge request = merge_of("k", foreign(2, 1, "w"));
  request.epoch = 6;
  merge(request);
  EXPECT_EQ(answers.maps_wanted, std::vector<Epoch>{6});
  EXPECT_TRUE(answers.all<msg::Merged>().empty());
  replica->on_tick();
  EXPECT_EQ(answers.maps_wanted.size(), 2u);
  replica->set_map(share(make_map(6)));
  EXPECT_EQ(answers.last<msg::Merged>().answer, Answer::ok);
  EXPECT_EQ(answers.last<msg::Merged>().epoch, 6u);
  replica->on_tick();
  EXPECT_EQ(answers.maps_wanted.size(), 2u);
}

TEST_F(MergeTest, TheWaitForAMapIsBounded) {
  open();
  msg::Merge request = merge_of("k", foreign(2, 1, "w"));
  request.epoch = 6;
  merge(request);
  pass(settings.map_wait_max);
  EXPECT_EQ(answers.last<msg::Merged>().answer, Answer::busy);
  request.time_left = 10ms;
  merge(request);
  pass(10ms);
  EXPECT_EQ(answers.last<msg::Merged>().answer, Answer::late);
  EXPECT_EQ(replica->counters().waiting_for_map, 0u);
}

TEST_F(MergeTest, AnOlderMapIsNeverTaken) {
  open();
  replica->set_map(share(make_map(4)));
  EXPECT_EQ(replica->epoch(), 5u);
}

TEST_F(MergeTest, WhoIsNoSlotIsNoReplica) {
  open(6);
  merge("k", foreign(2, 1, "w"));
  EXPECT_EQ(answers.last<msg::Merged>().answer, Answer::not_replica);
  EXPECT_EQ(mint("k", "v").answer, Answer::not_replica);
  EXPECT_EQ(read("k").answer, Answer::not_replica);
  open(4);  // A fallback takes hints, not slots' writes.
  merge("k", foreign(2, 1, "w"));
  EXPECT_EQ(answers.last<msg::Merged>().answer, Answer::not_replica);
}

TEST_F(MergeTest, ASuccessorMergesButNeitherMintsNorCountsBeforeReadNew) {
  const auto moving = [](SlotStage stage) {
    return [stage](PartitionRow& row) { row.slots[2] = {3, 6, stage}; };
  };
  open(6, map_with_rows(5, moving(SlotStage::write_both)));
  merge("k", foreign(2, 1, "w"));
  EXPECT_EQ(answers.last<msg::Merged>().answer, Answer::ok);
  EXPECT_EQ(mint("k", "v").answer, Answer::not_replica);
  EXPECT_TRUE(read("k").refilling);
  replica->set_map(map_with_rows(6, moving(SlotStage::read_new)));
  EXPECT_EQ(mint("k", "v").answer, Answer::ok);
  EXPECT_FALSE(read("k").refilling);
}

TEST_F(MergeTest, ALeavingMemberTakesNoNewWrites) {
  open(1);
  mint("k", "a");
  replica->set_map(map_with_rows(6, [](PartitionRow& row) {
    row.slots[0].owner = 6;
    row.leaving = {1};
  }));
  EXPECT_EQ(mint("k", "b").answer, Answer::not_replica);
  merge("k", foreign(2, 1, "w"));
  EXPECT_EQ(answers.last<msg::Merged>().answer, Answer::not_replica);
  run();
  EXPECT_NE(root("k"), ~uint64_t{0});  // It is still compared.
}

TEST_F(MergeTest, AWritePlannedBeforeAMapIsNotMadeAfterIt) {
  open();
  engine->cold = {own_key("k")};
  merge("k", foreign(2, 1, "w"));
  replica->set_map(map_with_rows(6, [](PartitionRow& row) {
    row.slots[2] = {3, 6, SlotStage::write_both};
  }));
  engine->answer_read();
  EXPECT_EQ(answers.last<msg::Merged>().answer, Answer::stale_epoch);
  EXPECT_TRUE(read("k").record.is_empty());
}

}  // namespace
}  // namespace kv::test
