// When nothing is written the engine tidies: logs go, levels are merged, removals are dropped;
// once, and not for little.
#include <algorithm>

#include <gtest/gtest.h>

#include "libkv/base/hash.h"
#include "libkv/storage/byte_coding.h"
#include "libkv/storage/file_names.h"
#include "libkv/storage/levels/manifest.h"
#include "tests/crash/engine_history.h"
#include "tests/crash/file_blocks.h"
#include "tests/crash/storage_world.h"

namespace kv {
namespace {

class EngineTidyTest : public testing::Test {
 public:
  void SetUp() override { ASSERT_TRUE(world.open()); }
  Engine& engine() { return *world.engine; }
  Instant now() const { return world.scheduler.now(); }

  void write(int count) {
    for (int i = 0; i < count; ++i) {
      WriteBatch batch;
      const std::string key = "k" + std::to_string(written * 7919 % 500);
      if (written++ % 5 == 4) {
        batch.remove(key);
      } else {
        batch.put(key, std::string(100, static_cast<char>('a' + written % 26)));
      }
      const auto last = engine().apply(batch, Durability::always);
      ASSERT_TRUE(last) << last.error().what;
      history.add(*last, batch);
      if (i % 4 == 0) world.run_until_idle();
    }
    world.run_until_idle();
  }
  void tick_at(Instant time) {
    world.scheduler.run_until(time);
    engine().on_tick(now());
    world.run_until_idle();
  }
  /// As a service does, until there is nothing to wait for.
  void idle() {
    engine().on_tick(now());
    for (int i = 0; engine().next_wake() != Instant::max(); ++i) {
      ASSERT_LT(i, 300) << "it does not end";
      ASSERT_GT(engine().next_wake(), now()) << "the loop would spin";
      tick_at(engine().next_wake());
    }
  }
  std::vector<TableInfo> tables() {
    return Manifest(world.metadata()).survey([](const Error&) {})->state.tables;
  }
  size_t tables_of_level0() {
    const auto all = tables();
    return static_cast<size_t>(
        std::count_if(all.begin(), all.end(), [](const auto& table) { return table.level == 0; }));
  }
  size_t files_of_the_log() {
    const auto names = world.environment->environment().files.list("data");
    return static_cast<size_t>(std::count_if(names->begin(), names->end(), [](const auto& name) {
      return name.ends_with(".log") || name.ends_with(".spare");
    }));
  }
  /// As if a later version of this program had compressed a block of the table.
  static void make_newer(FileSystem& files, const std::string& path) {
    const auto file = std::move(*files.open(path, OpenMode::write));
    std::string bytes(static_cast<size_t>(*file->size()), '\0');
    ASSERT_EQ(*file->read_at(0, bytes), bytes.size());
    const FileBlock block = table_blocks(bytes).back();
    ASSERT_EQ(std::string(block.kind), "data");
    const uint64_t salt =
        decode_table_footer(BytesView(bytes).substr(bytes.size() - kTableFooterBytes))->salt;
    std::string stored = bytes.substr(block.offset, block.bytes);
    const size_t head = stored.size() - kBlockTrailerBytes, checked = head + 8;
    stored[head] = 9;
    stored.resize(checked);
    append_word<uint64_t>(stored, hash64(stored, salt + block.offset));
    ASSERT_TRUE(file->write_at(block.offset, stored));
    ASSERT_TRUE(file->sync());
  }
  void check() {
    EXPECT_TRUE(*state_of(engine()) == *history.state_at(history.last()));
    ASSERT_TRUE(world.open());
    EXPECT_TRUE(world.engine->recovery().corruption.empty());
    EXPECT_TRUE(*state_of(engine()) == *history.state_at(history.last()));
  }

