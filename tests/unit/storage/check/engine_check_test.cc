// All that an engine keeps is verified: sound as it was left, whatever way it ended, and with each
// kind of damage found where it is.
#include "libkv/storage/check/engine_check.h"

#include <gtest/gtest.h>

#include "libkv/base/random.h"
#include "libkv/storage/entry.h"
#include "libkv/storage/levels/manifest.h"
#include "tests/crash/storage_world.h"

namespace kv {
namespace {

class Collected final : public EngineCheckVisitor {
 public:
  void finding(const Finding& finding) override {
    const bool is_note = finding.severity == Finding::Severity::note;
    (is_note ? notes : corrupt).push_back(to_text(finding));
  }
  void unverified(const Error& error) override { errors.push_back(error.what); }
  void put(const std::string&, uint64_t, BytesView key, BytesView value) override {
    newest[std::string(key)] = std::string(value);
  }
  std::vector<std::string> corrupt, notes, errors;
  std::map<std::string, std::string> newest;
};

class EngineCheckTest : public testing::Test {
 public:
  void SetUp() override {
    ASSERT_TRUE(world_.open());
    Random random(8);
    for (int i = 0; i < 500; ++i) {
      WriteBatch batch;
      batch.put("k" + std::to_string(random.below(90)), std::string(random.below(150), 'x'));
      if (random.below(3) == 0) batch.remove("k" + std::to_string(random.below(90)));
      if (!world_.engine->apply(batch, Durability::always)) world_.run_until_idle();
      if (i % 3 == 0) world_.scheduler.run_one();
    }
    world_.run_until_idle();
    ASSERT_GT(world_.engine->stats().sstables, 1u);
    ASSERT_GT(world_.engine->stats().compactions, 0u);
  }
  void stop() {
    world_.end();
    image_ = world_.disk.snapshot();
  }
  Collected check() {
    SimFileSystem files(world_.disk);
    Collected collected;
    const auto counts = check_engine(files, *world_.meta, "data/meta", "data", rows_, collected);
    EXPECT_TRUE(counts) << counts.error().what;
    if (counts) counts_ = *counts;
    EXPECT_EQ(collected.errors, std::vector<std::string>());
    return collected;
  }
  std::vector<std::string> files(const std::string& extension) {
    std::vector<std::string> found;
    for (const std::string& path : image_.paths())
      if (path.ends_with(extension)) found.push_back(path);
    return found;
  }
  TableInfo first_table() {
    Manifest manifest(*world_.meta);
    return manifest.open(0)->tables.front();
  }
  void change(const TableInfo& info) {
    ASSERT_TRUE(Manifest(*world_.meta).commit({std::nullopt, {info}, {}, {}, {}}));
  }
  using Texts = std::vector<std::string>;

