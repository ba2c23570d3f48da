#include <gtest/gtest.h>

#include "tests/unit/replica/replica_fixture.h"

namespace kv::test {
namespace {

class DebtsTest : public ReplicaTest {
 protected:
  msg::OwedTold list() {
    replica->on_owed_list({1}, msg::OwedList{});
    return answers.last<msg::OwedTold>();
  }
  Answer pay(std::vector<msg::OwedRepair> paid, std::vector<PartitionKey> level = {},
             Epoch epoch = 5) {
    msg::OwedPaid request;
    request.epoch = epoch;
    request.paid = std::move(paid);
    request.level = std::move(level);
    replica->on_owed_paid({1}, request);
    return answers.last<msg::Done>().answer;
  }
  void owe(msg::Members members) {
    msg::Owe request;
    request.epoch = 5;
    request.partitions = {{kPlacement, 0}, {kPlacement, 1}, {kPlacement, 99}};
    request.members = std::move(members);
    replica->on_owe({1}, request);
  }
};

TEST_F(DebtsTest, OwedIsListedAndPaid) {
  open();
  owe({2, 6});
  EXPECT_EQ(answers.last<msg::Done>().answer, Answer::ok);
  const auto owed = list().owed;
  ASSERT_EQ(owed.size(), 2u);
  EXPECT_EQ(owed[0].member, 2);
  EXPECT_EQ(pay({owed[0]}), Answer::ok);
  EXPECT_EQ(list().owed.size(), 1u);
  crash_and_open();
  ASSERT_EQ(list().owed.size(), 1u);
  EXPECT_EQ(list().owed[0].partition, owed[1].partition);
}

TEST_F(DebtsTest, ADebtIncurredAgainIsNotPaidByAnEarlierRepair) {
  open();
  owe({2});
  const auto before = list().owed;
  owe({2});
  EXPECT_GT(list().owed[0].mark, before[0].mark);
  pay(before);
  EXPECT_EQ(list().owed.size(), 2u);
}

TEST_F(DebtsTest, MarksRiseAcrossACrash) {
  open();
  engine->sync_by_itself = false;
  owe({2});
  const auto shown = list().owed;  // Listed before it was durable.
  crash_and_open();
  EXPECT_TRUE(list().owed.empty());
  owe({2});
  pay(shown);
  EXPECT_EQ(list().owed.size(), 2u);
}

// Refilling.

TEST_F(DebtsTest, AWipedDiskNeitherMintsNorCountsUntilLevel) {
  open();
  ASSERT_TRUE(replica->end_doubt(true));
  EXPECT_EQ(list().refilling.size(), 4u);
  EXPECT_EQ(mint("k", "v").answer, Answer::refilling);
  merge("k", foreign(2, 1, "w"));
  EXPECT_EQ(answers.last<msg::Merged>().answer, Answer::ok);
  EXPECT_TRUE(read("k").refilling);
  EXPECT_EQ(values(read("k").record), std::vector<std::string>{"w"});
  crash_and_open();  // It is durable.
  EXPECT_EQ(mint("k", "v").answer, Answer::refilling);
  EXPECT_EQ(pay({}, {partition("k")}), Answer::ok);
  EXPECT_EQ(mint("k", "v").answer, Answer::ok);
  EXPECT_FALSE(read("k").refilling);
  EXPECT_EQ(list().refilling.size(), 3u);
}

TEST_F(DebtsTest, AWipeBeforeTheFirstMapIsRemembered) {
  open(1, nullptr);
  ASSERT_TRUE(replica->end_doubt(true));
  crash_and_open(nullptr);
  replica->set_map(share(make_map()));
  EXPECT_EQ(list().refilling.size(), 4u);
  EXPECT_EQ(mint("k", "v").answer, Answer::refilling);
}

// Else one crash could forget that the voters had told of a loss, and the loss.
TEST_F(DebtsTest, AVerdictOfLossIsHeardOnceItsMarksAreDurable) {
  open();
  engine->sync_by_itself = false;
  ASSERT_TRUE(replica->end_doubt(true));
  EXPECT_EQ(replica->incarnation().judged_start(), 0u);
  engine->sync_now();
  EXPECT_EQ(replica->incarnation().judged_start(), 1u);
}

TEST_F(DebtsTest, LevelByAnOlderMapDoesNotCount) {
  open();
  ASSERT_TRUE(replica->end_doubt(true));
  replica->set_map(map_with_rows(6, [](PartitionRow& row) {
    row.slots[1] = {2, 6, SlotStage::write_both};
  }));
  EXPECT_EQ(pay({}, {partition("k")}, 5), Answer::stale_epoch);
  EXPECT_EQ(list().refilling.size(), 4u);
  EXPECT_EQ(pay({}, {partition("k")}, 6), Answer::ok);
  EXPECT_EQ(list().refilling.size(), 3u);
}

TEST_F(DebtsTest, CorruptionIsRefilledWhereItLies) {
  open();
  mint("k", "v");
  ASSERT_TRUE(engine->close());
  KeyRange range{own_key("k"), key_after(own_key("k"))};
  store.corruption = {{"000007.sst", 4096, "checksum", range}};
  crash_and_open();
  EXPECT_EQ(list().refilling, std::vector<PartitionKey>{partition("k")});
  EXPECT_TRUE(replica->incarnation().is_new());
}

TEST_F(DebtsTest, CorruptionOfUnknownExtentIsEverything) {
  store.corruption = {{"000007.log", 4096, "checksum", {}}};
  open();
  EXPECT_EQ(list().refilling.size(), 4u);
}

TEST_F(DebtsTest, DamageThatAFullDiskHasNoRoomForIsNotedBeforeAnythingElse) {
  for (const bool writes : {false, true}) {
    SCOPED_TRACE(writes);
    store = {};
    open();
    mint("k", "v");
    replica.reset();
    store.corruption = {{"000007.log", 4096, "checksum", {}}};
    engine = std::make_unique<FakeEngine>(&store);
    engine->refuse_with = ErrorKind::no_space;
    auto opened =
        Replica::open(process.environment(), *engine, *meta, 1, settings, answers, answers);
    ASSERT_TRUE(opened) << opened.error().what;
    replica = std::move(*opened);
    replica->set_map(share(make_map()));
    EXPECT_EQ(list().refilling.size(), 4u);
    engine->refuse_with.reset();
    if (writes) {
      merge("k", foreign(2, 1, "v"));
    } else {
      pass(100ms);
    }
    store.corruption.clear();  // What was damaged has gone: nothing else tells of it any more.
    crash_and_open();
    EXPECT_EQ(list().refilling.size(), 4u);
    EXPECT_EQ(told_leaves(), computed_leaves());
    // And once it is level, that is that.
    EXPECT_EQ(pay({}, list().refilling), Answer::ok);
    crash_and_open();
    EXPECT_TRUE(list().refilling.empty());
  }
}

TEST_F(DebtsTest, LostHintsAreOwedToAllTheyMayHaveBeenFor) {
  store.corruption = {{"000007.sst", 0, "checksum", space_range(Space::hint)}};
  open(4);
  EXPECT_TRUE(list().refilling.empty());
  EXPECT_EQ(list().owed.size(), 4u * 3u);
}

}  // namespace
}  // namespace kv::test
