// Which sections of a table are in memory, and for how long.
#include "libkv/storage/levels/table_cache.h"

#include <set>

#include <gtest/gtest.h>

#include "libkv/storage/file_names.h"
#include "libkv/storage/table/sstable_writer.h"
#include "tests/kit/version_two_table.h"
#include "tests/sim/sim_file_system.h"

namespace kv {
namespace {

class TableCacheTest : public testing::Test {
 protected:
  TableCacheTest() : files_(disk_) {
    EXPECT_TRUE(files_.make_directories("data"));
    file_ = std::make_unique<TableFile>(write(1, kKeys), nullptr);
    make_cache(kRoomy, 10);
  }

  TableInfo write(uint64_t number, int keys) {
    TableInfo info;
    info.number = number;
    info.salt = 3;
    SstableWriter writer(*files_.open("data/" + table_file_name(number), OpenMode::write_new),
                         {.block_bytes = 400}, info);
    for (int i = 0; i < keys; ++i)
      EXPECT_TRUE(writer.add({key(i), 1, EntryKind::value, "value of " + key(i)}));
    return *writer.finish();
  }
  static std::string key(int i) { return "key" + std::to_string(100'000 + i); }
  void make_cache(uint64_t budget, size_t open_tables_max) {
    file_ = std::make_unique<TableFile>(file_->info(), nullptr);
    budget_ = std::make_shared<MemoryBudget>(budget, budget);
    cache_ = std::make_unique<TableCache>(files_, "data", budget_,
                                          TableCache::Options{.open_tables_max = open_tables_max});
  }
  SectionPtr find(int i) { return cache_->find(*file_, key(i), kNewest); }
  /// How many reads it takes.
  uint64_t open(int i) {
    uint64_t reads = 0;
    const auto section = cache_->open(*file_, key(i), kNewest, &reads);
    EXPECT_TRUE(section);
    LookupCounts counts;
    EXPECT_TRUE(section && (*section)->may_hold(key_hash(key(i)), counts));
    return reads;
  }
  size_t in_memory() {
    std::set<SectionPtr> sections;
    for (int i = 0; i < kKeys; i += 100) sections.insert(find(i));
    sections.erase(nullptr);
    return sections.size();
  }
  void walk_over_all(ReadMode mode) {
    const auto walk = *cache_->iterate(*file_, mode);
    int seen = 0;
    for (walk->seek_to_first(); walk->valid(); walk->next()) ++seen;
    EXPECT_EQ(seen, kKeys);
  }

  static constexpr int kKeys = 60'000;
  static constexpr uint64_t kRoomy = 4 << 20;
  static constexpr uint64_t kForFew = 280 << 10;  // Of which a quarter is for tables.
  SimDisk disk_;
  SimFileSystem files_;
  std::shared_ptr<MemoryBudget> budget_;
  std::unique_ptr<TableCache> cache_;
  std::unique_ptr<TableFile> file_;
};

TEST_F(TableCacheTest, ASectionIsReadOnce) {
  EXPECT_EQ(find(0), nullptr);
  EXPECT_EQ(open(0), 3u);
  EXPECT_NE(find(0), nullptr);
  EXPECT_EQ(open(1), 0u);
  EXPECT_EQ(find(kKeys - 1), nullptr) << "another section";
  EXPECT_EQ(open(kKeys - 1), 1u);
  EXPECT_NE(find(kKeys - 1), find(0));
  EXPECT_EQ(cache_->counters().sections_read, 2u);
}

// A quarter of the budget is for what is there of tables; half of that stays.
TEST_F(TableCacheTest, SectionsGiveWayToOthers) {
  make_cache(kForFew, 10);
  for (int i = 0; i < kKeys; i += 100) {
    open(i);
    ASSERT_LE(budget_->tables_used(), budget_->tables_max());
  }
  EXPECT_NE(find(0), nullptr) << "the first one is pinned";
  EXPECT_EQ(find(kKeys / 4), nullptr) << "others were used after it";
  EXPECT_EQ(open(kKeys / 4), 1u);
  EXPECT_EQ(open(kKeys / 2), 1u);
  EXPECT_EQ(open(kKeys / 4), 0u) << "the one before the last is still there";
  for (int i = kKeys / 2; i < kKeys; i += 100) open(i);
  EXPECT_EQ(find(kKeys / 4), nullptr);
}

TEST_F(TableCacheTest, AWalkOverAllPushesOutNoneThatIsInUse) {
  make_cache(kForFew, 10);
  open(0);
  open(kKeys / 2);
  const uint64_t used = budget_->tables_used();
  walk_over_all(ReadMode::fill_cache);
  walk_over_all(ReadMode::bypass_cache);
  EXPECT_EQ(budget_->tables_used(), used);
  EXPECT_EQ(open(0), 0u);
  EXPECT_EQ(open(kKeys / 2), 0u);
}

TEST_F(TableCacheTest, AWalkKeepsTheSectionWhereItBegan) {
  const auto walk = *cache_->iterate(*file_, ReadMode::fill_cache);
  walk->seek(key(kKeys / 2), kNewest);
  EXPECT_NE(find(kKeys / 2), nullptr);
  EXPECT_EQ(in_memory(), 1u);
}

TEST_F(TableCacheTest, ACompactionKeepsNone) {
  const auto walk = *cache_->iterate(*file_, ReadMode::bypass_cache);
  walk->seek(key(kKeys / 2), kNewest);
  EXPECT_TRUE(walk->valid());
  EXPECT_EQ(in_memory(), 0u);
}

TEST_F(TableCacheTest, ATableThatHasGoneGivesBackItsMemory) {
  for (const size_t open_tables_max : {10, 1}) {
    make_cache(kRoomy, open_tables_max);
    for (int i = 0; i < kKeys; i += 100) open(i);
    const SectionPtr read_by_somebody = open_tables_max == 1 ? find(0) : nullptr;
    EXPECT_GT(in_memory(), 4u);
    file_.reset(new TableFile(file_->info(), nullptr));
    cache_->forget(1);
    EXPECT_EQ(cache_->open_tables(), 0u);
    EXPECT_EQ(in_memory(), 0u);
    const uint64_t still_read = read_by_somebody == nullptr ? 0 : read_by_somebody->memory_bytes();
    EXPECT_EQ(budget_->tables_used(), still_read);
  }
}

// It would keep the file open, of which there are to be so many and no more.
TEST_F(TableCacheTest, ASectionOfATableThatHasBeenClosedIsNotKept) {
  make_cache(kRoomy, 1);
  const TableFile other(write(2, 1), nullptr);
  ASSERT_TRUE(cache_->open(*file_));
  const auto place = cache_->place_of(*file_, key(0), kNewest);
  ASSERT_TRUE(place);
  FileRead read = *place->reader->read_of(place->section);
  std::string bytes(read.length, '\0');
  ASSERT_TRUE(read.file->read_at(read.offset, bytes));
  read.bytes = SharedBytes(std::move(bytes));
  ASSERT_TRUE(cache_->open(other));
  EXPECT_FALSE(cache_->place_of(*file_, key(0), kNewest));
  const uint64_t used = budget_->tables_used();
  EXPECT_NE(*cache_->take_read(*file_, *place, read), nullptr);
  EXPECT_EQ(budget_->tables_used(), used);
  EXPECT_EQ(open(0), 3u);
  EXPECT_EQ(open(0), 0u);
}

// Of two reads: its index and its filter are blocks of their own.
TEST_F(TableCacheTest, ATableOfVersionTwoIsOneSection) {
  const std::string bytes = version_two_table();
  ASSERT_TRUE((*files_.open("data/000012.sst", OpenMode::write_new))->write_at(0, bytes));
  const TableFile old(version_two_info(), nullptr);
  uint64_t reads = 0;
  const auto section = cache_->open(old, "key1004", kNewest, &reads);
  ASSERT_TRUE(section);
  EXPECT_EQ(reads, 3u);
  EXPECT_EQ(cache_->counters().disk_reads, 3u);
  EXPECT_EQ(cache_->find(old, "key1011", kNewest), *section);
  const auto place = cache_->place_of(old, "key1004", kNewest);
  EXPECT_EQ(place->reader->read_of(place->section), nullptr) << "one read does not bring both";
}

}  // namespace
}  // namespace kv
