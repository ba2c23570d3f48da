#include "libkv/storage/table/block.h"

#include <vector>

#include <gtest/gtest.h>

#include "libkv/base/random.h"
#include "libkv/storage/byte_coding.h"
#include "libkv/storage/table/block_builder.h"
#include "libkv/storage/table/bloom_filter.h"
#include "libkv/storage/table/stored_block.h"

namespace kv {
namespace {

struct Owned {
  std::string key;
  Sequence sequence;
  std::string value;
  Entry entry() const { return {key, sequence, EntryKind::value, value}; }
};

/// Sorted, some keys with several versions, prefixes shared.
std::vector<Owned> some_entries(uint64_t seed, size_t count) {
  Random random(seed);
  std::vector<Owned> entries;
  std::string key;
  while (entries.size() < count) {
    key = "user/" + std::to_string(1000 + entries.size()) + std::string(random.below(9), 'z');
    Sequence sequence = 1000 + random.below(50);
    for (uint64_t version = 0; version <= random.below(3); ++version) {
      entries.push_back({key, sequence, std::string(random.below(60), 'v')});
      sequence -= 1 + random.below(9);
    }
  }
  return entries;
}

std::string block_of(const std::vector<Owned>& entries) {
  BlockBuilder builder;
  for (const Owned& owned : entries) builder.add(owned.entry());
  return builder.finish();
}

/// With a hash index, as data blocks are.
std::string data_block_of(const std::vector<Owned>& entries, uint32_t restart_interval = 4) {
  BlockBuilder builder(restart_interval);
  for (const Owned& owned : entries) builder.add(owned.entry(), key_hash(owned.key));
  return builder.finish();
}

bool same(const Entry& entry, const Owned& owned) {
  return entry.key == owned.key && entry.sequence == owned.sequence && entry.value == owned.value;
}

TEST(BlockTest, GivesBackWhatWasAddedBothWays) {
  for (const size_t count : {0u, 1u, 2u, 15u, 16u, 17u, 33u, 200u}) {
    const auto entries = some_entries(count, count);
    BlockIterator walk(std::make_shared<const Block>(block_of(entries)));
    walk.seek_to_first();
    for (const Owned& owned : entries) {
      ASSERT_TRUE(walk.valid() && same(walk.entry(), owned));
      walk.next();
    }
    EXPECT_FALSE(walk.valid());
    walk.seek_to_last();
    for (auto owned = entries.rbegin(); owned != entries.rend(); ++owned) {
      ASSERT_TRUE(walk.valid() && same(walk.entry(), *owned));
      walk.prev();
    }
    EXPECT_FALSE(walk.valid());
    EXPECT_TRUE(walk.status());
  }
}

TEST(BlockTest, SeeksToTheFirstAtOrAfterAndTheLastBefore) {
  const auto entries = some_entries(7, 150);
  BlockIterator walk(std::make_shared<const Block>(block_of(entries)));
  for (size_t i = 0; i < entries.size(); ++i) {
    walk.seek(entries[i].key, entries[i].sequence);
    ASSERT_TRUE(walk.valid() && same(walk.entry(), entries[i]));
    // Between this version and the next older one.
    walk.seek(entries[i].key, entries[i].sequence - 1);
    ASSERT_EQ(walk.valid(), i + 1 < entries.size());
    if (walk.valid()) {
      ASSERT_TRUE(same(walk.entry(), entries[i + 1]));
    }
    size_t first = i;
    while (first > 0 && entries[first - 1].key == entries[i].key) --first;
    walk.seek_before(entries[i].key);
    ASSERT_EQ(walk.valid(), first > 0);
    if (walk.valid()) {
      ASSERT_TRUE(same(walk.entry(), entries[first - 1]));
    }
  }
  walk.seek("zzz", kNewest);
  EXPECT_FALSE(walk.valid());
  walk.seek_before("zzz");
  EXPECT_TRUE(walk.valid() && same(walk.entry(), entries.back()));
  walk.seek_before("");
  EXPECT_FALSE(walk.valid());
}

TEST(BlockTest, FindsTheNewestVersionOfAKeyUpToASequence) {
  // The last has more restarts than a bucket can name.
  for (const uint64_t seed : {1u, 2u, 3u, 4u, 5u, 6u}) {
    const auto entries = some_entries(seed, 300);
    const auto block = std::make_shared<const Block>(
        seed < 3 ? block_of(entries) : data_block_of(entries, seed < 6 ? 4 : 1));
    BlockIterator walk(block);
    const auto check = [&](const std::string& key, Sequence sequence) {
      bool corrupt = true;
      const auto found = block->find(key, key_hash(key), sequence, &corrupt);
      ASSERT_FALSE(corrupt);
      walk.seek(key, sequence);
      const bool expected = walk.valid() && walk.entry().key == key;
      ASSERT_EQ(found.has_value(), expected) << key << " at " << sequence;
      if (!found) return;
      ASSERT_EQ(found->sequence, walk.entry().sequence);
      ASSERT_EQ(found->value, walk.entry().value);
    };
    for (const Owned& owned : entries) {
      for (const Sequence at : {kNewest, owned.sequence + 1, owned.sequence, owned.sequence - 1}) {
        check(owned.key, at);
      }
      // Near misses: shorter, longer, beside.
      check(owned.key.substr(0, owned.key.size() - 1), kNewest);
      check(owned.key + '\0', kNewest);
      check(owned.key + "~", kNewest);
      std::string beside = owned.key;
      ++beside.back();
      check(beside, kNewest);
    }
    check("", kNewest);
    check("zzz", kNewest);
  }
}

TEST(BlockTest, ManyVersionsOfAKeyAreBehindItsFirst) {
  std::vector<Owned> entries = {{"a", 7, "x"}};
  for (Sequence sequence = 100; sequence > 50; --sequence)
    entries.push_back({"b", sequence, std::to_string(sequence)});
  entries.push_back({"c", 9, "y"});
  const Block block(data_block_of(entries));
  for (const Owned& owned : entries) {
    bool corrupt = true;
    const auto found = block.find(owned.key, key_hash(owned.key), owned.sequence, &corrupt);
    ASSERT_TRUE(found && !corrupt && same(*found, owned)) << owned.sequence;
  }
}

TEST(BlockTest, ABucketThatNamesNoRestartIsCorrupt) {
  const std::string good = data_block_of(some_entries(3, 20));
  const auto buckets = load_word<uint16_t>(good.data() + good.size() - 6);
  int corrupt_ones = 0;
  for (size_t i = 0; i < buckets; ++i) {
    std::string bytes = good;
    bytes[good.size() - 6 - buckets + i] = static_cast<char>(77);
    const Block block(bytes);
    for (const Owned& owned : some_entries(3, 20)) {
      bool corrupt = false;
      const auto found = block.find(owned.key, key_hash(owned.key), owned.sequence, &corrupt);
      EXPECT_NE(found.has_value(), corrupt);
      corrupt_ones += corrupt ? 1 : 0;
    }
  }
  EXPECT_EQ(corrupt_ones, static_cast<int>(some_entries(3, 20).size())) << "one bucket a key";
}

// Fails under the address sanitizer, if at all.
TEST(BlockTest, BucketsThatTheBlockHasNoRoomForAreNotLookedAt) {
  std::string bytes = "entries";
  append_word<uint16_t>(bytes, UINT16_MAX);
  append_word<uint32_t>(bytes, 1 | kBlockHasBuckets << 24);
  const Block block(bytes);
  const uint64_t last_bucket = 0xffffffff;
  block.prefetch(last_bucket);
  bool corrupt = false;
  EXPECT_FALSE(block.find("key", last_bucket, kNewest, &corrupt));
  EXPECT_TRUE(corrupt);
}

// A checksum stands before this in real files; without it the walk must still stay in bounds.
TEST(BlockTest, HostileBytesEndTheWalk) {
  Random random(11);
  const std::string goods[] = {block_of(some_entries(5, 60)), data_block_of(some_entries(5, 60))};
  for (size_t round = 0; round < 6000; ++round) {
    std::string bytes = goods[round % 2];
    for (uint64_t i = random.below(8); i > 0; --i)
      bytes[random.below(bytes.size())] = static_cast<char>(random.next());
    if (random.chance(0.2)) bytes.resize(random.below(bytes.size()));
    BlockIterator walk(std::make_shared<const Block>(bytes));
    int steps = 0;
    for (walk.seek_to_first(); walk.valid() && steps < 1000; ++steps) walk.next();
    for (walk.seek_to_last(); walk.valid() && steps < 2000; ++steps) walk.prev();
    walk.seek("user/1020", kNewest);
    walk.seek_before("user/1020");
    bool corrupt = false;
    walk.block()->prefetch(key_hash("user/1020"));
    (void)walk.block()->find("user/1020", key_hash("user/1020"), kNewest, &corrupt);
    EXPECT_LT(steps, 2000);
  }
}

TEST(StoredBlockTest, OpensOnlyWholeAndInItsPlace) {
  const std::string compressible(5000, 'c');
  Random random(2);
  std::string noise(900, '\0');
  for (char& byte : noise) byte = static_cast<char>(random.next());
  for (const std::string& block : {std::string(), compressible, noise}) {
    std::string stored;
    const uint64_t payload = append_stored_block(stored, block, BlockCompression::lz4, 77, 4096);
    EXPECT_EQ(stored.size(), payload + kBlockTrailerBytes);
    EXPECT_EQ(open_stored_block(stored, 77, 4096)->view(), block);
    EXPECT_FALSE(open_stored_block(stored, 78, 4096)) << "another file's block";
    EXPECT_FALSE(open_stored_block(stored, 77, 8192)) << "another place's block";
    for (size_t i = 0; i < stored.size(); ++i) {
      std::string rotten = stored;
      rotten[i] = static_cast<char>(rotten[i] ^ 0x10);
      EXPECT_FALSE(open_stored_block(rotten, 77, 4096)) << i;
      EXPECT_FALSE(open_stored_block(BytesView(stored).substr(0, i), 77, 4096)) << i;
    }
  }
  std::string stored;
  EXPECT_LT(append_stored_block(stored, compressible, BlockCompression::lz4, 1, 0), 200u);
  EXPECT_EQ(append_stored_block(stored, noise, BlockCompression::lz4, 1, 0), noise.size());
}

TEST(BloomFilterTest, NoFalseNegativesAndFewFalsePositives) {
  for (const int count : {1, 10, 1000, 50000}) {
    BloomFilterBuilder builder(10);
    for (int i = 0; i < count; ++i) builder.add(key_hash("in" + std::to_string(i)));
    const std::string filter = builder.finish();
    for (int i = 0; i < count; ++i)
      ASSERT_TRUE(bloom_may_contain(filter, key_hash("in" + std::to_string(i))));
    int positives = 0;
    for (int i = 0; i < 20000; ++i)
      positives += bloom_may_contain(filter, key_hash("out" + std::to_string(i)));
    EXPECT_LT(positives, 20000 * 0.02) << count;
  }
}

TEST(BloomFilterTest, UnknownBytesMayContainAnything) {
  const uint64_t hash = key_hash("key");
  EXPECT_TRUE(bloom_may_contain("", hash));
  EXPECT_TRUE(bloom_may_contain("\x02\x06\x00\x00\x01\x00\x00\x00", hash));
  EXPECT_TRUE(bloom_may_contain(std::string("\x01\x06\0\0\xff\xff\xff\xff", 8), hash));
  EXPECT_FALSE(bloom_may_contain(BloomFilterBuilder(10).finish(), hash));
}

}  // namespace
}  // namespace kv
