#include "libkv/replica/leaves.h"

#include <gtest/gtest.h>

#include "libkv/base/random.h"
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
};

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
  // More than one slice in each partition.
  for (int i = 0; i < 6000; ++i) {
    const std::string key = "k" + std::to_string(i);
    StoredRecord stored;
    stored.record = foreign(2, 1, "v");
    store.rows[own_key(key)] = encode_stored_record(stored);
  }
  engine = std::make_unique<FakeEngine>(&store);
  auto opened = Replica::open(process.environment(), *engine, *meta, 1, settings, answers, answers);
  ASSERT_TRUE(opened);
  replica = std::move(*opened);
  replica->set_map(share(make_map()));
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
  engine = std::make_unique<FakeEngine>(&store);
  engine->damaged = {own_key("k")};
  auto opened = Replica::open(process.environment(), *engine, *meta, 1, settings, answers, answers);
  ASSERT_TRUE(opened);
  replica = std::move(*opened);
  replica->set_map(share(make_map()));
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
  engine = std::make_unique<FakeEngine>(&store);
  engine->damaged = {own_key("k")};
  auto opened = Replica::open(process.environment(), *engine, *meta, 1, settings, answers, answers);
  ASSERT_TRUE(opened);
  replica = std::move(*opened);
  replica->set_map(share(make_map()));
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