  StorageWorld world_{8};
  DiskImage image_;
  ManifestRows rows_ = ManifestRows::whole;
  EngineCheckCounts counts_;
};

TEST_F(EngineCheckTest, WhatWasClosedIsSound) {
  ASSERT_TRUE(world_.engine->close());
  stop();
  const Collected collected = check();
  EXPECT_EQ(collected.corrupt, Texts());
  EXPECT_EQ(collected.notes, Texts());
  EXPECT_GT(counts_.tables, 1u);
  EXPECT_GT(counts_.blocks, counts_.tables * 3);
  EXPECT_GT(counts_.records, 0u);
  EXPECT_GT(collected.newest.size(), 80u);
}

TEST_F(EngineCheckTest, WhatACrashLeavesIsSound) {
  for (uint64_t seed = 1; seed < 120; ++seed) {
    Random random(seed);
    for (int i = 0; i < 20; ++i) {
      WriteBatch batch;
      batch.put("k" + std::to_string(random.below(90)), std::string(random.below(900), 'y'));
      (void)world_.engine->apply(batch, Durability::always);
      if (random.below(3) == 0) world_.scheduler.run_one();
    }
    world_.crash(crash_policies()[seed % crash_policies().size()], random);
    EXPECT_EQ(check().corrupt, Texts()) << seed;
    ASSERT_TRUE(world_.open());
  }
}

TEST_F(EngineCheckTest, EveryFlippedBitOfATableIsFound) {
  stop();
  for (const std::string& path : files(".sst")) {
    const uint64_t size = image_.bytes(*image_.find(path)).size();
    for (uint64_t offset = 0; offset < size; offset += 37) {
      world_.disk.restore(image_);
      world_.disk.rot(path, offset, static_cast<unsigned>(offset % 8));
      const Collected collected = check();
      ASSERT_FALSE(collected.corrupt.empty()) << path << " " << offset;
      ASSERT_EQ(collected.corrupt[0].find(path + ": offset "), 0u) << collected.corrupt[0];
    }
  }
}

TEST_F(EngineCheckTest, AMissingFileAndOneTooManyAreTold) {
  stop();
  const std::string path = files(".sst").front();
  {
    SimFileSystem sim(world_.disk);
    ASSERT_TRUE(sim.rename(path, "data/000777.sst"));
    ASSERT_TRUE(sim.open("data/notes", OpenMode::write_new));
  }
  const Collected collected = check();
  EXPECT_EQ(collected.corrupt, Texts{path + ": the file is missing, and the manifest names it"});
  EXPECT_EQ(collected.notes,
            (Texts{"data/000777.sst: a table that the manifest does not name; the next start "
                   "removes it",
                   "data/notes: not a file of kv"}));
}

TEST_F(EngineCheckTest, WhereRowsAreDamagedNoTableIsCalledNameless) {
  stop();
  const TableInfo first = first_table();
  ASSERT_TRUE(Manifest(*world_.meta).commit({std::nullopt, {}, {first.number}, {}, {}}));
  const Texts unknown{
      "data/meta: manifest: rows are damaged: it is not known which tables are live"};
  rows_ = ManifestRows::damaged;
  Collected collected = check();
  EXPECT_EQ(collected.corrupt, Texts());
  EXPECT_EQ(collected.notes, unknown);
  // Nor where a row does not parse that the metadata holds to be sound.
  rows_ = ManifestRows::whole;
  MetaTransaction damage;
  damage.put("sstable", "00", std::string("\x01\x05"));
  ASSERT_TRUE(world_.meta->commit(damage));
  collected = check();
  EXPECT_EQ(collected.corrupt.size(), 1u);
  EXPECT_EQ(collected.notes, unknown);
}

TEST_F(EngineCheckTest, AManifestThatSaysOtherwiseIsTold) {
  stop();
  const TableInfo sound = first_table();
  TableInfo wrong = sound;
  wrong.entries += 1;
  wrong.last_key += "x";
  change(wrong);
  EXPECT_EQ(check().corrupt.size(), 2u);
  wrong = sound;
  wrong.file_bytes -= 1;
  wrong.level = 99;
  wrong.sequence_max = kSequenceMax;
  change(wrong);
  const Collected collected = check();
  ASSERT_GE(collected.corrupt.size(), 4u);
  EXPECT_NE(collected.corrupt[0].find("bytes " + std::to_string(sound.file_bytes)),
            std::string::npos);
}

TEST_F(EngineCheckTest, TablesOfOneLevelMayNotOverlap) {
  // Until level 0 has a table: its keys are those of the tables below.
  for (int i = 0; i < 500 && world_.engine->stats().by_level[0].tables == 0; ++i) {
    WriteBatch batch;
    batch.put("k" + std::to_string(i % 90), std::string(100, 'x'));
    ASSERT_TRUE(world_.engine->apply(batch, Durability::always));
    world_.run_until_idle();
  }
  ASSERT_GT(world_.engine->stats().by_level[0].tables, 0u);
  stop();
  Manifest manifest(*world_.meta);
  std::vector<TableInfo> tables = manifest.open(0)->tables;
  for (TableInfo& info : tables) info.level = 3;
  ASSERT_TRUE(manifest.commit({std::nullopt, tables, {}, {}, {}}));
  const Collected collected = check();
  ASSERT_FALSE(collected.corrupt.empty());
  EXPECT_NE(collected.corrupt[0].find("overlap"), std::string::npos) << collected.corrupt[0];
}

TEST_F(EngineCheckTest, DropsThatCannotBeAreTold) {
  stop();
  MetaTransaction damage;
  damage.put("range_drop", "0000000000000007", std::string("\x01\x05") + "what?");
  damage.put("range_drop", "7", std::string("\x01\x01") + "a" + std::string("\x01") + "b");
  ASSERT_TRUE(world_.meta->commit(damage));
  ASSERT_TRUE(
      Manifest(*world_.meta).commit({std::nullopt, {}, {}, {{{"a", "b"}, kSequenceMax}}, {}}));
  const Collected collected = check();
  ASSERT_EQ(collected.corrupt.size(), 3u);
  EXPECT_NE(collected.corrupt[0].find("the row does not parse"), std::string::npos);
  EXPECT_NE(collected.corrupt[1].find("the key is not a sequence"), std::string::npos);
  EXPECT_NE(collected.corrupt[2].find("flushed"), std::string::npos) << collected.corrupt[2];
}

TEST_F(EngineCheckTest, NumbersThatCannotBeReadAccuseNoLog) {
  stop();
  MetaTransaction damage;
  damage.put("engine", "log_secret", "what?");
  ASSERT_TRUE(world_.meta->commit(damage));
  EXPECT_EQ(check().corrupt, Texts{"data/meta: manifest: engine row log_secret is not a number"});
}

}  // namespace
}  // namespace kv
