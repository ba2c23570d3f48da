// The engine within its memory budget: what grows pushes out the cache, tables are closed, writers
// wait; and every answer stays right.
#include <gtest/gtest.h>

#include "libkv/base/random.h"
#include "libkv/storage/memory/memory_budget.h"
#include "tests/crash/engine_history.h"
#include "tests/crash/storage_world.h"

namespace kv {
namespace {

TEST(MemoryBudgetTest, TheCacheHasWhatTheOthersLeave) {
  const auto budget = std::make_shared<MemoryBudget>(8000, 6000);
  EXPECT_EQ(budget->cache_max(), 6000u);
  MemoryClaim memtable(budget, MemoryHolder::memtables);
  memtable.grow(1000);
  EXPECT_EQ(budget->cache_max(), 6000u);
  {
    MemoryClaim filter(budget, MemoryHolder::filters), index(budget, MemoryHolder::indexes);
    filter.grow(1500);
    index.grow(500);
    EXPECT_EQ(budget->tables_used(), 2000u);
    EXPECT_EQ(budget->cache_max(), 5000u);
    budget->withhold(700);
    EXPECT_EQ(budget->cache_max(), 4300u);
    budget->withhold(0);
    memtable.grow(7000);
    EXPECT_EQ(budget->cache_max(), 0u);
  }
  EXPECT_EQ(budget->tables_used(), 0u);
  EXPECT_EQ(budget->used(MemoryHolder::memtables), 8000u);
  EXPECT_EQ(budget->cache_max(), 0u);
}

TEST(MemoryBudgetTest, SharesFollowFromTheWhole) {
  EngineOptions options;
  options.memory_bytes = 64 << 20;
  EXPECT_EQ(with_memory_shares(options).memtable_bytes, uint64_t{8} << 20);
  EXPECT_EQ(with_memory_shares(options).block_cache_bytes, uint64_t{64} << 20);
  options.memory_bytes = uint64_t{8} << 30;
  EXPECT_EQ(with_memory_shares(options).memtable_bytes, uint64_t{64} << 20);
  options.memtable_bytes = 3 << 20;
  options.block_cache_bytes = 5 << 20;
  EXPECT_EQ(with_memory_shares(options).memtable_bytes, uint64_t{3} << 20);
  EXPECT_EQ(with_memory_shares(options).block_cache_bytes, uint64_t{5} << 20);
  options.memtable_bytes = 1;
  EXPECT_EQ(with_memory_shares(options).memtable_bytes, uint64_t{2} << 10);
}

/// A memtable that is full before anything is in it would be flushed for nothing, again and again.
TEST(SmallMemtables, TakeSomeWritesAllTheSame) {
  for (const uint64_t bytes : {1u, 300u, 512u, 2048u}) {
    StorageWorld world(6);
    world.options.memtable_bytes = bytes;
    ASSERT_TRUE(world.open());
    for (int i = 0; i < 200; ++i) {
      WriteBatch batch;
      batch.put("k" + std::to_string(i), std::string(20, 'v'));
      ASSERT_TRUE(world.engine->apply(batch, Durability::always)) << bytes;
      world.run_until_idle();
    }
    const EngineStats stats = world.engine->stats();
    EXPECT_GT(stats.flushes, 1u);
    EXPECT_LT(stats.flushes, 200 / 4u) << bytes;
    EXPECT_EQ(state_of(*world.engine)->size(), 200u);
    ASSERT_TRUE(world.open());
    EXPECT_EQ(state_of(*world.engine)->size(), 200u);
  }
}

// 64 KiB are what a memtable reserves at a time.
constexpr uint64_t kBudget = 640 << 10;
constexpr uint64_t kReserved = 64 << 10;
constexpr uint64_t kKeys = 20'000;

class EngineMemoryTest : public testing::Test {
 public:
  EngineMemoryTest() {
    world_.options = EngineOptions();
    world_.options.memory_bytes = kBudget;
    world_.options.memtable_bytes = 64 << 10;
    world_.options.log_segment_bytes = 64 << 10;
    world_.options.block_bytes = 512;
    world_.options.section_blocks = 16;
    EXPECT_TRUE(world_.open());
  }

