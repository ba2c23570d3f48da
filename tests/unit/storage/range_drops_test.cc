// What dropped ranges mask, against a map from keys to sequences.
#include "libkv/storage/range_drops.h"

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
