#include "libkv/replica/key_layout.h"

#include <gtest/gtest.h>

namespace kv {
namespace {

TEST(KeyLayout, BytesAreAsTheyWillBeForEver) {
  EXPECT_EQ(record_key(Space::own, {0x0102, 0x03040506}, 0x0708090a, "key"),
            std::string("\x01\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0akey", 14));
  EXPECT_EQ(record_key(Space::hint, {0, 1}, 2, "k"),
            std::string("\x02\x00\x00\x00\x00\x00\x01\x00\x00\x00\x02k", 12));
  EXPECT_EQ(owed_key({1, 2}, 0x0304), std::string("\x03\x00\x01\x00\x00\x00\x02\x03\x04", 9));
  EXPECT_EQ(partition_row_key(Space::refilling, {1, 2}),
            std::string("\x04\x00\x01\x00\x00\x00\x02", 7));
  EXPECT_EQ(partition_row_key(Space::round, {1, 2}),
            std::string("\x05\x00\x01\x00\x00\x00\x02", 7));
  EXPECT_EQ(leaf_key({1, 2}, 0x0a0b0c),
            std::string("\x00\x00\x01\x00\x00\x00\x02\x00\x0a\x0b\x0c", 11));
  EXPECT_EQ(partition_row_key(Space::leaf, {1, 2}), std::string("\x00\x00\x01\x00\x00\x00\x02", 7));
  EXPECT_EQ(refilling_all_key(), "\x04");
  EXPECT_EQ(hints_lost_key(), "\x04\x01");
}

TEST(KeyLayout, AKeyComesBackFromItsBytes) {
  const std::string key = record_key(Space::hint, {9, 0xfffe}, 77, std::string("a\0b", 3));
  const auto parsed = parse_record_key(key);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->space, Space::hint);
  EXPECT_EQ(parsed->partition, (PartitionKey{9, 0xfffe}));
  EXPECT_EQ(parsed->keyspace, 77u);
  EXPECT_EQ(parsed->name, BytesView("a\0b", 3));
  EXPECT_EQ(member_of_owed_key(owed_key({1, 2}, 300)), MemberNumber{300});
  EXPECT_EQ(leaf_of_leaf_key(leaf_key({1, 2}, 0xfffff)), 0xfffffu);
  EXPECT_FALSE(leaf_of_leaf_key(record_key(Space::own, {1, 2}, 3, "")));
}

TEST(KeyLayout, WhatIsNoRecordKeyDoesNotParse) {
  EXPECT_FALSE(parse_record_key(""));
  EXPECT_FALSE(parse_record_key(owed_key({1, 2}, 3)));
  EXPECT_FALSE(parse_record_key(record_key(Space::own, {1, 2}, 3, "")));
  EXPECT_FALSE(parse_record_key(std::string(20, '\x07')));
  EXPECT_FALSE(partition_of_key("\x04\x01"));
}

bool inside(const KeyRange& range, const std::string& key) {
  return key >= range.from && (range.to.empty() || key < range.to);
}

TEST(KeyLayout, ARangeHoldsItsPartitionAndNothingElse) {
  for (const PartitionId partition : {PartitionId{0}, PartitionId{255}, PartitionId{0xffffffff}}) {
    const KeyRange range = partition_range(Space::own, {0xffff, partition});
    EXPECT_EQ(range.from.size(), kPartitionPrefixBytes);
    EXPECT_TRUE(inside(range, record_key(Space::own, {0xffff, partition}, 0, "a")));
    EXPECT_TRUE(inside(range, record_key(Space::own, {0xffff, partition}, 0xffffffff, "\xff\xff")));
    EXPECT_FALSE(inside(range, record_key(Space::own, {0xffff, partition + 1}, 0, "a")));
    EXPECT_FALSE(inside(range, record_key(Space::own, {0xffff, partition - 1}, 0, "\xff")));
    EXPECT_FALSE(inside(range, record_key(Space::hint, {0xffff, partition}, 0, "a")));
  }
}

TEST(KeyLayout, KeysFollowEachOtherWithinAKeyspace) {
  const KeyRange range = keyspace_range(Space::own, {1, 2}, 3);
  EXPECT_TRUE(inside(range, record_key(Space::own, {1, 2}, 3, "\xff\xff\xff")));
  EXPECT_FALSE(inside(range, record_key(Space::own, {1, 2}, 4, "a")));
  const std::string a = record_key(Space::own, {1, 2}, 3, "a");
  EXPECT_LT(a, key_after(a));
  EXPECT_LE(key_after(a), record_key(Space::own, {1, 2}, 3, std::string("a\0", 2)));
}

}  // namespace
}  // namespace kv
