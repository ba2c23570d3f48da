// The SQLite meta store when the power fails at any moment and when any call fails.
#include <algorithm>

#include <gtest/gtest.h>

#include "tests/unit/meta/sqlite_world.h"

namespace kv {
namespace {

const std::vector<std::string> kTables = {"manifest", "paxos"};

// Commits of the kinds a node makes: a new table, several rows, a change, a removal, a value of
// several pages, two tables at once.
std::vector<MetaTransaction> commits() {
  std::vector<MetaTransaction> all(5);
  all[0].put("manifest", "incarnation", "1");
  for (int i = 0; i < 40; ++i)
    all[1].put("manifest", "file" + std::to_string(i), std::string(100, 'f'));
  all[2].put("manifest", "incarnation", "2");
  all[2].put("paxos", "ballot", std::string(9000, 'b'));
  for (int i = 0; i < 40; i += 2) all[3].remove("manifest", "file" + std::to_string(i));
  all[3].put("paxos", "ballot", "short");
  all[4].put("paxos", "promise", "9");
  return all;
}

// states[i]: the rows after the first i commits.
std::vector<MetaRows> states() {
  std::vector<MetaRows> all(1);
  for (const MetaTransaction& transaction : commits()) {
    all.push_back(all.back());
    apply_to(all.back(), transaction);
  }
  return all;
}

// A recovered store takes the next commit, and a second recovery finds the same rows.
void expect_to_go_on(SqliteWorld& world, std::unique_ptr<MetaStore> store, MetaRows rows,
                     Random& random) {
  MetaTransaction more;
  more.put("paxos", "after", "crash");
  ASSERT_TRUE(store->commit(more).has_value());
  apply_to(rows, more);
  store.reset();
  world.disk.crash({UnsyncedData::dropped, UnsyncedNames::lost}, random);
  world.restart();
  auto again = world.open();
  ASSERT_TRUE(again.has_value()) << again.error().what;
  ASSERT_EQ(*all_rows(**again, kTables), rows);
}

TEST(SqliteCrashTest, EveryPowerLossLeavesTheAcknowledgedCommitsAndWholeTransactions) {
  SqliteWorld world;
  world.disk.record(true);
  std::vector<size_t> durable_at;  // The length of the trace when each commit had returned.
  {
    auto store = world.open();
    ASSERT_TRUE(store.has_value()) << store.error().what;
    for (const MetaTransaction& transaction : commits()) {
      ASSERT_TRUE((*store)->commit(transaction).has_value());
      durable_at.push_back(world.disk.trace().size());
    }
  }
  const std::vector<MetaRows> expected = states();
  Random random(11);
  for (size_t n = 0; n <= world.disk.trace().size(); ++n) {
    size_t acknowledged = 0;
    while (acknowledged < durable_at.size() && durable_at[acknowledged] <= n) ++acknowledged;
    for (const CrashPolicy policy : crash_policies()) {
      const std::string where = "after " + std::to_string(n) + " operations, " + to_string(policy);
      SqliteWorld after(world.disk.state_after(n, policy, random));
      auto store = after.open();
      ASSERT_TRUE(store.has_value()) << where << ": " << store.error().what;
      const auto rows = all_rows(**store, kTables);
      ASSERT_TRUE(rows.has_value()) << where << ": " << rows.error().what;
      const bool next_whole =
          acknowledged < durable_at.size() && *rows == expected[acknowledged + 1];
      ASSERT_TRUE(*rows == expected[acknowledged] || next_whole) << where;
      if ((n + static_cast<size_t>(policy.data)) % 3 != 0) continue;  // Enough of each, in time.
      expect_to_go_on(after, std::move(*store), *rows, random);
      ASSERT_FALSE(testing::Test::HasFailure()) << where;
    }
  }
}

struct Sweep {
  FaultKind kind;
  bool from_then_on;
  const char* name;
};

class SqliteFailureTest : public testing::TestWithParam<Sweep> {};

bool is_one_of(const MetaRows& rows, const std::vector<MetaRows>& allowed) {
  return std::find(allowed.begin(), allowed.end(), rows) != allowed.end();
}

// Runs the commits with the Nth call failing. No false acknowledgement: after a power loss every
// commit that returned ok is there, and one that failed is there as a whole or not at all.
bool run_with_failure(uint64_t n, const Sweep& sweep, CrashPolicy policy) {
  SqliteWorld world(n);
  world.disk.fail_nth(n, sweep.kind, sweep.from_then_on);
  const uint64_t before = world.disk.faults().calls(sweep.kind);
  MetaRows rows;
  std::vector<MetaRows> allowed = {rows};  // Those, or with one commit that failed since.
  auto store = world.open();
  EXPECT_FALSE(!store && store.error().kind == ErrorKind::corrupt) << store.error().what;
  if (store)
    for (const MetaTransaction& transaction : commits()) {
      MetaRows with = rows;
      apply_to(with, transaction);
      if ((*store)->commit(transaction)) {
        rows = with;
        allowed = {rows};
      } else {
        allowed.push_back(with);
      }
    }
  const bool struck = world.disk.faults().calls(sweep.kind) - before >= n;
  world.disk.faults().clear();
  // Reads of the living process never give what is not committed.
  if (store) {
    const auto live = all_rows(**store, kTables);
    EXPECT_TRUE(!live || is_one_of(*live, allowed)) << "call " << n << ", live";
  }
  if (store) store->reset();
  Random random(n);
  world.disk.crash(policy, random);
  world.restart();
  auto recovered = world.open();
  EXPECT_TRUE(recovered.has_value()) << "call " << n << ": " << recovered.error().what;
  if (!recovered) return struck;
  const auto found = all_rows(**recovered, kTables);
  EXPECT_TRUE(found.has_value());
  EXPECT_TRUE(is_one_of(*found, allowed)) << "call " << n << ", " << to_string(policy);
  return struck;
}

TEST_P(SqliteFailureTest, NoCallsFailureMakesAFalseAcknowledgement) {
  const std::vector<CrashPolicy> policies = {{UnsyncedData::dropped, UnsyncedNames::lost},
                                             {UnsyncedData::kept, UnsyncedNames::kept},
                                             {UnsyncedData::random_sectors, UnsyncedNames::random}};
  uint64_t n = 1;
  while (run_with_failure(n, GetParam(), policies[n % policies.size()]) && !HasFailure()) ++n;
  EXPECT_GT(n, 3u);
}

INSTANTIATE_TEST_SUITE_P(Kinds, SqliteFailureTest,
                         testing::Values(Sweep{FaultKind::any, false, "AnyOnce"},
                                         Sweep{FaultKind::any, true, "AnyFrom"},
                                         Sweep{FaultKind::sync, false, "SyncOnce"},
                                         Sweep{FaultKind::sync, true, "SyncFrom"},
                                         Sweep{FaultKind::no_space, false, "NoSpaceOnce"},
                                         Sweep{FaultKind::no_space, true, "NoSpaceFrom"}),
                         [](const auto& sweep) { return std::string(sweep.param.name); });

// A process ends in the middle of a commit; the next one opens the file, sees rows, and then the
// power fails: what was seen stays. Returns whether call `n` was reached.
bool see_then_lose_power(uint64_t n, FaultKind kind) {
  SqliteWorld world(n);
  world.disk.fail_nth(n, kind, true);
  {
    auto store = world.open();
    if (store)
      for (const MetaTransaction& transaction : commits()) (void)(*store)->commit(transaction);
    world.process->kill();
  }
  const bool struck = world.disk.faults().calls(kind) >= n;
  world.disk.faults().clear();
  world.restart();
  auto second = world.open();
  EXPECT_TRUE(second.has_value()) << second.error().what;
  if (!second) return false;
  const auto seen = all_rows(**second, kTables);
  second->reset();
  Random random(n);
  world.disk.crash({UnsyncedData::dropped, UnsyncedNames::kept}, random);
  world.restart();
  auto third = world.open();
  EXPECT_TRUE(third.has_value()) << third.error().what;
  if (!third) return false;
  EXPECT_TRUE(*all_rows(**third, kTables) == *seen) << "call " << n;
  return struck;
}

TEST(SqliteFailureTest, WhatWasSeenAfterARestartIsThereAfterAPowerLoss) {
  for (const FaultKind kind : {FaultKind::write, FaultKind::sync}) {
    uint64_t n = 1;
    while (see_then_lose_power(n, kind) && !testing::Test::HasFailure()) ++n;
    EXPECT_GT(n, 10u);
  }
}

TEST(SqliteFailureTest, AFailedCommitIsTheLastAndNamesTheFile) {
  SqliteWorld world;
  auto store = std::move(*world.open());
  MetaTransaction transaction;
  transaction.put("t", "k", "v");
  ASSERT_TRUE(store->commit(transaction).has_value());
  world.disk.fail_nth(2, FaultKind::sync, false);
  transaction.put("t", "k", "w");
  const Status failed = store->commit(transaction);
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().kind, ErrorKind::io);
  EXPECT_EQ(failed.error().what.find(SqliteWorld::kPath), 0u) << failed.error().what;
  EXPECT_NE(failed.error().what.find("Input/output error (injected)"), std::string::npos);
  const Status refused = store->commit(transaction);
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().what.find("no commits after one that failed"), std::string::npos);
}

