#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "libkv/base/random.h"
#include "libkv/storage/table/block_cache.h"
#include "libkv/storage/table/ingest_writer.h"
#include "libkv/storage/table/sstable_reader.h"
#include "libkv/storage/table/sstable_writer.h"
#include "libkv/storage/table/table_output.h"
#include "tests/kit/version_two_table.h"
#include "tests/sim/sim_environment.h"
#include "tests/sim/sim_file_system.h"

namespace kv {
namespace {

class SstableTest : public testing::Test {
 public:
  SstableTest() : files_(disk_) { EXPECT_TRUE(files_.make_directories("data")); }

  void write(int keys) {
    TableInfo info;
    info.number = 12;
    info.salt = 3;
    SstableWriter writer(*files_.open(kPath, OpenMode::write_new), {.block_bytes = 400}, info);
    for (int i = 0; i < keys; ++i) {
      const auto kind = i % 7 == 0 ? EntryKind::removal : EntryKind::value;
      const std::string value = "value of " + key(i);
      ASSERT_TRUE(writer.add({key(i), sequence(i), kind, value}));
    }
    info_ = *writer.finish();
  }
  static std::string key(int i) {
    std::string number = std::to_string(i);
    return "key" + std::string(6 - number.size(), '0') + number;
  }
  static Sequence sequence(int i) { return static_cast<Sequence>(100'000 - i); }
  Result<std::shared_ptr<SstableReader>> open() {
    return SstableReader::open(files_, kPath, info_, cache_, counters_, {});
  }

  Result<TableLookup> find(const SstableReader& reader, BytesView wanted, Sequence at,
                           ReadMode mode) {
    const auto section = *reader.load(reader.section_for(wanted, at));
    return section->find({wanted, key_hash(wanted), at}, mode, counts_);
  }

  static constexpr int kManyKeys = 12'000;  // For several sections.
  static constexpr const char* kPath = "data/000012.sst";
  SimDisk disk_;
  SimFileSystem files_;
  BlockCache cache_{1 << 20};
  ReadCounters counters_;
  LookupCounts counts_;
  TableInfo info_;
};

TEST_F(SstableTest, FindsEveryKeyAndNoOther) {
  write(700);
  EXPECT_EQ(info_.entries, 700u);
  EXPECT_EQ(info_.removals, 100u);
  EXPECT_EQ(info_.first_key, key(0));
  EXPECT_EQ(info_.last_key, key(699));
  EXPECT_EQ(info_.sequence_min, 99'301u);
  EXPECT_EQ(info_.sequence_max, 100'000u);
  const auto reader = *open();
  EXPECT_EQ(reader->sections(), 1u);
  using Outcome = TableLookup::Outcome;
  EXPECT_EQ(find(*reader, key(5), kNewest, ReadMode::cached_only)->outcome, Outcome::needs_disk);
  for (int i = 0; i < 700; ++i) {
    const auto found = find(*reader, key(i), kNewest, ReadMode::fill_cache);
    ASSERT_TRUE(found);
    ASSERT_EQ(found->outcome, Outcome::found);
    ASSERT_EQ(found->sequence, sequence(i));
    ASSERT_EQ(found->value.view(), "value of " + key(i));
    ASSERT_EQ(found->kind == EntryKind::removal, i % 7 == 0);
    ASSERT_EQ(find(*reader, key(i) + "x", kNewest, ReadMode::fill_cache)->outcome, Outcome::absent);
    ASSERT_EQ(find(*reader, key(i), sequence(i) - 1, ReadMode::fill_cache)->outcome,
              Outcome::absent);
  }
  EXPECT_EQ(find(*reader, key(5), kNewest, ReadMode::cached_only)->outcome, Outcome::found);
  EXPECT_GT(counts_.bloom_negatives, 600u);
  EXPECT_GT(counts_.cache_hits, 600u);
}

// A full cache keeps a block that the system had at once only when it is asked for again, and
// immediately one that had to be waited for, or that a walk holds.
TEST_F(SstableTest, AFullCacheKeepsWhatTheSystemHasWhenItComesBack) {
  write(700);
  const auto reader = *open();
  disk_.set_page_cache(100);
  const auto fill_cache = [&] {
    cache_.resize(0);
    cache_.resize(16 << 10);
    for (uint64_t i = 0; i < 500; ++i)
      cache_.insert({99, i * 4000}, std::make_shared<const Block>(std::string(400, 'b')),
                    BlockCache::Source::disk);
  };
  const auto is_kept = [&] {
    const auto last = *reader->load(reader->sections() - 1);
    return cache_.find(last->cache_key(last->blocks() - 1)) != nullptr;
  };
  const auto is_kept_after = [&](ReadMode mode) {
    EXPECT_EQ(find(*reader, key(699), kNewest, mode)->outcome, TableLookup::Outcome::found);
    return is_kept();
  };
  fill_cache();
  EXPECT_FALSE(is_kept_after(ReadMode::cached_only));
  EXPECT_TRUE(is_kept_after(ReadMode::cached_only));
  fill_cache();
  EXPECT_TRUE(is_kept_after(ReadMode::fill_cache));
  fill_cache();
  reader->iterator(ReadMode::fill_cache)->seek_to_last();
  EXPECT_TRUE(is_kept()) << "a walk's";
}

TEST_F(SstableTest, FindsEveryKeyInItsSection) {
  write(kManyKeys);
  const auto reader = *open();
  ASSERT_GE(reader->sections(), 3u);
  std::set<size_t> sections;
  for (int i = 0; i < kManyKeys; i += 3) {
    const auto found = find(*reader, key(i), kNewest, ReadMode::fill_cache);
    ASSERT_TRUE(found);
    ASSERT_EQ(found->outcome, TableLookup::Outcome::found) << i;
    ASSERT_EQ(found->value.view(), "value of " + key(i));
    ASSERT_EQ(find(*reader, key(i) + "x", kNewest, ReadMode::fill_cache)->outcome,
              TableLookup::Outcome::absent);
    sections.insert(reader->section_for(key(i), kNewest));
  }
  EXPECT_EQ(sections.size(), reader->sections());
}

// One that has its versions in several sections is in the filter of each.
TEST_F(SstableTest, FindsEachVersionOfAKeyAcrossSections) {
  TableInfo info;
  info.number = 12;
  info.salt = 3;
  SstableWriter writer(*files_.open(kPath, OpenMode::write_new), {.block_bytes = 400}, info);
  constexpr Sequence kVersions = 20'000;
  for (Sequence at = kVersions; at > 0; --at)
    ASSERT_TRUE(writer.add({"key", at, EntryKind::value, std::to_string(at)}));
  info_ = *writer.finish();
  const auto reader = *open();
  ASSERT_GE(reader->sections(), 3u);
  for (Sequence at = 1; at <= kVersions; at += 37) {
    const auto found = find(*reader, "key", at, ReadMode::fill_cache);
    ASSERT_TRUE(found);
    ASSERT_EQ(found->outcome, TableLookup::Outcome::found) << at;
    ASSERT_EQ(found->value.view(), std::to_string(at));
  }
}

// Else a section of keys of a kilobyte would be a read of a quarter of a mebibyte.
TEST_F(SstableTest, ASectionOfLongKeysIsBounded) {
  TableInfo info;
  info.number = 12;
  info.salt = 3;
  const auto long_key = [](int i) { return key(i) + std::string(1000, 'k'); };
  SstableWriter writer(*files_.open(kPath, OpenMode::write_new), {.block_bytes = 400}, info);
  for (int i = 0; i < 400; ++i) ASSERT_TRUE(writer.add({long_key(i), 1, EntryKind::value, "v"}));
  info_ = *writer.finish();
  const auto reader = *open();
  EXPECT_GE(reader->sections(), 6u);
  for (int i = 0; i < 400; ++i)
    ASSERT_EQ(find(*reader, long_key(i), kNewest, ReadMode::fill_cache)->value.view(), "v");
}

// A filter is one read of some ten kilobytes, whatever fits into a block.
TEST_F(SstableTest, ASectionOfSmallEntriesIsBounded) {
  TableInfo info;
  info.number = 12;
  info.salt = 3;
  SstableWriter writer(*files_.open(kPath, OpenMode::write_new), {.block_bytes = 4096}, info);
  for (int i = 0; i < 20'000; ++i) ASSERT_TRUE(writer.add({key(i), 1, EntryKind::value, "v"}));
  info_ = *writer.finish();
  EXPECT_EQ((*open())->sections(), 3u);
}

// Else it could be larger than what a reader takes for damage.
TEST_F(SstableTest, ATopIndexIsBounded) {
  SimScheduler scheduler;
  NullLog log;
  SimEnvironment process(scheduler, disk_, log);
  constexpr TableOptions kOneEntryASection{.block_bytes = 1, .section_blocks = 1};
  TableOutput output(std::make_shared<TableDirectory>(files_, process.environment().clock, "data",
                                                      kOneEntryASection, 1),
                     1, 1 << 30, 3);
  const auto long_key = [](int i) { return key(i) + std::string(4000, 'k'); };
  constexpr int kKeys = 5000;
  for (int i = 0; i < kKeys; ++i) ASSERT_TRUE(output.add({long_key(i), 1, EntryKind::value, "v"}));
  ASSERT_TRUE(output.finish());
  ASSERT_EQ(output.tables().size(), 2u);
  info_ = output.tables()[0];
  const auto reader = SstableReader::open(files_, "data/000001.sst", info_, cache_, counters_, {});
  ASSERT_TRUE(reader) << reader.error().what;
  EXPECT_EQ((*reader)->sections(), info_.entries);

  const auto made = *IngestWriter::create(files_, "data/made.sst", {.table = kOneEntryASection});
  Status put;
  for (int i = 0; i < kKeys && put; ++i) put = made->put(long_key(i), "v");
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().kind, ErrorKind::invalid);
  EXPECT_TRUE(made->finish());
}

TEST_F(SstableTest, PassesOverADamagedSection) {
  write(kManyKeys);
  const auto reader = *open();
  disk_.rot(kPath, reader->name_of(1).offset + 3);
  const auto again = *open();
  EXPECT_EQ(again->load(1).error().kind, ErrorKind::corrupt);
  for (const bool backward : {false, true}) {
    const auto walk = again->iterator(ReadMode::bypass_cache);
    std::vector<std::string> seen;
    backward ? walk->seek_to_last() : walk->seek_to_first();
    do {
      for (; walk->valid(); backward ? walk->prev() : walk->next())
        seen.emplace_back(walk->entry().key);
    } while (walk->pass_over());
    EXPECT_TRUE(walk->status());
    if (backward) std::reverse(seen.begin(), seen.end());
    std::vector<std::string> others;
    for (int i = 0; i < kManyKeys; ++i)
      if (reader->section_for(key(i), sequence(i)) != 1) others.push_back(key(i));
    EXPECT_EQ(seen, others);
  }
}

TEST_F(SstableTest, ReadsWhatVersionTwoWrote) {
  ASSERT_TRUE((*files_.open(kPath, OpenMode::write_new))->write_at(0, version_two_table()));
  info_ = version_two_info();
  const auto reader = *open();
  EXPECT_EQ(reader->sections(), 1u);
  const auto walk = reader->iterator(ReadMode::fill_cache);
  int seen = 0;
  for (walk->seek_to_first(); walk->valid(); walk->next()) ++seen;
  EXPECT_EQ(seen, 24);
  for (int i = 0; i < 12; ++i) {
    const std::string wanted = "key" + std::to_string(1000 + i);
    const auto newest = find(*reader, wanted, kNewest, ReadMode::fill_cache);
    ASSERT_TRUE(newest);
    EXPECT_EQ(newest->sequence, 500u + static_cast<Sequence>(i));
    EXPECT_EQ(newest->kind, i % 7 == 0 ? EntryKind::removal : EntryKind::value);
    EXPECT_EQ(newest->value.view(), i % 7 == 0 ? "" : "value of " + wanted);
    EXPECT_EQ(find(*reader, wanted, 499, ReadMode::fill_cache)->sequence,
              20u + static_cast<Sequence>(i));
    walk->seek_before(wanted);
    EXPECT_EQ(walk->valid(), i > 0);
    EXPECT_EQ(find(*reader, wanted + "x", kNewest, ReadMode::fill_cache)->outcome,
              TableLookup::Outcome::absent);
  }
  EXPECT_EQ(find(*reader, "key1011", 3, ReadMode::fill_cache)->outcome,
            TableLookup::Outcome::absent);
}

TEST_F(SstableTest, WalksAndSeeksAcrossSections) {
  write(kManyKeys);
  const auto walk = (*open())->iterator(ReadMode::bypass_cache);
  int i = 0;
  for (walk->seek_to_first(); walk->valid(); walk->next(), ++i)
    ASSERT_EQ(walk->entry().key, key(i));
  EXPECT_EQ(i, kManyKeys);
  for (walk->seek_to_last(); walk->valid(); walk->prev()) ASSERT_EQ(walk->entry().key, key(--i));
  EXPECT_EQ(i, 0);
  for (i = 1; i < kManyKeys - 1; i += 7) {
    walk->seek(key(i) + "!", kNewest);
    ASSERT_EQ(walk->entry().key, key(i + 1));
    walk->prev();
    ASSERT_EQ(walk->entry().key, key(i));
    walk->seek_before(key(i));
    ASSERT_EQ(walk->entry().key, key(i - 1));
    walk->next();
    ASSERT_EQ(walk->entry().key, key(i));
  }
}

TEST_F(SstableTest, WalksAndSeeksAcrossBlocks) {
  write(300);
  const auto walk = (*open())->iterator(ReadMode::bypass_cache);
  int i = 0;
  for (walk->seek_to_first(); walk->valid(); walk->next(), ++i)
    ASSERT_EQ(walk->entry().key, key(i));
  EXPECT_EQ(i, 300);
  for (walk->seek_to_last(); walk->valid(); walk->prev()) ASSERT_EQ(walk->entry().key, key(--i));
  EXPECT_EQ(i, 0);
  for (i = 0; i < 300; ++i) {
    walk->seek(key(i) + "!", kNewest);
    ASSERT_EQ(walk->valid(), i < 299);
    if (walk->valid()) {
      ASSERT_EQ(walk->entry().key, key(i + 1));
    }
    walk->seek_before(key(i));
    ASSERT_EQ(walk->valid(), i > 0);
    if (walk->valid()) {
      ASSERT_EQ(walk->entry().key, key(i - 1));
    }
  }
  EXPECT_TRUE(walk->status());
  EXPECT_EQ(cache_.memory_bytes(), 0u);
}

TEST_F(SstableTest, AnotherTableUnderItsNameIsRefused) {
  write(10);
  info_.salt = 4;
  EXPECT_EQ(open().error().kind, ErrorKind::corrupt);
}

TEST_F(SstableTest, AnErrorNamesFileAndOffset) {
  write(300);
  disk_.rot(kPath, 10);
  const auto reader = *open();
  const auto found = find(*reader, key(0), kNewest, ReadMode::fill_cache);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::corrupt);
  EXPECT_EQ(found.error().what, "data/000012.sst: offset 0: the block's checksum does not match");
}

TEST_F(SstableTest, WhatTheSystemHasInMemoryNeedsNoDisk) {
  write(300);
  const auto reader = *open();
  EXPECT_EQ(find(*reader, key(5), kNewest, ReadMode::cached_only)->outcome,
            TableLookup::Outcome::needs_disk);
  disk_.set_page_cache(100);
  EXPECT_EQ(find(*reader, key(5), kNewest, ReadMode::cached_only)->value.view(),
            "value of " + key(5));
  disk_.set_page_cache(0);
  EXPECT_EQ(find(*reader, key(5), kNewest, ReadMode::cached_only)->outcome,
            TableLookup::Outcome::found);
}

TEST_F(SstableTest, ARottenBlockIsCorruptAlsoWhereTheSystemHasIt) {
  write(300);
  disk_.rot(kPath, 10);
  disk_.set_page_cache(100);
  const auto found = find(**open(), key(0), kNewest, ReadMode::cached_only);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().what, "data/000012.sst: offset 0: the block's checksum does not match");
}

TEST(TableFormatTest, FooterAndInfoGiveBackWhatTheyWereMadeOf) {
  TableFooter footer;
  footer.index = {1, 2};
  footer.version = 2;
  footer.filter = {3, 4};
  footer.properties = {5, 6};
  footer.salt = 7;
  std::string bytes = encode_table_footer(footer);
  ASSERT_EQ(bytes.size(), kTableFooterBytes);
  EXPECT_EQ(decode_table_footer(bytes)->properties.payload_bytes, 6u);
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string rotten = bytes;
    rotten[i] = static_cast<char>(rotten[i] ^ 4);
    EXPECT_FALSE(decode_table_footer(rotten)) << i;
  }
  footer.version = kTableVersion + 1;
  EXPECT_EQ(decode_table_footer(encode_table_footer(footer)).error().kind, ErrorKind::format);

  TableInfo info;
  info.number = 1;
  info.level = 3;
  info.file_bytes = 1 << 20;
  info.created_us = -5;
  info.first_key = "a";
  info.last_key = std::string("z\0z", 3);
  const std::string row = encode_table_info(info);
  EXPECT_EQ(decode_table_info(row)->last_key, info.last_key);
  EXPECT_EQ(decode_table_info(row)->created_us, -5);
  for (size_t i = 0; i < row.size(); ++i)
    EXPECT_FALSE(decode_table_info(BytesView(row).substr(0, i))) << i;
}

TEST(BlockCacheTest, AScanDoesNotPushOutWhatIsUsed) {
  BlockCache cache(16 << 16);  // 64 KiB a shard.
  const auto block = std::make_shared<const Block>(std::string(4000, 'b'));
  for (uint64_t i = 0; i < 40; ++i) cache.insert({1, i * 4000}, block, BlockCache::Source::disk);
  for (uint64_t i = 0; i < 40; ++i) EXPECT_NE(cache.find({1, i * 4000}), nullptr);
  for (uint64_t i = 0; i < 5000; ++i) cache.insert({2, i * 4000}, block, BlockCache::Source::disk);
  int left = 0;
  for (uint64_t i = 0; i < 40; ++i) left += cache.find({1, i * 4000}) != nullptr;
  EXPECT_EQ(left, 40);
  EXPECT_LE(cache.memory_bytes(), uint64_t{16} << 16);
  EXPECT_EQ(cache.find({3, 0}), nullptr);
}

TEST(BlockCacheTest, GivesWayAndGrowsAgain) {
  BlockCache cache(16 << 16);
  const auto block = std::make_shared<const Block>(std::string(4000, 'b'));
  const auto fill = [&](uint64_t table) {
    for (uint64_t i = 0; i < 500; ++i)
      cache.insert({table, i * 4000}, block, BlockCache::Source::disk);
    return cache.memory_bytes();
  };
  const uint64_t before = fill(1);
  EXPECT_GT(before, uint64_t{12} << 16);
  cache.resize(16 << 14);
  EXPECT_LE(cache.memory_bytes(), uint64_t{16} << 14);
  EXPECT_GT(cache.memory_bytes(), 0u);
  EXPECT_LE(fill(2), uint64_t{16} << 14);
  cache.resize(0);
  EXPECT_EQ(fill(3), 0u);
  cache.resize(16 << 16);
  EXPECT_GT(fill(4), uint64_t{12} << 16);
}

// What the system's page cache holds is not worth another block's place, until it is asked for
// again.
TEST(BlockCacheTest, FullTakesOfThePageCacheWhatComesBack) {
  BlockCache cache(16 << 16);
  const auto block = std::make_shared<const Block>(std::string(4000, 'b'));
  const auto insert = [&](uint64_t i, BlockCache::Source source) {
    cache.insert({1, i * 4000}, block, source);
    return cache.find({1, i * 4000}) != nullptr;
  };
  EXPECT_TRUE(insert(0, BlockCache::Source::page_cache)) << "there is room";
  for (uint64_t i = 1; i < 500; ++i) insert(i, BlockCache::Source::disk);
  const uint64_t full = cache.memory_bytes();
  EXPECT_FALSE(insert(1000, BlockCache::Source::page_cache));
  EXPECT_TRUE(insert(1000, BlockCache::Source::page_cache));
  for (uint64_t i = 1; i < 500; ++i) cache.insert({2, i * 4000}, block, BlockCache::Source::disk);
  EXPECT_NE(cache.find({1, 1000 * 4000}), nullptr) << "what came back is in main";
  EXPECT_TRUE(insert(1001, BlockCache::Source::disk));
  for (uint64_t i = 2000; i < 5000; ++i) insert(i, BlockCache::Source::page_cache);
  EXPECT_FALSE(insert(2000, BlockCache::Source::page_cache)) << "long forgotten";
  EXPECT_LE(cache.memory_bytes(), full + 5000);
  cache.resize(16 << 18);
  EXPECT_TRUE(insert(6000, BlockCache::Source::page_cache)) << "there is room again";
}

// Against a map, while blocks come and go: what is found is what was put there.
TEST(BlockCacheTest, FindsTheRightBlockOrNone) {
  BlockCache cache(16 << 16);
  Random random(3);
  size_t found = 0;
  for (int i = 0; i < 20'000; ++i) {
    const BlockCache::Key key{1 + random.below(3), random.below(300) * 4000};
    const std::string content = std::to_string(key.table) + "/" + std::to_string(key.offset);
    if (const auto block = cache.find(key)) {
      ++found;
      ASSERT_EQ(block->bytes().substr(0, content.size()), content);
    } else {
      cache.insert(key, std::make_shared<const Block>(content + std::string(4000, 'b')),
                   BlockCache::Source::disk);
    }
    ASSERT_LE(cache.memory_bytes(), uint64_t{16} << 16);
  }
  EXPECT_GT(found, 2000u);
}

std::shared_ptr<const Block> index_block(
    const std::vector<std::pair<std::string, Sequence>>& ends) {
  BlockBuilder builder(1);
  uint64_t offset = 0;
  for (const auto& [key, sequence] : ends) {
    const std::string handle = encode_block_handle({offset++, 10});
    builder.add({key, sequence, EntryKind::value, handle});
  }
  return std::make_shared<const Block>(builder.finish());
}

TEST(TableIndexTest, FindsTheFirstBlockThatEndsAtOrAfter) {
  Random random(9);
  // Heads alike and unlike, one key across blocks, and keys that begin with another.
  const std::string longer(100, 'p');
  for (const std::string common : {"", "a", "partition/000017/"}) {
    std::map<std::string, int> keys;
    for (int i = 0; i < 120; ++i) {
      // Some share so much that runs begin and end with them.
      std::string key = common + (random.chance(0.5) ? "samehead" : "");
      if (random.chance(0.6)) key += longer + static_cast<char>('p' + random.below(3)) + longer;
      for (uint64_t n = random.below(12); n > 0; --n)
        key.push_back(static_cast<char>("\0ab\xff"[random.below(4)]));
      keys[key] = static_cast<int>(random.below(3));
    }
    std::vector<std::pair<std::string, Sequence>> ends;
    for (const auto& [key, more] : keys)
      for (int i = 0; i <= more; ++i) ends.emplace_back(key, 100 - 10 * static_cast<Sequence>(i));
    const auto index = TableIndex::parse(index_block(ends));
    ASSERT_TRUE(index);
    ASSERT_EQ(index->blocks(), ends.size());
    const auto check = [&](const std::string& key, Sequence sequence) {
      size_t expected = 0;
      while (expected < ends.size() &&
             compare_entries(ends[expected].first, ends[expected].second, key, sequence) < 0)
        ++expected;
      ASSERT_EQ(index->find(key, sequence), expected);
    };
    for (const auto& [key, sequence] : ends) {
      for (const Sequence at : {kNewest, sequence, sequence - 5}) {
        check(key, at);
        check(key + "a", at);
        if (!key.empty()) check(key.substr(0, key.size() - 1), at);
        for (const size_t shared : {key.size() / 2, key.size() / 3, size_t{110}}) {
          check(key.substr(0, shared), at);
          for (const char next : {'o', 'q', '\xff'}) check(key.substr(0, shared) + next, at);
        }
      }
    }
    check("", kNewest);
    check("zzzz", kNewest);
  }
}

// With a few of them to a block, whole ones would be a quarter of the data.
TEST(TableIndexTest, LongKeysTakeLittleWhereNeighboursAreAlike) {
  std::vector<std::pair<std::string, Sequence>> ends;
  // Not so many to a partition that a run across two of them would not matter.
  for (int partition = 100; partition < 150; ++partition)
    for (int i = 0; i < 30; ++i)
      ends.emplace_back(std::to_string(partition) + std::string(1000, 'p') + std::to_string(10 + i),
                        1);
  const auto index = TableIndex::parse(index_block(ends));
  ASSERT_TRUE(index);
  EXPECT_LT(index->memory_bytes(), ends.size() * 150);
  for (size_t i = 0; i < ends.size(); ++i) ASSERT_EQ(index->find(ends[i].first, 1), i);
}

TEST(TableIndexTest, ThatIsOutOfOrderIsCorrupt) {
  EXPECT_FALSE(TableIndex::parse(index_block({{"b", 1}, {"a", 1}})));
  EXPECT_FALSE(TableIndex::parse(index_block({{"a", 1}, {"a", 2}})));
  EXPECT_TRUE(TableIndex::parse(index_block({})));
}

}  // namespace
}  // namespace kv
