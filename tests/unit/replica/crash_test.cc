// A replica on real engines and a disk that loses power at any moment: what was acknowledged is
// there afterwards, no dot is made twice, and the leaves are those of the data.
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/replica/replica_fixture.h"

namespace kv::test {
namespace {

using OpenEngine = Result<std::unique_ptr<Engine>> (*)(Environment&, MetaStore&, const std::string&,
                                                       const EngineOptions&);

/// One life of the process.
struct Life {
  Life(SimScheduler& scheduler, SimDisk& disk, Log& log, uint64_t seed, MemoryMeta* rows,
       OpenEngine open_engine, uint64_t memtable_bytes = 1u << 20)
      : process(scheduler, disk, log, options_of(seed)), meta(open_memory_meta(rows)) {
    EngineOptions options;
    options.memtable_bytes = memtable_bytes;
    options.log_segment_bytes = 64u << 10;
    auto opened = open_engine(process.environment(), *meta, "data", options);
    EXPECT_TRUE(opened) << opened.error().what;
    engine = std::move(*opened);
    auto made = Replica::open(process.environment(), *engine, *meta, 1, {}, answers, answers);
    EXPECT_TRUE(made) << made.error().what;
    replica = std::move(*made);
    replica->set_map(share(make_map()));
  }
  static SimProcessOptions options_of(uint64_t seed) {
    SimProcessOptions options;
    options.seed = seed;
    return options;
  }
  SimEnvironment process;
  std::unique_ptr<MetaStore> meta;
  std::unique_ptr<Engine> engine;
  RecordedAnswers answers;
  std::unique_ptr<Replica> replica;
};

struct CrashTest : ::testing::TestWithParam<OpenEngine> {
  void begin_life(uint64_t seed) {
    life.reset();
    life = std::make_unique<Life>(scheduler, disk, log, seed, &rows, GetParam(), memtable_bytes);
  }
  void crash(Random& random) {
    life->process.kill();
    life.reset();
    const auto& policies = crash_policies();
    disk.crash(policies[random.below(policies.size())], random);
  }
  template <typename Done>
  void run_until(Done&& done) {
    ASSERT_TRUE(scheduler.run_until_true(std::forward<Done>(done), 1'000'000));
  }
  void write_something(Random& random) {
    const std::string key = "k" + std::to_string(random.below(20));
    if (random.chance(0.7)) {
      msg::Mint mint;
      mint.id = ++requests;
      mint.epoch = 5;
      mint.time_left = 5s;
      mint.keyspace = kKeyspace;
      mint.key = SharedBytes::copy_of(key);
      mint.put = {1, requests};
      mint.value = SharedBytes::copy_of(std::string(random.below(300), 'v'));
      if (random.chance(0.3)) mint.mode = PutMode::sibling;
      if (random.chance(0.2)) mint.owed = {2};
      asked[mint.id] = {key, {}};
      life->replica->on_mint({mint.id}, mint);
      return;
    }
    msg::Merge merge;
    merge.id = ++requests;
    merge.epoch = 5;
    merge.time_left = 5s;
    merge.keyspace = kKeyspace;
    merge.key = SharedBytes::copy_of(key);
    Sibling sibling;
    sibling.dot = {Actor(2, 0xabc), requests};
    sibling.put = {2, requests};
    merge.record.context.see(sibling.dot);
    merge.record.siblings.push_back(sibling);
    asked[merge.id] = {key, merge.record.context};
    life->replica->on_merge({merge.id}, merge);
  }
  /// Notes what this life made and acknowledged.
  void take_answers() {
    for (const auto& [id, made] : life->answers.all<msg::MintMade>()) {
      if (made.answer != Answer::ok) continue;
      asked[id].seen = made.record.context;
      for (const Sibling& sibling : made.record.siblings) {
        const auto [at, is_new] = puts.insert({sibling.dot, sibling.put});
        EXPECT_EQ(at->second, sibling.put) << "a dot was made twice";
      }
    }
    for (const auto& [id, durable] : life->answers.all<msg::MintDurable>()) {
      if (durable.answer == Answer::ok) acknowledged.insert(id);
    }
    for (const auto& [id, merged] : life->answers.all<msg::Merged>()) {
      if (merged.answer == Answer::ok) acknowledged.insert(id);
    }
  }
  void check_acknowledged() {
    for (const uint64_t id : acknowledged) {
      const auto& [key, seen] = asked.at(id);
      const size_t answers = life->answers.all<msg::ReadDone>().size();
      msg::Read read;
      read.epoch = 5;
      read.time_left = 5s;
      read.keyspace = kKeyspace;
      read.key = SharedBytes::copy_of(key);
      life->replica->on_read({1}, read);
      run_until([&] { return life->answers.all<msg::ReadDone>().size() > answers; });
      const msg::ReadDone& done = life->answers.last<msg::ReadDone>();
      ASSERT_EQ(done.answer, Answer::ok);
      EXPECT_TRUE(done.record.context.covers(seen)) << "request " << id << " of " << key;
    }
  }
  void ask_roots() {
    msg::TreeRoots request;
    request.epoch = 5;
    for (PartitionId id = 0; id < 1u << kPartitionBits; ++id) {
      request.partitions.push_back({kPlacement, id});
    }
    life->replica->on_tree_roots({1}, request);
  }
  void check_leaves() {
    for (int i = 0; i < 1 << kPartitionBits; ++i) {
      run_until([&] { return life->replica->counters().tree_walks == 0; });
      ASSERT_TRUE(life->replica->check_next_partition());
      write_something_quietly(i);
    }
    run_until([&] { return life->replica->counters().tree_walks == 0; });
    EXPECT_EQ(life->replica->counters().leaves_differing, 0u);
  }
  void write_something_quietly(int i) {
    Random random(static_cast<uint64_t>(i));
    write_something(random);
  }