TEST(SqliteFailureTest, AFullDiskStoresNothingAndRecoversWhenThereIsRoom) {
  SqliteWorld world;
  auto store = std::move(*world.open());
  MetaTransaction small, large;
  small.put("t", "small", "v");
  large.put("t", "large", std::string(100'000, 'x'));
  ASSERT_TRUE(store->commit(small).has_value());
  world.disk.set_capacity(world.disk.image().used_bytes() + 20'000);
  const Status full = store->commit(large);
  ASSERT_FALSE(full.has_value());
  EXPECT_EQ(full.error().kind, ErrorKind::no_space) << full.error().what;
  EXPECT_EQ(*store->get("t", "small"), "v");
  EXPECT_EQ(store->get("t", "large").error().kind, ErrorKind::not_found);
  world.disk.set_capacity(std::nullopt);
  const Status done = store->commit(large);
  EXPECT_TRUE(done.has_value()) << done.error().what;
  store.reset();
  EXPECT_EQ((*world.open())->get("t", "large")->size(), 100'000u);
}

TEST(SqliteFailureTest, AReaderInTheWayIsBusyAndEndsNothing) {
  SqliteWorld world;
  auto store = std::move(*world.open());
  MetaTransaction transaction;
  transaction.put("t", "k", "v");
  ASSERT_TRUE(store->commit(transaction).has_value());
  SimFileSystem other(world.disk);
  auto file = std::move(*other.open(SqliteWorld::kPath, OpenMode::read));
  ASSERT_TRUE(*file->lock_range(0x40000002, 510, File::RangeLock::shared));
  MetaTransaction next;
  next.put("u", "k", "w");
  const Status busy = store->commit(next);
  ASSERT_FALSE(busy.has_value());
  EXPECT_EQ(busy.error().kind, ErrorKind::busy) << busy.error().what;
  EXPECT_EQ(store->get("u", "k").error().kind, ErrorKind::not_found);
  file.reset();
  EXPECT_TRUE(store->commit(next).has_value());
  EXPECT_EQ(*store->get("u", "k"), "w");
}

TEST(SqliteDeterminismTest, TheSameRunMakesTheSameOperations) {
  const auto run = [] {
    SqliteWorld world;
    world.disk.record(true);
    auto store = world.open();
    for (const MetaTransaction& transaction : commits())
      EXPECT_TRUE((*store)->commit(transaction).has_value());
    std::string trace;
    for (const DiskOperation& operation : world.disk.trace()) trace += to_string(operation) + "\n";
    return trace;
  };
  EXPECT_EQ(run(), run());
}

}  // namespace
}  // namespace kv