  static std::string key(uint64_t number) { return "key" + std::to_string(number * 7919 % kKeys); }
  static std::string value(uint64_t number) {
    std::string value = key(number) + ":";
    Random random(number % kKeys);
    while (value.size() < 200) value.push_back(static_cast<char>('a' + random.below(26)));
    return value;
  }
  /// False: the engine is busy.
  bool put(uint64_t number) {
    WriteBatch batch;
    batch.put(key(number), value(number));
    const auto applied = world_.engine->apply(batch, Durability::none);
    EXPECT_TRUE(applied || applied.error().kind == ErrorKind::busy) << applied.error().what;
    return applied.has_value();
  }
  void fill() {
    for (uint64_t number = 0; number < kKeys; ++number) {
      while (!put(number)) world_.run_until_idle();
      if (number % 50 == 0) get(number / 2);
      if (number % 10 == 0) check_parts();
    }
    world_.run_until_idle();
  }
  void get(uint64_t number) {
    const auto found = world_.get(key(number));
    ASSERT_TRUE(found) << found.error().what;
    ASSERT_TRUE(found->value) << key(number);
    ASSERT_EQ(found->value->view(), value(number));
  }
  EngineStats stats() { return world_.engine->stats(); }
  static uint64_t tables_of(const EngineStats& stats) {
    return stats.memory_filters + stats.memory_indexes;
  }
  /// At every moment.
  void check_parts() {
    const EngineStats now = stats();
    const uint64_t others = now.memory_memtables + tables_of(now);
    ASSERT_LE(now.memory_cache, kBudget - std::min(kBudget, others));
    ASSERT_LE(now.memory_memtables, kBudget / 8 * 5 + kReserved);
  }
  /// While nothing is under way.
  void check_whole() {
    const EngineStats now = stats();
    ASSERT_LE(tables_of(now), kBudget / 4);
    ASSERT_LE(now.memory_used(), kBudget);
    ASSERT_EQ(now.memory_bytes, kBudget);
  }

