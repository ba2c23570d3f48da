#include <gtest/gtest.h>

#include "tests/unit/replica/replica_fixture.h"

namespace kv::test {
namespace {

class HintTest : public ReplicaTest {
 protected:
  const msg::HintsListed& list(MemberNumber owner = 0) {
    msg::HintList request;
    request.epoch = replica->epoch();
    request.owner = owner;
    replica->on_hint_list({1}, request);
    run();
    return answers.last<msg::HintsListed>();
  }
  Answer strike(const std::string& key, MemberNumber owner, const Hash128& digest) {
    msg::HintStrikes request;
    request.epoch = replica->epoch();
    request.strikes.push_back({kKeyspace, bytes(key), owner, digest});
    replica->on_hint_strikes({1}, request);
    return answers.last<msg::Done>().answer;
  }
};

TEST_F(HintTest, KeptApartOnePerKeyOwnersAddedUp) {
  open(4);
  merge("k", foreign(1, 1, "a"), {2});
  merge("k", foreign(3, 1, "b"), {1, 2});
  ASSERT_EQ(list().hints.size(), 1u);
  const msg::Hint hint = list().hints[0];
  EXPECT_EQ(hint.owners, (msg::Members{1, 2}));
  EXPECT_EQ(hint.record.siblings.size(), 2u);
  EXPECT_EQ(engine->rows().count(own_key("k")), 0u);
  EXPECT_EQ(list(2).hints.size(), 1u);
  EXPECT_EQ(list(3).hints.size(), 0u);
  EXPECT_EQ(replica->counters().hints, 1u);
}

TEST_F(HintTest, AFallbackAnswersWithItsHint) {
  open(4);
  EXPECT_EQ(read("k").answer, Answer::ok);
  EXPECT_TRUE(read("k").record.is_empty());
  merge("k", foreign(1, 1, "a"), {2});
  EXPECT_EQ(values(read("k").record), std::vector<std::string>{"a"});
}

TEST_F(HintTest, AMintIntoAHintHasItsOwnActor) {
  open(4);
  msg::Mint request = mint_of("k", "a");
  request.hint_for = {1, 2, 3};
  const msg::MintMade made = mint(request);
  EXPECT_EQ(made.answer, Answer::ok);
  EXPECT_EQ(made.record.siblings[0].dot.actor.member(), 4);
  EXPECT_EQ(list().hints[0].owners, (msg::Members{1, 2, 3}));
  EXPECT_EQ(engine->rows().count(own_key("k")), 0u);
}

TEST_F(HintTest, OnlyFallbacksTakeHintsAndOnlyForSlots) {
  open(1);
  merge("k", foreign(1, 1, "a"), {2});
  EXPECT_EQ(answers.last<msg::Merged>().answer, Answer::not_replica);
  open(4);
  merge("k", foreign(1, 1, "a"), {5});
  EXPECT_EQ(answers.last<msg::Merged>().answer, Answer::invalid);
}

TEST_F(HintTest, AnOwnerIsStruckAndWithTheLastTheHintGoes) {
  open(4);
  merge("k", foreign(1, 1, "a"), {2, 3});
  const Hash128 digest = digest_of(list().hints[0].record);
  EXPECT_EQ(strike("k", 2, digest), Answer::ok);
  EXPECT_EQ(list().hints[0].owners, msg::Members{3});
  EXPECT_EQ(strike("k", 2, digest), Answer::ok);  // Twice changes nothing.
  EXPECT_EQ(strike("k", 3, digest), Answer::ok);
  EXPECT_TRUE(list().hints.empty());
  EXPECT_EQ(replica->counters().hints, 0u);
  EXPECT_EQ(replica->counters().hint_bytes, 0u);
}

TEST_F(HintTest, AHintThatGrewWhileItWasDeliveredIsNotStruck) {
  open(4);
  merge("k", foreign(1, 1, "a"), {2});
  const Hash128 delivered = digest_of(list().hints[0].record);
  merge("k", foreign(3, 1, "b"), {2});
  EXPECT_EQ(strike("k", 2, delivered), Answer::ok);
  ASSERT_EQ(list().hints.size(), 1u);
  EXPECT_EQ(replica->counters().hints_grown, 1u);
  EXPECT_EQ(strike("k", 2, digest_of(list().hints[0].record)), Answer::ok);
  EXPECT_TRUE(list().hints.empty());
}

TEST_F(HintTest, AStrikeOfAnOlderEpochIsWorthNothing) {
  open(4);
  merge("k", foreign(1, 1, "a"), {2});
  const Hash128 digest = digest_of(list().hints[0].record);
  replica->set_map(map_with_rows(6, [](PartitionRow& row) {
    row.slots[1] = {2, 6, SlotStage::write_both};
  }));
  msg::HintStrikes request;
  request.epoch = 5;
  request.strikes.push_back({kKeyspace, bytes("k"), 2, digest});
  replica->on_hint_strikes({1}, request);
  EXPECT_EQ(answers.last<msg::Done>().answer, Answer::stale_epoch);
  EXPECT_EQ(list().hints.size(), 1u);
}

TEST_F(HintTest, AStrikeIsAnsweredWhenDurable) {
  open(4);
  merge("k", foreign(1, 1, "a"), {2});
  const Hash128 digest = digest_of(list().hints[0].record);
  engine->sync_by_itself = false;
  msg::HintStrikes request;
  request.epoch = 5;
  request.strikes.push_back({kKeyspace, bytes("k"), 2, digest});
  replica->on_hint_strikes({1}, request);
  EXPECT_TRUE(answers.all<msg::Done>().empty());
  engine->sync_now();
  EXPECT_EQ(answers.last<msg::Done>().answer, Answer::ok);
}

TEST_F(HintTest, TheRoundIsTheLowestOfItsParts) {
  open(4);
  msg::Merge first = merge_of("k", foreign(1, 1, "a"), {2});
  first.round = 5;
  merge(first);
  msg::Merge second = merge_of("k", foreign(3, 1, "b"), {2});
  second.round = 4;
  merge(second);
  EXPECT_EQ(list().hints[0].round, 4u);
  second.round = 6;
  merge(second);
  EXPECT_EQ(list().hints[0].round, 4u);
}

TEST_F(HintTest, OverTheBudgetNewOnesAreRefusedAndOwed) {
  settings.hint_bytes_max = 200;
  open(4);
  merge("a", foreign(1, 1, std::string(100, 'x')), {2});
  EXPECT_EQ(answers.last<msg::Merged>().answer, Answer::ok);
  merge("b", foreign(1, 1, std::string(100, 'x')), {2, 3});
  EXPECT_EQ(answers.last<msg::Merged>().answer, Answer::no_space);
  EXPECT_EQ(list().hints.size(), 1u);
  EXPECT_EQ(replica->counters().owed, 2u);
  EXPECT_EQ(replica->counters().hints_refused, 1u);
  EXPECT_EQ(strike("a", 2, digest_of(list().hints[0].record)), Answer::ok);
  merge("b", foreign(1, 1, std::string(100, 'x')), {2, 3});
  EXPECT_EQ(answers.last<msg::Merged>().answer, Answer::ok);
}

TEST_F(HintTest, TheTallySurvivesARestart) {
  open(4);
  merge("a", foreign(1, 1, "x"), {2});
  merge("b", foreign(1, 1, "x"), {2});
  const uint64_t held = replica->counters().hint_bytes;
  crash_and_open();
  EXPECT_EQ(replica->counters().hints, 2u);
  EXPECT_EQ(replica->counters().hint_bytes, held);
}

TEST_F(HintTest, PagesGoOnWhereTheyEnded) {
  open(4);
  for (int i = 0; i < 25; ++i) merge("k" + std::to_string(i), foreign(1, 1, "x"), {2});
  msg::HintList request;
  request.epoch = 5;
  request.records_max = 10;
  std::set<std::string> seen;
  std::vector<size_t> pages;
  do {
    replica->on_hint_list({1}, request);
    run();
    const msg::HintsListed& page = answers.last<msg::HintsListed>();
    ASSERT_EQ(page.answer, Answer::ok);
    pages.push_back(page.hints.size());
    for (const msg::Hint& hint : page.hints) seen.insert(std::string(hint.key.view()));
    request.after_keyspace = page.hints.back().keyspace;
    request.after = std::string(page.hints.back().key.view());
  } while (answers.last<msg::HintsListed>().more);
  EXPECT_EQ(pages, (std::vector<size_t>{10, 10, 5}));
  EXPECT_EQ(seen.size(), 25u);
}

TEST_F(HintTest, AFallbackThatBecomesAnOwnerTakesItsHintsOver) {
  open(4);
  for (int i = 0; i < 150; ++i) {
    merge("k" + std::to_string(i), foreign(1, 1, "x" + std::to_string(i)), {2, 3});
  }
  const auto promoted = [](PartitionRow& row) {
    row.slots[2].owner = 4;
    row.fallbacks = {5};
  };
  replica->set_map(map_with_rows(6, promoted));
  // Even before they are merged a read shows them.
  EXPECT_EQ(values(read("k7").record), std::vector<std::string>{"x7"});
  run();
  for (int i = 0; i < 150; ++i) {
    EXPECT_EQ(engine->rows().count(own_key("k" + std::to_string(i))), 1u);
  }
  EXPECT_EQ(replica->counters().hints_promoted, 150u);
  EXPECT_EQ(told_leaves(), computed_leaves());
  EXPECT_EQ(replica->counters().hints, 150u);  // Owner 2 still lacks them.
  crash_and_open(map_with_rows(6, promoted));  // Done again, and nothing changes.
  EXPECT_EQ(told_leaves(), computed_leaves());
}

// Stored under a key, behind the replica's back; then opened with it.
TEST_F(HintTest, OneThatDoesNotDecodeKeepsNoOtherFromItsOwner) {
  open(4);
  for (int i = 0; i < 5; ++i) merge("k" + std::to_string(i), foreign(1, 1, "x"), {2});
  ASSERT_TRUE(engine->close());
  store.rows[hint_key("k2")] = "junk";
  crash_and_open();
  ASSERT_EQ(list().answer, Answer::ok);
  EXPECT_EQ(answers.last<msg::HintsListed>().hints.size(), 4u);
  EXPECT_EQ(replica->counters().hints_unreadable, 1u);
  // It is not taken for absent, nor thrown away.
  EXPECT_EQ(read("k2").answer, Answer::corrupt);
  EXPECT_EQ(engine->rows().count(hint_key("k2")), 1u);
  EXPECT_EQ(replica->counters().owed, 3u);  // To each slot of its partition.
  list();
  EXPECT_EQ(replica->counters().hints_unreadable, 1u);
}

TEST_F(HintTest, ADamagedBlockKeepsNoOtherFromItsOwner) {
  open(4);
  for (int i = 0; i < 5; ++i) merge("k" + std::to_string(i), foreign(1, 1, "x"), {2});
  engine->damaged = {hint_key("k2"), hint_key("k4")};
  ASSERT_EQ(list().answer, Answer::ok);
  EXPECT_EQ(answers.last<msg::HintsListed>().hints.size(), 3u);
  replica->on_tick();
  const auto owed = replica->counters().owed;
  EXPECT_EQ(owed, 4u * 3u) << "nobody knows whose hints the block held";
  list();
  replica->on_tick();
  EXPECT_EQ(replica->counters().owed, owed) << "once a block";
}

TEST_F(HintTest, WhatIsOwedForAnUnreadableHintIsListedOnceTheOthersAreDelivered) {
  open(4);
  merge("k", foreign(1, 1, "x"), {2});
  ASSERT_TRUE(engine->close());
  store.rows[hint_key("k")] = "junk";
  crash_and_open();
  list();
  replica->on_owed_list({1}, msg::OwedList{});
  EXPECT_EQ(answers.last<msg::OwedTold>().owed.size(), 3u);
  // One more that can be delivered goes first.
  std::string other;
  for (int i = 0; other.empty(); ++i) {
    const std::string key = "other" + std::to_string(i);
    if (partition(key) == partition("k")) other = key;
  }
  merge(other, foreign(1, 1, "x"), {2});
  replica->on_owed_list({1}, msg::OwedList{});
  EXPECT_TRUE(answers.last<msg::OwedTold>().owed.empty());
  EXPECT_EQ(strike(other, 2, digest_of(foreign(1, 1, "x"))), Answer::ok);
  replica->on_owed_list({1}, msg::OwedList{});
  EXPECT_EQ(answers.last<msg::OwedTold>().owed.size(), 3u);
}

TEST_F(HintTest, AnUnreadableOneKeepsNoOtherFromBeingTakenOver) {
  open(4);
  for (int i = 0; i < 20; ++i) merge("k" + std::to_string(i), foreign(1, 1, "x"), {2, 3});
  ASSERT_TRUE(engine->close());
  store.rows[hint_key("k7")] = "junk";
  crash_and_open(map_with_rows(6, [](PartitionRow& row) {
    row.slots[2].owner = 4;
    row.fallbacks = {5};
  }));
  EXPECT_EQ(replica->counters().hints_promoted, 19u);
  EXPECT_EQ(replica->counters().hints_unreadable, 1u);
}

}  // namespace
}  // namespace kv::test
