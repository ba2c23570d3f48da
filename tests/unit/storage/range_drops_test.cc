// What dropped ranges mask, against a map from keys to sequences.
#include "libkv/storage/range_drops.h"

#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "libkv/base/random.h"

namespace kv {
namespace {

class RangeDropsTest : public testing::Test {
 protected:
  static std::string key(uint64_t n) { return std::string(1, static_cast<char>('a' + n)); }

  KeyRange random_range() {
    KeyRange range{key(random_.below(26)), key(random_.below(26))};
    if (range.to <= range.from) range.to.clear();
    return range;
  }
  void drop(const KeyRange& range) {
    drops_ = RangeDrops::with(drops_, {range, ++sequence_});
    for (uint64_t n = 0; n < 26; ++n)
      if (key(n) >= range.from && (range.to.empty() || key(n) < range.to))
        newest_[key(n)] = sequence_;
  }
  void check() {
    for (uint64_t n = 0; n < 26; ++n) {
      ASSERT_EQ(drops_->newest_over(key(n)), newest_[key(n)]) << key(n);
      EXPECT_FALSE(drops_->masks(key(n), newest_[key(n)]));
      EXPECT_EQ(drops_->masks(key(n), newest_[key(n)] - 1), newest_[key(n)] != 0);
      if (n > 0 && newest_[key(n)] != newest_[key(n - 1)]) {
        EXPECT_LT(drops_->place_of(key(n - 1)), drops_->place_of(key(n)));
      }
    }
  }
  /// Whether all single keys are masked. A real drop may leave a gap between two letters, but none
  /// of these do.
  bool all_masked(uint64_t first, uint64_t last, Sequence sequence) {
    for (uint64_t n = first; n <= last; ++n)
      if (newest_[key(n)] <= sequence) return false;
    return true;
  }

  Random random_{7};
  Sequence sequence_ = 0;
  RangeDrops::Ptr drops_;
  std::map<std::string, Sequence> newest_;
};

TEST_F(RangeDropsTest, TheNewestDropOverAKeyIsTheOneThatCounts) {
  for (int round = 0; round < 200; ++round) {
    drops_ = nullptr;
    newest_.clear();
    sequence_ = 0;
    for (uint64_t i = 1 + random_.below(12); i > 0; --i) drop(random_range());
    check();
    for (int i = 0; i < 20; ++i) {
      const uint64_t first = random_.below(26), last = first + random_.below(26 - first);
      const Sequence sequence = random_.below(sequence_ + 1);
      EXPECT_EQ(drops_->masks_all(key(first), key(last), sequence),
                all_masked(first, last, sequence));
    }
  }
}

TEST_F(RangeDropsTest, AGapOfOneKeyIsSeen) {
  drops_ = RangeDrops::with(nullptr, {{"a", "b"}, 1});
  drops_ = RangeDrops::with(drops_, {{std::string("b\0", 2), "c"}, 2});
  EXPECT_FALSE(drops_->masks_all("a", "bb", 0));
  EXPECT_TRUE(drops_->masks_all("ba", "bb", 1));
  EXPECT_FALSE(drops_->masks_all("ba", "c", 0));
}

/// Many drops over many keys, made one by one, all at once, and some at a time.
class ManyDropsTest : public testing::Test {
 protected:
  static constexpr size_t kKeys = 3000;
  static std::string key(size_t n) { return "k" + std::to_string(100000 + n); }

  std::vector<RangeDrop> random_drops(size_t count, size_t width) {
    std::vector<RangeDrop> drops;
    while (drops.size() < count) {
      const auto from = static_cast<size_t>(random_.below(kKeys));
      const auto to = from + 1 + static_cast<size_t>(random_.below(width));
      const Sequence sequence = drops.size() + 1;
      drops.push_back({{key(from), random_.below(200) == 0 ? "" : key(to)}, sequence});
    }
    return drops;
  }
  static std::vector<Sequence> newest_by_key(const std::vector<RangeDrop>& drops) {
    std::vector<Sequence> newest(kKeys, 0);
    for (const RangeDrop& drop : drops)
      for (size_t n = 0; n < kKeys; ++n)
        if (key(n) >= drop.range.from && (drop.range.to.empty() || key(n) < drop.range.to))
          newest[n] = drop.sequence;
    return newest;
  }
  static void check(const RangeDrops& drops, const std::vector<Sequence>& newest) {
    for (size_t n = 0; n < kKeys; ++n) {
      ASSERT_EQ(drops.newest_over(key(n)), newest[n]) << key(n);
      if (n > 0 && newest[n] != newest[n - 1]) {
        ASSERT_LT(drops.place_of(key(n - 1)), drops.place_of(key(n)));
      }
    }
    for (const Sequence sequence : newest)
      if (sequence != 0) {
        const auto all = drops.sequences();
        ASSERT_TRUE(std::binary_search(all.begin(), all.end(), sequence));
      }
  }