  StorageWorld world_{5};
};

TEST_F(EngineMemoryTest, StaysWithinTheBudgetWithSixTimesTheData) {
  fill();
  if (HasFatalFailure()) return;
  check_whole();
  const EngineStats filled = stats();
  EXPECT_GT(filled.disk_bytes, 2 * kBudget);
  for (uint64_t number = 0; number < kKeys; ++number) {
    get(number);
    if (HasFatalFailure()) return;
    check_parts();
    check_whole();
  }
  const EngineStats read = stats();
  // Each has some forty keys.
  EXPECT_GT(read.sections_read, filled.sections_read + kKeys / 8)
      << "that sections give way is not put to the test";
  EXPECT_GT(read.memory_cache, kBudget / 8) << "the cache has none of the budget";
  EXPECT_GT(read.disk_reads_of_gets, kKeys / 2);
  EXPECT_GE(read.disk_reads, read.disk_reads_of_gets);
  EXPECT_GT(read.disk_read_bytes, read.disk_reads * 100);
}

TEST_F(EngineMemoryTest, ManyGetsAtOnceGiveBackWhatTheyHold) {
  fill();
  if (HasFatalFailure()) return;
  const uint64_t read_before = stats().sections_read;
  uint64_t right = 0;
  for (uint64_t number = 0; number < kKeys;) {
    for (const uint64_t end = number + 100; number < end; ++number)
      world_.engine->get(key(number), [&right, expected = value(number)](const auto& found) {
        right += found && found->value && found->value->view() == expected;
      });
    check_parts();
    world_.run_until_idle();
    check_whole();
    if (HasFatalFailure()) return;
  }
  EXPECT_EQ(right, kKeys);
  EXPECT_GT(stats().sections_read, read_before + kKeys / 8);
}

TEST_F(EngineMemoryTest, WritersWaitForMemory) {
  uint64_t number = 0;
  while (put(number)) ++number;
  // Nothing has been flushed: all of it is in memtables.
  EXPECT_EQ(stats().flushes, 0u);
  EXPECT_EQ(stats().stalls, 1u);
  check_parts();
  EXPECT_GT(stats().memory_memtables, kBudget / 8 * 3);
  world_.run_until_idle();
  EXPECT_TRUE(put(number));
  EXPECT_EQ(stats().stalls, 1u);
}

TEST_F(EngineMemoryTest, TheCacheGivesWayToMemtablesAndGrowsAgain) {
  fill();
  if (HasFatalFailure()) return;
  const auto read_all = [this] {
    for (uint64_t number = 0; number < kKeys; number += 3) get(number);
  };
  read_all();
  const EngineStats quiet = stats();
  uint64_t number = 0;
  while (put(number)) ++number;
  const EngineStats writing = stats();
  EXPECT_GT(writing.memory_memtables, quiet.memory_memtables + 2 * kReserved);
  EXPECT_LT(writing.memory_cache + kReserved, quiet.memory_cache);
  check_parts();
  world_.run_until_idle();
  read_all();
  EXPECT_GT(stats().memory_cache, writing.memory_cache + kReserved);
  check_whole();
}

TEST_F(EngineMemoryTest, TheCacheDoesWithoutWhatIsWithheld) {
  fill();
  if (HasFatalFailure()) return;
  for (uint64_t number = 0; number < kKeys; number += 3) get(number);
  const uint64_t before = stats().memory_cache;
  world_.engine->withhold_memory(kBudget / 4);
  EXPECT_LE(stats().memory_cache, before - kBudget / 8);
  EXPECT_EQ(stats().memory_withheld, kBudget / 4);
  world_.engine->withhold_memory(kBudget);
  EXPECT_EQ(stats().memory_cache, 0u);
  for (uint64_t number = 0; number < kKeys; number += 30) get(number);
  world_.engine->withhold_memory(0);
  for (uint64_t number = 0; number < kKeys; number += 3) get(number);
  EXPECT_GT(stats().memory_cache, before / 2);
}

// What a reader keeps is counted, and does not stop the writers for ever.
TEST_F(EngineMemoryTest, AnOldSnapshotsMemtablesCount) {
  uint64_t number = 0;
  while (put(number)) ++number;
  const uint64_t full = stats().memory_memtables;
  auto snapshot = world_.engine->snapshot();
  world_.run_until_idle();
  EXPECT_GE(stats().memory_memtables, full);
  for (uint64_t more = 0; more < 2000; ++more) {
    while (!put(number + more)) world_.run_until_idle();
  }
  const auto then = snapshot->get(key(0));
  ASSERT_TRUE(then);
  EXPECT_EQ(then->value->view(), value(0));
  snapshot.reset();
  world_.run_until_idle();
  EXPECT_LT(stats().memory_memtables, full);
}

TEST_F(EngineMemoryTest, CountsLevelsAndAmplification) {
  EXPECT_EQ(stats().write_amplification(true), 0);
  EXPECT_EQ(stats().read_amplification(), 0);
  EXPECT_EQ(stats().space_amplification(), 1);
  fill();
  if (HasFatalFailure()) return;
  const EngineStats now = stats();
  ASSERT_EQ(now.by_level.size(), now.levels);
  uint64_t tables = 0, bytes = 0;
  for (const LevelStats& level : now.by_level) {
    tables += level.tables;
    bytes += level.bytes;
  }
  EXPECT_EQ(tables, now.sstables);
  EXPECT_EQ(bytes + now.log_bytes, now.disk_bytes);
  EXPECT_GT(now.write_amplification(false), 1);
  EXPECT_GT(now.write_amplification(true), now.write_amplification(false) + 0.9);
  EXPECT_GE(now.space_amplification(), 1);
  EXPECT_LT(now.space_amplification(), 3);
}

}  // namespace
}  // namespace kv
