// Damage in one place, a bad checksum or a bad sector: it is told to who reads there, and to nobody
// else; and writes go on, however many there are.
#include <gtest/gtest.h>

#include "libkv/base/limits.h"
#include "libkv/base/random.h"
#include "libkv/storage/file_names.h"
#include "libkv/storage/levels/manifest.h"
#include "libkv/storage/levels/version.h"
#include "tests/crash/prepared_table.h"
#include "tests/unit/storage/engines/written_world.h"

namespace kv {
namespace {

enum class Damage { bit, sector };

struct Case {
  Damage damage;
  size_t level;
};

class EngineDamageTest : public WrittenWorldTest {
 protected:
  void damage(const std::string& path, uint64_t offset, Damage damage) {
    damage == Damage::bit ? world_.disk.rot(path, offset) : world_.disk.spoil(path, offset);
  }
  void reopen() {
    ASSERT_TRUE(world_.engine->close());
    ASSERT_TRUE(world_.open());
  }
  std::vector<TableInfo> tables() {
    Manifest manifest(world_.metadata());
    return manifest.open(1)->tables;
  }
  std::string path_of(const TableInfo& info) {
    return world_.directory + "/" + table_file_name(info.number);
  }
  std::string only_segment() {
    std::string found;
    for (const std::string& path : world_.disk.image().paths())
      if (path.ends_with(".log")) found = path;
    return found;
  }
  /// Which keys have the value they should have; the others must be told to be corrupt.
  size_t count_right() {
    size_t right = 0;
    for (const auto& [key, value] : state_) {
      const auto found = world_.get(key);
      if (!found) {
        EXPECT_EQ(found.error().kind, ErrorKind::corrupt) << found.error().what;
        continue;
      }
      EXPECT_TRUE(found->value && found->value->view() == value) << key;
      ++right;
    }
    return right;
  }
};

class ABadTableTest : public EngineDamageTest, public testing::WithParamInterface<Case> {
 protected:
  /// What does not compress, so that there are levels.
  void put_some(int n) {
    std::string value(150, '\0');
    for (char& byte : value) byte = static_cast<char>(random_.next());
    put(key(n), value);
  }
  /// Its first block.
  TableInfo damage_a_table() {
    EXPECT_TRUE(world_.engine->close());
    std::optional<TableInfo> chosen;
    size_t seen = 0;
    for (const TableInfo& info : tables())
      if (info.level == GetParam().level && ++seen <= 2) chosen = info;
    EXPECT_TRUE(chosen);
    damage(path_of(*chosen), 7, GetParam().damage);
    EXPECT_TRUE(world_.open());
    return *chosen;
  }