  Random random_{9};
};

TEST_F(ManyDropsTest, InWhateverPortionsTheyMaskTheSame) {
  for (const size_t width : {3, 40, 1500}) {
    const std::vector<RangeDrop> drops = random_drops(600, width);
    const std::vector<Sequence> newest = newest_by_key(drops);
    RangeDrops::Ptr one_by_one, in_portions;
    for (const RangeDrop& drop : drops) one_by_one = RangeDrops::with(one_by_one, drop);
    std::span<const RangeDrop> left = drops;
    while (!left.empty()) {
      const size_t portion = std::min<size_t>(left.size(), 1 + random_.below(30));
      in_portions = RangeDrops::with(in_portions, left.first(portion));
      left = left.subspan(portion);
    }
    check(*one_by_one, newest);
    check(*in_portions, newest);
    check(*RangeDrops::with(nullptr, drops), newest);
    EXPECT_EQ(one_by_one->sequences(), RangeDrops::with(nullptr, drops)->sequences());
    for (int i = 0; i < 300; ++i) {
      const auto first = static_cast<size_t>(random_.below(kKeys));
      const std::string last = key(first + static_cast<size_t>(random_.below(2 * width)));
      const Sequence sequence = random_.below(600);
      EXPECT_EQ(one_by_one->masks_all(key(first), last, sequence),
                in_portions->masks_all(key(first), last, sequence));
    }
  }
}

/// Partitions are dropped one after the other: each costs little, however many there were.
TEST_F(ManyDropsTest, OneMoreCutsALeafOrTwo) {
  RangeDrops::Ptr drops;
  size_t leaves = 0;
  for (size_t n = 0; n < kKeys; n += 2) {
    const RangeDrops::Ptr before = drops;
    drops = RangeDrops::with(before, {{key(n), key(n + 1)}, n + 1});
    if (before == nullptr) continue;
    ASSERT_LE(drops->leaves_beside(*before), 2u);
    leaves += drops->leaves_beside(*before);
  }
  EXPECT_EQ(drops->pieces(), kKeys / 2);
  EXPECT_LE(leaves, kKeys / 2 + kKeys / 2 / 16);
  // A wide one takes the place of many, and is one.
  const RangeDrops::Ptr wide = RangeDrops::with(drops, {{key(5), key(kKeys - 4)}, kKeys + 1});
  EXPECT_LE(wide->leaves_beside(*drops), 2u);
  EXPECT_LT(wide->pieces(), 10u);
  for (size_t n = 0; n < kKeys; ++n) {
    const Sequence alone = n % 2 == 0 ? n + 1 : 0;
    EXPECT_EQ(wide->newest_over(key(n)), n < 5 || n >= kKeys - 4 ? alone : kKeys + 1) << n;
  }
}

TEST(KeyRanges, AsBytes) {
  const KeyRange range{"from", ""};
  const auto read = decode_key_range(encode_key_range(range));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->from, "from");
  EXPECT_EQ(read->to, "");
  EXPECT_FALSE(decode_key_range(encode_key_range({"b", "a"})));
  EXPECT_FALSE(decode_key_range(encode_key_range({"a", "a"})));
  EXPECT_FALSE(decode_key_range(encode_key_range(range) + "x"));
  EXPECT_FALSE(decode_key_range(encode_key_range(range).substr(0, 5)));
}

TEST(KeyRanges, Overlap) {
  EXPECT_TRUE(overlaps({"b", "d"}, "a", "b"));
  EXPECT_FALSE(overlaps({"b", "d"}, "d", "e"));
  EXPECT_FALSE(overlaps({"b", "d"}, "a", "az"));
  EXPECT_TRUE(overlaps({"b", ""}, "z", "z"));
}

}  // namespace
}  // namespace kv
