#include "libkv/replica/leaves.h"

#include <gtest/gtest.h>

#include "libkv/base/random.h"
#include "libkv/replica/number_row.h"
#include "tests/unit/replica/replica_fixture.h"

namespace kv::test {
namespace {

class LeavesTest : public ReplicaTest {
 protected:
  msg::LeafKeysTold leaf_keys(const std::string& key, std::vector<uint32_t> leaves,
                              uint32_t keys_max = 0) {
    msg::LeafKeys request;
    request.epoch = replica->epoch();
    request.partition = partition(key);
    request.leaves = std::move(leaves);
    request.keys_max = keys_max;
    replica->on_leaf_keys({1}, request);
    run();
    return answers.last<msg::LeafKeysTold>();
  }
  static uint32_t leaf(const std::string& key) {
    return leaf_of_key(kPartitionBits, kKeyspace, key);
  }
  /// The process dies; the next has read nothing yet.
  void crash_and_begin() {
    replica.reset();
    engine = std::make_unique<FakeEngine>(&store);
    answers = {};
    begin();
  }
  void begin() {
    auto opened =
        Replica::open(process.environment(), *engine, *meta, 1, settings, answers, answers);
    ASSERT_TRUE(opened) << opened.error().what;
    replica = std::move(*opened);
    replica->set_map(share(make_map()));
  }
  /// Own data of many keys, as another life has left it.
  void have_keys(int count) {
    for (int i = 0; i < count; ++i) {
      StoredRecord stored;
      stored.record = foreign(2, 1, "v");
      store.rows[own_key("k" + std::to_string(i))] = encode_stored_record(stored);
    }
  }
  /// The next start has to walk over the data.
  void strike_marks() {
    for (PartitionId id = 0; id < 1u << kPartitionBits; ++id)
      store.rows.erase(partition_row_key(Space::leaf, {kPlacement, id}));
  }
  /// Damage takes the record, and not its leaf.
  void lose_a_record(const std::string& key) {
    store.rows.erase(own_key(key));
    store.corruption = {{"000001.log", 17, "a record fails its checksum",
                         partition_range(Space::own, partition(key))}};
  }
  void expect_the_next_start_reads_them() {
    crash_and_open();
    EXPECT_FALSE(has_walked_over_data());
    EXPECT_EQ(told_leaves(), computed_leaves());
  }
  bool has_walked_over_data() const {
    return std::any_of(engine->iterated.begin(), engine->iterated.end(),
                       [](const std::string& from) {
                         return !from.empty() && static_cast<Space>(from.front()) == Space::own;
                       });
  }
};

TEST_F(LeavesTest, AStartReadsThemFromTheDiskAndNotTheData) {
  open();
  EXPECT_TRUE(has_walked_over_data());  // The first has to.
  for (int i = 0; i < 300; ++i) mint("k" + std::to_string(i % 200), "v" + std::to_string(i));
  const auto before = told_leaves();
  crash_and_open();
  EXPECT_FALSE(has_walked_over_data());
  EXPECT_EQ(replica->counters().trees_ready, 4u);
  EXPECT_EQ(told_leaves(), before);
  EXPECT_EQ(told_leaves(), computed_leaves());
  EXPECT_EQ(replica->counters().keys, 200u);
}

TEST_F(LeavesTest, WritesBeforeTheyAreReadCount) {
  open();
  for (int i = 0; i < 200; ++i) mint("k" + std::to_string(i), "v");
  for (int life = 0; life < 3; ++life) {
    crash_and_begin();
    merge("k3", foreign(2, 1, "w" + std::to_string(life)));
    mint("new" + std::to_string(life), "before anything was read");
    EXPECT_LT(replica->counters().trees_stored, 4u);
  }
  // Nothing that those lives left is believed where they wrote.
  run();
  EXPECT_EQ(told_leaves(), computed_leaves());
  EXPECT_EQ(replica->counters().keys, 203u);
  EXPECT_EQ(replica->counters().trees_stored, 4u);
  expect_the_next_start_reads_them();
}

// A member that is busy from its first moment reads its rows all the same, and not its data.
TEST_F(LeavesTest, NorDoTheyMakeTheRowsUseless) {
  open();
  for (int i = 0; i < 200; ++i) mint("k" + std::to_string(i), "v");
  crash_and_begin();
  int writes = 0;
  do {
    mint("k" + std::to_string(writes * 7 % 250), "w");
    ++writes;
  } while (scheduler.run_one());
  EXPECT_EQ(replica->counters().trees_ready, 4u);
  EXPECT_FALSE(has_walked_over_data());
  EXPECT_EQ(told_leaves(), computed_leaves());
  pass(100ms);
  EXPECT_EQ(replica->counters().trees_stored, 4u);
  expect_the_next_start_reads_them();
}

TEST_F(LeavesTest, AfterDamageNoneOnTheDiskIsBelieved) {
  open();
  for (int i = 0; i < 50; ++i) mint("k" + std::to_string(i), "v");
  replica.reset();
  lose_a_record("k7");
  crash_and_open();
  EXPECT_EQ(told_leaves(), computed_leaves());
  store.corruption.clear();
  expect_the_next_start_reads_them();
}

TEST_F(LeavesTest, NorInTheNextLifeIfThisOneIsShort) {
  open();
  for (int i = 0; i < 50; ++i) mint("k" + std::to_string(i), "v");
  replica.reset();
  lose_a_record("k7");
  crash_and_begin();
  store.corruption.clear();
  crash_and_open();
  EXPECT_EQ(told_leaves(), computed_leaves());
}

TEST_F(LeavesTest, WhereTheirRowsAreDamagedTheyAreBuiltFromTheData) {
  open();
  for (int i = 0; i < 50; ++i) mint("k" + std::to_string(i), "v");
  replica.reset();
  engine = std::make_unique<FakeEngine>(&store);
  engine->damaged = {leaf_key(partition("k7"), leaf("k7"))};
  begin();
  run();
  EXPECT_EQ(replica->counters().trees_unreadable, 0u);
  EXPECT_TRUE(has_walked_over_data());
  EXPECT_EQ(told_leaves(), computed_leaves());
  EXPECT_EQ(replica->counters().trees_stored,
            3u);  // Which rows there are is not known: all are written.
  for (int i = 0; i < 100; ++i) pass(100ms);
  EXPECT_EQ(replica->counters().trees_stored, 4u);
  expect_the_next_start_reads_them();
}

TEST_F(LeavesTest, WhatAnOlderLifeLeftOfThemIsReplaced) {
  have_keys(40);
  const std::string sum = encode_number_row(77) + std::string("\1\0", 2);
  store.rows[leaf_key(partition("k7"), leaf("k7"))] = sum;
  for (uint32_t other = 0; other < 1u << 18; other += 1u << 10)
    store.rows[leaf_key(partition("k7"), other)] = sum;
  open();
  EXPECT_EQ(told_leaves(), computed_leaves());
  expect_the_next_start_reads_them();
}

// A crash at any moment between the first row and the mark, with writes between.
TEST_F(LeavesTest, HalfStoredTheyAreNotBelieved) {
  for (int ticks = 0; ticks < 4; ++ticks) {
    SCOPED_TRACE(ticks);
    store = {};
    have_keys(24'000);
    open();
    EXPECT_LT(replica->counters().trees_stored, 4u);
    for (int i = 0; i < ticks; ++i) {
      merge("k" + std::to_string(i * 31), foreign(3, 1, "w"));
      mint("new" + std::to_string(i), "v");
      pass(100ms);
    }
    crash_and_begin();
    merge("k77", foreign(3, 1, "w"));
    crash_and_open();
    EXPECT_EQ(told_leaves(), computed_leaves());
    for (int i = 0; i < 5; ++i) pass(100ms);
    EXPECT_EQ(replica->counters().trees_stored, 4u);
    expect_the_next_start_reads_them();
  }
}

TEST_F(LeavesTest, WithoutRoomTheyAreStoredLater) {
  have_keys(100);
  engine = std::make_unique<FakeEngine>(&store);
  engine->refuse_with = ErrorKind::no_space;
  begin();
  run();
  EXPECT_EQ(replica->counters().trees_ready, 4u);
  EXPECT_EQ(replica->counters().trees_stored, 0u);
  EXPECT_EQ(told_leaves(), computed_leaves());
  engine->refuse_with.reset();
  merge("k3", foreign(3, 1, "w"));
  pass(100ms);
  EXPECT_EQ(replica->counters().trees_stored, 4u);
  expect_the_next_start_reads_them();
}

// On a full disk damage is noted later; until then no row is read, and then there is none.
TEST_F(LeavesTest, AfterDamageOnAFullDiskNeither) {
  open();
  for (int i = 0; i < 50; ++i) mint("k" + std::to_string(i), "v");
  replica.reset();
  lose_a_record("k7");
  engine = std::make_unique<FakeEngine>(&store);
  engine->refuse_with = ErrorKind::no_space;
  begin();
  run();
  pass(100ms);
  EXPECT_EQ(replica->counters().trees_ready, 0u);
  engine->refuse_with.reset();
  pass(100ms);
  run();
  EXPECT_EQ(told_leaves(), computed_leaves());
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(replica->check_next_partition());
    run();
  }
  EXPECT_EQ(replica->counters().leaves_differing, 0u);
  store.corruption.clear();
  expect_the_next_start_reads_them();
}

TEST_F(LeavesTest, WhatCouldNotBeReadIsNotStoredAsItWas) {
  open();
  for (int i = 0; i < 50; ++i) mint("k" + std::to_string(i), "v");
  // The check meets damage, and there is no room to strike the mark.
  engine->damaged = {own_key("k7")};
  engine->refuse_with = ErrorKind::no_space;
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(replica->check_next_partition());
    run();
  }
  EXPECT_EQ(replica->counters().trees_unreadable, 1u);
  // The block is gone; what is left can be read.
  engine->refuse_with.reset();
  engine->damaged.clear();
  WriteBatch batch;
  batch.remove(own_key("k7"));
  ASSERT_TRUE(engine->apply(batch, Durability::always));
  pass(limits::unreadable_retry_interval + 1s);
  run();
  EXPECT_EQ(replica->counters().trees_unreadable, 0u);
  EXPECT_EQ(told_leaves(), computed_leaves());
  expect_the_next_start_reads_them();
}

TEST_F(LeavesTest, APartitionThatWasAwayHasThemAsItLeft) {
  open();
  for (int i = 0; i < 50; ++i) mint("k" + std::to_string(i), "v");
  for (Epoch epoch = 6; epoch < 12; epoch += 2) {
    replica->set_map(map_with_rows(epoch, [](PartitionRow& row) { row.slots[0].owner = 6; }));
    EXPECT_EQ(replica->counters().keys, 0u);
    replica->set_map(map_with_rows(epoch + 1, [](PartitionRow&) {}));
    merge("k7", foreign(2, epoch, "before they are read"));
    if (epoch == 8) run();
    merge("k8", foreign(2, epoch, "perhaps after"));
  }
  crash_and_open(map_with_rows(20, [](PartitionRow&) {}));
  EXPECT_EQ(told_leaves(), computed_leaves());
  EXPECT_EQ(replica->counters().keys, 50u);
}

TEST_F(LeavesTest, EachPartitionIsReadThroughInTime) {
  open();
  for (int i = 0; i < 20; ++i) mint("k" + std::to_string(i), "v");
  crash_and_open();
  WriteBatch batch;
  batch.remove(own_key("k3"));
  ASSERT_TRUE(engine->apply(batch, Durability::always));
  EXPECT_NE(told_leaves(), computed_leaves());
  EXPECT_FALSE(has_walked_over_data());
  for (int i = 0; i < 6; ++i) {
    pass(limits::partition_check_interval);
    run();
  }
  EXPECT_EQ(replica->counters().leaves_differing, 1u);
  EXPECT_EQ(told_leaves(), computed_leaves());
}

TEST_F(LeavesTest, KeptUpToDateTheyAreWhatTheDataGives) {
  Random random(7);
  open();
  uint64_t counter = 0;
  for (int i = 0; i < 600; ++i) {
    const std::string key = "k" + std::to_string(random.below(40));
    switch (random.below(4)) {
      case 0:
        merge(key, foreign(2, ++counter, "m"));
        break;
      case 1: {
        msg::Mint request = mint_of(key, "");
        request.tombstone = true;
        mint(request);
        break;
      }
      case 2:
        engine->cold.insert(own_key(key));
        mint(key, "later");
        if (random.chance(0.5)) merge(key, foreign(3, ++counter, "behind it"));
        break;
      default:
        mint(key, "v" + std::to_string(i));
    }
    if (random.chance(0.3)) {
      while (engine->waiting_reads() > 0) engine->answer_read();
    }
  }
  while (engine->waiting_reads() > 0) engine->answer_read();
  EXPECT_EQ(told_leaves(), computed_leaves());
  const auto before = told_leaves();
  crash_and_open();
  EXPECT_EQ(told_leaves(), before);
}

TEST_F(LeavesTest, WritesDuringTheBuildCount) {
  have_keys(6000);  // More than one slice in each partition.
  crash_and_begin();
  EXPECT_GT(replica->counters().trees_building, 0u);
  // Old keys change and new ones come between the slices of the walk, in partitions that were
  // walked, are being walked, and will be.
  int writes = 0;
  do {
    merge("k" + std::to_string(writes * 17 % 6000), foreign(3, 1, "w"));
    merge("new" + std::to_string(writes), foreign(3, 1, "w"));
    ++writes;
  } while (scheduler.run_one());
  EXPECT_GT(writes, 10);
  EXPECT_EQ(replica->counters().trees_ready, 4u);
  EXPECT_EQ(told_leaves(), computed_leaves());
}

TEST_F(LeavesTest, UntilItIsBuiltATreeIsNotTold) {
  open(1, nullptr);
  replica->set_map(share(make_map()));
  EXPECT_EQ(root("k"), ~uint64_t{0});
  msg::TreeLeaves request;
  request.epoch = 5;
  request.partition = partition("k");
  replica->on_tree_leaves({1}, request);
  EXPECT_EQ(answers.last<msg::TreeLeavesTold>().answer, Answer::busy);
  run();
  EXPECT_EQ(root("k"), 0u);  // Built, and empty.
}

TEST_F(LeavesTest, EqualRecordsHaveEqualRoots) {
  open(1);
  merge("k", foreign(3, 1, "a"));
  merge("k", foreign(3, 2, "b"));
  const uint64_t one = root("k");
  store = {};
  durable_meta = {};
  meta = open_memory_meta(&durable_meta);
  open(2);
  merge("k", foreign(3, 2, "b"));
  EXPECT_NE(one, 0u);
  EXPECT_EQ(root("k") == one, digest_of(read("k").record) == digest_of(foreign(3, 2, "b")));
  merge("k", foreign(3, 1, "a"));
  EXPECT_EQ(root("k"), one);
}

TEST_F(LeavesTest, OnlyKeysOfTheLeavesAskedForAreListed) {
  open();
  for (int i = 0; i < 50; ++i) mint("k" + std::to_string(i), "v");
  const msg::LeafKeysTold told = leaf_keys("k7", {leaf("k7")});
  ASSERT_EQ(told.answer, Answer::ok);
  bool found = false;
  for (const msg::KeyDigest& key : told.keys) {
    const std::string name(key.key.view());
    EXPECT_EQ(leaf(name), leaf("k7"));
    EXPECT_EQ(partition(name), partition("k7"));
    EXPECT_EQ(key.digest, digest_of(read(name).record));
    found = found || name == "k7";
  }
  EXPECT_TRUE(found);
}

TEST_F(LeavesTest, ListingGoesOnBehindTheLastKey) {
  open();
  std::vector<uint32_t> leaves;
  std::set<std::string> expected;
  for (int i = 0; i < 60; ++i) {
    const std::string key = "k" + std::to_string(i);
    mint(key, "v");
    if (partition(key) != partition("k0")) continue;
    leaves.push_back(leaf(key));
    expected.insert(key);
  }
  std::sort(leaves.begin(), leaves.end());
  std::set<std::string> listed;
  msg::LeafKeys request;
  request.epoch = 5;
  request.partition = partition("k0");
  request.leaves = leaves;
  request.keys_max = 4;
  bool more = true;
  while (more) {
    replica->on_leaf_keys({1}, request);
    run();
    const msg::LeafKeysTold& told = answers.last<msg::LeafKeysTold>();
    ASSERT_LE(told.keys.size(), 4u);
    ASSERT_FALSE(told.keys.empty());
    for (const msg::KeyDigest& key : told.keys) listed.insert(std::string(key.key.view()));
    request.after_keyspace = kKeyspace;
    request.after = std::string(told.keys.back().key.view());
    more = told.more;
  }
  EXPECT_EQ(listed, expected);
}

TEST_F(LeavesTest, ADamagedPartitionIsNotComparedAndIsRefilling) {
  open();
  mint("k", "v");
  replica.reset();
  strike_marks();
  engine = std::make_unique<FakeEngine>(&store);
  engine->damaged = {own_key("k")};
  begin();
  run();
  EXPECT_EQ(root("k"), ~uint64_t{0});
  EXPECT_EQ(leaf_keys("k", {leaf("k")}).answer, Answer::corrupt);
  msg::OwedList request;
  replica->on_owed_list({1}, request);
  EXPECT_EQ(answers.last<msg::OwedTold>().refilling, std::vector<PartitionKey>{partition("k")});
}

// Else a crash here could take back what another member struck its debt for.
TEST_F(LeavesTest, WhatIsComparedIsToldOnceItIsDurable) {
  open();
  engine->sync_by_itself = false;
  merge("k", foreign(2, 1, "v"));
  msg::TreeRoots roots;
  roots.epoch = 5;
  roots.partitions = {partition("k")};
  replica->on_tree_roots({1}, roots);
  msg::TreeLeaves leaves;
  leaves.epoch = 5;
  leaves.partition = partition("k");
  replica->on_tree_leaves({1}, leaves);
  msg::LeafKeys keys;
  keys.epoch = 5;
  keys.partition = partition("k");
  keys.leaves = {leaf("k")};
  replica->on_leaf_keys({1}, keys);
  msg::Fetch fetch;
  fetch.epoch = 5;
  fetch.keys = {{kKeyspace, bytes("k")}};
  replica->on_fetch({1}, fetch);
  run();
  EXPECT_GT(engine->syncs_asked, 0);
  EXPECT_TRUE(answers.all<msg::TreeRootsTold>().empty());
  EXPECT_TRUE(answers.all<msg::TreeLeavesTold>().empty());
  EXPECT_TRUE(answers.all<msg::LeafKeysTold>().empty());
  EXPECT_TRUE(answers.all<msg::Fetched>().empty());
  engine->sync_now();
  EXPECT_EQ(answers.last<msg::TreeRootsTold>().roots.size(), 1u);
  EXPECT_EQ(answers.last<msg::TreeLeavesTold>().leaves.size(), 1u);
  EXPECT_EQ(answers.last<msg::LeafKeysTold>().keys.size(), 1u);
  EXPECT_EQ(answers.last<msg::Fetched>().records.size(), 1u);
}

TEST_F(LeavesTest, WithAFailedLogNothingIsCompared) {
  open();
  merge("k", foreign(2, 1, "v"));
  engine->sync_by_itself = false;
  merge("k", foreign(2, 2, "w"));
  engine->fail_sync();
  msg::TreeRoots roots;
  roots.epoch = 5;
  roots.partitions = {partition("k")};
  replica->on_tree_roots({1}, roots);
  EXPECT_EQ(answers.last<msg::TreeRootsTold>().answer, Answer::io);
  EXPECT_TRUE(answers.last<msg::TreeRootsTold>().roots.empty());
  EXPECT_EQ(leaf_keys("k", {leaf("k")}).answer, Answer::io);
  msg::Fetch fetch;
  fetch.epoch = 5;
  fetch.keys = {{kKeyspace, bytes("k")}};
  replica->on_fetch({1}, fetch);
  EXPECT_EQ(answers.last<msg::Fetched>().answer, Answer::io);
}

TEST_F(LeavesTest, WhatCouldNotBeReadIsTriedAgain) {
  open();
  mint("k", "v");
  replica.reset();
  strike_marks();
  engine = std::make_unique<FakeEngine>(&store);
  engine->damaged = {own_key("k")};
  begin();
  run();
  EXPECT_EQ(replica->counters().trees_unreadable, 1u);
  pass(limits::unreadable_retry_interval + 1s);
  run();
  EXPECT_EQ(replica->counters().trees_unreadable, 1u);  // It is still damaged.
  EXPECT_EQ(root("k"), ~uint64_t{0});
  engine->damaged.clear();
  replica->on_tick();
  run();
  EXPECT_EQ(root("k"), ~uint64_t{0});  // Not before its time.
  pass(limits::unreadable_retry_interval + 1s);
  merge("during", foreign(2, 1, "the walk"));
  run();
  EXPECT_EQ(replica->counters().trees_unreadable, 0u);
  EXPECT_EQ(replica->counters().trees_ready, 4u);
  EXPECT_EQ(told_leaves(), computed_leaves());
}

TEST_F(LeavesTest, TheCheckFindsWhatChangedBehindItsBack) {
  open();
  for (int i = 0; i < 20; ++i) mint("k" + std::to_string(i), "v");
  const auto check_all = [&] {
    for (int i = 0; i < 4; ++i) {
      EXPECT_TRUE(replica->check_next_partition());
      merge("during" + std::to_string(i), foreign(2, 1, "the check"));
      run();
    }
  };
  check_all();
  EXPECT_EQ(replica->counters().leaves_differing, 0u);
  WriteBatch batch;
  batch.remove(own_key("k3"));
  ASSERT_TRUE(engine->apply(batch, Durability::always));
  EXPECT_NE(told_leaves(), computed_leaves());
  check_all();
  EXPECT_EQ(replica->counters().leaves_differing, 1u);
  EXPECT_EQ(told_leaves(), computed_leaves());
  expect_the_next_start_reads_them();
}

TEST_F(LeavesTest, APartitionThatIsGivenAgainIsBuiltAnew) {
  open();
  mint("k", "v");
  const uint64_t before = root("k");
  replica->set_map(map_with_rows(6, [](PartitionRow& row) { row.slots[0].owner = 6; }));
  EXPECT_EQ(root("k"), ~uint64_t{0});
  replica->set_map(map_with_rows(7, [](PartitionRow&) {}));
  replica->set_map(map_with_rows(8, [](PartitionRow& row) { row.slots[0].owner = 6; }));
  replica->set_map(map_with_rows(9, [](PartitionRow&) {}));  // While the first walk still runs.
  run();
  EXPECT_EQ(root("k"), before);
}

}  // namespace
}  // namespace kv::test