  struct Asked {
    std::string key;
    CausalContext seen;
  };
  SimScheduler scheduler;
  SimDisk disk;
  NullLog log;
  MemoryMeta rows;
  std::unique_ptr<Life> life;
  uint64_t memtable_bytes = 1u << 20;
  uint64_t requests = 0;
  std::map<uint64_t, Asked> asked;
  std::map<Dot, PutId> puts;
  std::set<uint64_t> acknowledged;
};

TEST_P(CrashTest, WhatWasAcknowledgedSurvivesAndNoDotIsMadeTwice) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    begin_life(seed);
    std::set<uint64_t> incarnations{life->replica->incarnation().value()};
    for (int lives = 0; lives < 4; ++lives) {
      const uint64_t writes = 5 + random.below(60);
      for (uint64_t i = 0; i < writes; ++i) {
        write_something(random);
        if (random.chance(0.3)) {
          for (uint64_t steps = random.below(6); steps > 0; --steps) scheduler.run_one();
        }
      }
      take_answers();
      crash(random);
      begin_life(random.next());
      EXPECT_TRUE(incarnations.insert(life->replica->incarnation().value()).second);
      // Were it kept, then with the voters' blessing.
      ASSERT_TRUE(life->replica->on_start_judged(true));
      check_acknowledged();
      check_leaves();
    }
    take_answers();
    crash(random);
    disk.wipe();
    rows = {};
    asked.clear();
    puts.clear();
    acknowledged.clear();
  }
}

TEST_P(CrashTest, ACleanStopKeepsTheIncarnation) {
  begin_life(1);
  Random random(1);
  for (int i = 0; i < 30; ++i) write_something(random);
  const uint64_t incarnation = life->replica->incarnation().value();
  bool stopped = false;
  life->replica->stop([&](const Status& status) { stopped = status.has_value(); });
  run_until([&] { return stopped; });
  take_answers();
  life->replica.reset();
  ASSERT_TRUE(life->engine->close());
  begin_life(2);
  EXPECT_EQ(life->replica->incarnation().value(), incarnation);
  EXPECT_FALSE(life->replica->incarnation().is_ready());
  ASSERT_TRUE(life->replica->on_start_judged(true));
  check_acknowledged();
  check_leaves();
  EXPECT_EQ(acknowledged.size(), 30u);
  life->process.kill();
}

// Whoever is told a root may strike a repair that it owes to this member.
TEST_P(CrashTest, ARootThatWasToldIsThatOfDataThatSurvives) {
  Random random(11);
  size_t told_before_crash = 0;
  for (uint64_t seed = 1; seed <= 24; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    begin_life(seed);
    run_until([&] { return life->replica->counters().trees_building == 0; });
    for (int i = 0; i < 10; ++i) write_something(random);
    ask_roots();
    const auto is_told = [&] { return !life->answers.all<msg::TreeRootsTold>().empty(); };
    for (uint64_t steps = random.below(12); steps > 0 && !is_told(); --steps) scheduler.run_one();
    std::vector<msg::TreeRoot> told;
    if (is_told()) told = life->answers.last<msg::TreeRootsTold>().roots;
    crash(random);
    begin_life(random.next());
    run_until([&] { return life->replica->counters().trees_building == 0; });
    if (!told.empty()) {
      ++told_before_crash;
      ask_roots();
      run_until(is_told);
      const auto& now = life->answers.last<msg::TreeRootsTold>().roots;
      ASSERT_EQ(now.size(), told.size());
      for (size_t i = 0; i < now.size(); ++i) EXPECT_EQ(now[i].root, told[i].root);
    }
    crash(random);
    disk.wipe();
    rows = {};
  }
  EXPECT_GT(told_before_crash, 0u);
}

// What a start must read lies in few tables: it does not depend on all of them.
TEST_P(CrashTest, OneDamagedTableKeepsNobodyFromStarting) {
  memtable_bytes = 8u << 10;
  begin_life(3);
  Random random(3);
  for (int i = 0; i < 500; ++i) {
    write_something(random);
    for (uint64_t steps = random.below(12); steps > 0; --steps) scheduler.run_one();
  }
  take_answers();
  life->process.kill();
  life.reset();
  const DiskImage image = disk.snapshot();
  const MemoryMeta all = rows;
  size_t tables = 0;
  for (const std::string& path : image.paths()) {
    if (!path.ends_with(".sst")) continue;
    ++tables;
    const uint64_t bytes = image.bytes(*image.find(path)).size();
    for (const uint64_t offset : {uint64_t{10}, bytes / 2, bytes * 3 / 4, bytes - 100, bytes - 3}) {
      SCOPED_TRACE(path + ", offset " + std::to_string(offset));
      disk.restore(image);
      rows = all;
      disk.rot(path, offset, 3);
      begin_life(random.next());
      ASSERT_NE(life->replica, nullptr);
      run_until([&] { return life->replica->counters().tree_walks == 0; });
      life->process.kill();
      life.reset();
    }
  }
  EXPECT_EQ(tables > 2, GetParam() == &open_lsm_engine);
}

INSTANTIATE_TEST_SUITE_P(Engines, CrashTest,
                         ::testing::Values(&open_memory_engine, &open_lsm_engine),
                         [](const auto& param) {
                           return param.param == &open_memory_engine ? "memory" : "lsm";
                         });

}  // namespace
}  // namespace kv::test