  StorageWorld world{11};
  EngineHistory history;
  int written = 0;
};

TEST_F(EngineTidyTest, LogsGoAndLevelsAreMerged) {
  write(3'000);
  // Fewer would not be worth what their merge rewrites.
  for (int i = 0; i < 100 && tables_of_level0() < 3; ++i) write(10);
  ASSERT_GE(tables_of_level0(), 3u);
  const EngineStats before = engine().stats();
  ASSERT_GT(files_of_the_log(), 2u);
  idle();
  EXPECT_LE(files_of_the_log(), 2u) << "the one that is written, and one for the next";
  EXPECT_EQ(tables_of_level0(), 0u);
  EXPECT_LT(engine().stats().disk_bytes, before.disk_bytes);
  check();
  write(300);
  idle();
  check();
}

TEST_F(EngineTidyTest, WhatWasRemovedLeavesTheDisk) {
  write(2'000);
  WriteBatch batch;
  for (int i = 0; i < 500; ++i) batch.remove("k" + std::to_string(i));
  history.add(*engine().apply(batch, Durability::always), batch);
  world.run_until_idle();
  for (int i = 0; i < 40; ++i) {  // Until the removals are in a table.
    WriteBatch one;
    one.remove("k" + std::to_string(i) + std::string(300, 'x'));
    history.add(*engine().apply(one, Durability::always), one);
    world.run_until_idle();
  }
  idle();
  EXPECT_TRUE(state_of(engine())->empty());
  EXPECT_TRUE(tables().empty()) << tables().size() << " tables of removals alone";
  check();
}

TEST_F(EngineTidyTest, WhileThereAreWritesNothingIsTidied) {
  write(3'000);
  const uint64_t flushes = engine().stats().flushes;
  for (int i = 0; i < 20; ++i) {
    write(1);
    tick_at(now() + world.options.idle_after - 1ms);
  }
  EXPECT_LE(engine().stats().flushes, flushes + 1) << "but for those that are due anyway";
  EXPECT_GT(files_of_the_log(), 2u);
}

TEST_F(EngineTidyTest, ALittleIsNotWorthIt) {
  write(3'000);
  idle();
  const EngineStats before = engine().stats();
  for (int i = 0; i < 10; ++i) {
    write(2);
    idle();
  }
  EXPECT_LE(engine().stats().bytes_written_compaction + engine().stats().bytes_written_flush,
            before.bytes_written_compaction + before.bytes_written_flush + 20'000);
  check();
}

/// A table that nobody can read through is left where it is: an idle engine does not try for ever.
TEST_F(EngineTidyTest, WhatANewerVersionWroteIsNotTriedAgainAndAgain) {
  write(60);
  ASSERT_FALSE(tables().empty());
  const std::string path = "data/" + table_file_name(tables().back().number);
  ASSERT_TRUE(engine().close());
  world.end();
  SimFileSystem files(world.disk);
  make_newer(files, path);
  ASSERT_TRUE(world.open());
  write(100);
  idle();
  EXPECT_GT(world.log.count("storage_job_failed"), 0u);
  EXPECT_EQ(state_of(engine()).error().kind, ErrorKind::format);
}

TEST_F(EngineTidyTest, TablesEndWhereGroupsDo) {
  size_t mixed[2] = {};
  for (const size_t prefix : {size_t{0}, size_t{3}}) {
    StorageWorld grouped(12);
    grouped.options.group_prefix_bytes = prefix;
    ASSERT_TRUE(grouped.open());
    for (int i = 0; i < 6'000; ++i) {
      WriteBatch batch;
      const std::string group = std::to_string(100 + i * 7 % 40);
      batch.put(group + "/" + std::to_string(i / 40 * 7 % 15), std::string(40, 'a'));
      ASSERT_TRUE(grouped.engine->apply(batch, Durability::none));
      grouped.run_until_idle();
    }
    const auto tables = Manifest(grouped.metadata()).survey([](const Error&) {})->state.tables;
    size_t cut_inside = 0;
    for (const TableInfo& table : tables)
      for (const TableInfo& other : tables)
        cut_inside += table.level > 0 && table.level == other.level &&
                      table.last_key < other.first_key &&
                      table.last_key.substr(0, 3) == other.first_key.substr(0, 3);
    mixed[prefix == 0 ? 0 : 1] = cut_inside;
    EXPECT_EQ(state_of(*grouped.engine)->size(), 600u);
  }
  EXPECT_LT(mixed[1] * 2, mixed[0]) << "groups that lie in two tables of a level";
}

}  // namespace
}  // namespace kv