  Random random_{3};
};

TEST_P(ABadTableTest, StopsNoWritesAndSpoilsNoOtherKeys) {
  for (int round = 0; round < 3; ++round)
    for (int n = 0; n < 300; ++n) put_some(n);
  // What is written last does not tidy itself away from level 0.
  if (GetParam().level > 0) world_.run_until_idle();
  const TableInfo bad = damage_a_table();
  // Many times what would fill level 0, while some are never written again.
  for (int round = 0; round < 60; ++round) {
    for (int n = 0; n < 300; ++n)
      if (n % 3 != 0) put_some(n);
    world_.run_until_idle();
    ASSERT_LT(world_.engine->stats().by_level[0].tables, limits::level0_tables_soft) << round;
  }
  const size_t right = count_right();
  EXPECT_GE(right, state_.size() * 9 / 10);
  // What was written since is read, though older versions of it are damaged.
  for (int n = 1; n < 300; n += 3) EXPECT_TRUE(world_.get(key(n))) << n;
  reopen();
  EXPECT_EQ(count_right(), right) << "a restart makes nothing worse";
  put(bad.first_key, "written again");
  EXPECT_EQ(world_.get(bad.first_key)->value->view(), "written again");
  // Once the range is dropped all is as if nothing had been.
  ASSERT_TRUE(world_.engine->drop_range({bad.first_key, bad.last_key + '\0'}, Durability::always));
  std::erase_if(state_, [&](const auto& pair) { return spans(bad, pair.first); });
  world_.run_until_idle();
  EXPECT_EQ(count_right(), state_.size());
  EXPECT_EQ(*state_of(*world_.engine), state_);
}

std::string name_of_case(const testing::TestParamInfo<Case>& of) {
  return (of.param.damage == Damage::bit ? "bit" : "sector") + std::to_string(of.param.level);
}

INSTANTIATE_TEST_SUITE_P(On, ABadTableTest,
                         testing::Values(Case{Damage::bit, 0}, Case{Damage::bit, 1},
                                         Case{Damage::sector, 0}, Case{Damage::sector, 1},
                                         Case{Damage::bit, 2}),
                         name_of_case);

// The index, the filter and the footer lie at the end.
TEST_F(EngineDamageTest, ATableThatCannotBeOpenedFailsItsOwnKeysOnly) {
  fill('a');
  world_.run_until_idle();
  ASSERT_TRUE(world_.engine->close());
  const std::vector<TableInfo> all = tables();
  ASSERT_GT(all.size(), 1u);
  world_.disk.spoil(path_of(all[0]), all[0].file_bytes - 1);
  ASSERT_TRUE(world_.open());
  ASSERT_EQ(world_.engine->recovery().corruption.size(), 1u);
  EXPECT_EQ(world_.engine->recovery().corruption[0].file, path_of(all[0]));
  const size_t right = count_right();
  EXPECT_LT(right, state_.size());
  EXPECT_GT(right, 0u);
}

// What the disk does not give of the log may have been durable: it is told, and all else is there.
TEST_F(EngineDamageTest, ABadSectorOfTheLogIsToldAndTheRestIsReplayed) {
  for (int n = 0; n < 60; ++n) put(key(n), std::string(40, 'a'));
  while (world_.engine->durable_sequence() < 60) ASSERT_TRUE(world_.scheduler.run_one());
  world_.end();
  const std::string log = only_segment();
  world_.disk.spoil(log, 600);
  ASSERT_TRUE(world_.open());
  const RecoveryReport& report = world_.engine->recovery();
  ASSERT_FALSE(report.corruption.empty());
  bool is_told = false;
  for (const CorruptRange& range : report.corruption)
    is_told |= range.file == log && range.what.find("cannot be read") != std::string::npos;
  EXPECT_TRUE(is_told);
  put("more", "is taken");
  EXPECT_EQ(world_.get("more")->value->view(), "is taken");
}

// Else they would have taken the places of what was written since, which was promised.
TEST_F(EngineDamageTest, RecordsThatTheDiskDoesNotGiveDoNotComeBackLater) {
  world_.options.memtable_bytes = 64 << 10;  // All stand in the log alone.
  reopen();
  constexpr Sequence kPuts = 100;
  for (Sequence n = 0; n < kPuts; ++n) put(key(static_cast<int>(n)), std::string(40, 'a'));
  while (world_.engine->durable_sequence() < kPuts) ASSERT_TRUE(world_.scheduler.run_one());
  world_.end();
  world_.disk.spoil(only_segment(), 4096);
  ASSERT_TRUE(world_.open());
  const Sequence left = world_.engine->recovery().last_sequence;
  ASSERT_LT(left, kPuts);
  for (int n = 0; n < 20; ++n) put(key(200 + n), "written since");
  while (world_.engine->durable_sequence() < left + 20) ASSERT_TRUE(world_.scheduler.run_one());
  world_.end();
  world_.disk.mend();
  ASSERT_TRUE(world_.open());
  for (int n = 0; n < 20; ++n) {
    const auto found = world_.get(key(200 + n));
    EXPECT_TRUE(found && found->value && found->value->view() == "written since") << n;
  }
}

/// A log that is damaged, and fills memtables at the next start that wait for their flush: it would
/// let go of the log, and with it of what tells of the damage.
class ADamagedLogTest : public EngineDamageTest {
 protected:
  ADamagedLogTest() {
    world_.options.memtable_bytes = 64 << 10;  // All stand in the log alone.
    world_.options.log_segment_bytes = 64 << 10;
    reopen();
    constexpr int kGroups = 5;
    for (int n = 0; n < 40 * kGroups; ++n) {
      put(key(n), std::string(40, 'a'));
      if ((n + 1) % 40 == 0) world_.run_until_idle();
    }
    world_.end();
    world_.disk.spoil(only_segment(), 20 << 10);
    world_.options.memtable_bytes = 2 << 10;
    open_damaged();
  }
  void open_damaged() {
    ASSERT_TRUE(world_.open());
    ASSERT_FALSE(world_.engine->recovery().corruption.empty());
  }
  void pass(Duration time) {
    world_.scheduler.run_until(world_.scheduler.now() + time);
    world_.engine->on_tick(world_.scheduler.now());
    world_.run_until_idle();
  }
  uint64_t flushes() { return world_.engine->stats().flushes; }
};

TEST_F(ADamagedLogTest, IsToldOfUntilTheCallerHasWrittenWhatItComesTo) {
  pass(5s);
  EXPECT_EQ(flushes(), 0u);
  world_.end();
  open_damaged();
  // All memtables wait, and one more is full: for nothing else there would be room.
  ASSERT_GT(world_.engine->stats().memtable_bytes, 5 * world_.options.memtable_bytes);
  WriteBatch batch;
  batch.put("what it comes to", "refill");
  ASSERT_TRUE(world_.engine->apply(batch, Durability::always));
  EXPECT_EQ(flushes(), 0u);
  world_.run_until_idle();
  EXPECT_GT(flushes(), 0u) << "it is written";
  world_.end();
  ASSERT_TRUE(world_.open());
  EXPECT_TRUE(world_.get("what it comes to")->value);
}

TEST_F(ADamagedLogTest, KeepsNoFlushForLong) {
  EXPECT_LE(world_.engine->next_wake(), world_.scheduler.now() + limits::flush_after_damage);
  pass(limits::flush_after_damage);
  EXPECT_GT(flushes(), 0u);
}

TEST_F(ADamagedLogTest, KeepsNoCheckpointWaiting) {
  std::optional<Result<Sequence>> made;
  const auto open_meta = [] { return Result<std::unique_ptr<MetaStore>>(fail(ErrorKind::io, "")); };
  world_.engine->checkpoint({"copy", open_meta, {}},
                            [&](Result<Sequence> sequence) { made = std::move(sequence); });
  world_.run_until_idle();
  EXPECT_GT(flushes(), 0u);
  EXPECT_TRUE(made);
}

TEST_F(ADamagedLogTest, KeepsNoIngestWaiting) {
  ASSERT_TRUE(prepare_table(world_, "made/table", {{"ingested", "1"}}));
  std::optional<Result<Sequence>> ingested;
  world_.engine->ingest({"made/table"},
                        [&](Result<Sequence> sequence) { ingested = std::move(sequence); });
  world_.run_until_idle();
  ASSERT_TRUE(ingested && *ingested);
  EXPECT_TRUE(world_.get("ingested")->value);
}

TEST_F(ADamagedLogTest, KeepsNoWriterWaiting) {
  for (int n = 0; n < 200; ++n) {
    WriteBatch batch;
    batch.put(key(n), std::string(40, 'b'));
    while (!world_.engine->apply(batch, Durability::none))
      ASSERT_TRUE(world_.scheduler.run_one()) << n;
  }
  EXPECT_GT(flushes(), 0u);
}

// An input that cannot be read once is tried again, and is no reason to end writing.
TEST_F(EngineDamageTest, AReadThatFailsOnceInACompactionIsTriedAgain) {
  for (int round = 0; round < 3; ++round) fill(static_cast<char>('a' + round));
  uint64_t failed = 0;
  for (int round = 0; round < 40; ++round) {
    world_.disk.fail_nth(2 + static_cast<uint64_t>(round), FaultKind::read, false);
    fill(static_cast<char>('a' + round % 26));
    world_.run_until_idle();
    world_.disk.faults().clear();
    failed = world_.log.count("storage_job_failed");
    world_.scheduler.run_until(world_.scheduler.now() + limits::disk_full_retry_interval);
    world_.engine->on_tick(world_.scheduler.now());
    world_.run_until_idle();
  }
  EXPECT_GT(failed, 0u) << "else this test is about nothing";
  EXPECT_EQ(count_right(), state_.size());
  EXPECT_LT(world_.engine->stats().by_level[0].tables, limits::level0_tables_soft);
}

}  // namespace
}  // namespace kv
