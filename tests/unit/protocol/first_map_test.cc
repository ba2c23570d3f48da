#include "libkv/protocol/first_map.h"

#include <gtest/gtest.h>

namespace kv {
namespace {

msg::Introduced introduced(MemberNumber number, Labels labels = {}) {
  msg::Introduced one;
  one.member.number = number;
  one.member.labels = std::move(labels);
  one.member.store_id = 1000u + number;
  return one;
}

FirstMapOptions options() {
  FirstMapOptions options;
  options.cluster = {1, 2};
  options.partitions = 16;
  return options;
}

TEST(FirstMap, HasTheMembersAKeyspaceAndItsTable) {
  const auto first = first_map({introduced(3), introduced(1), introduced(2)}, options());
  ASSERT_TRUE(first) << first.error().what;
  const ClusterMap& map = first->map;
  EXPECT_EQ(map.epoch, 1u);
  EXPECT_EQ(map.cluster, (ClusterId{1, 2}));
  EXPECT_EQ(map.partitions(), 16u);
  ASSERT_EQ(map.members.size(), 3u);
  EXPECT_EQ(map.members[0].number, 1u);
  EXPECT_EQ(map.members[2].store_id, 1003u);
  EXPECT_EQ(map.voters, (std::vector<MemberNumber>{1, 2, 3}));
  const Keyspace* keyspace = map.keyspace("default");
  ASSERT_NE(keyspace, nullptr);
  EXPECT_EQ(keyspace->r, 2u);
  EXPECT_EQ(keyspace->w, 2u);
  const Placement* placement = map.placement(keyspace->placement);
  ASSERT_NE(placement, nullptr);
  EXPECT_EQ(placement->n, 3u);
  EXPECT_EQ(placement->table.at(15).changed, 1u);
}

TEST(FirstMap, OneMemberIsEnough) {
  const auto first = first_map({introduced(7)}, options());
  ASSERT_TRUE(first) << first.error().what;
  EXPECT_EQ(first->map.keyspace("default")->w, 1u);
  EXPECT_EQ(first->map.voters, (std::vector<MemberNumber>{7}));
}

TEST(FirstMap, KeyspacesOfOneNShareATable) {
  FirstMapOptions with = options();
  with.keyspaces = {{"a"}, {"b", 3, 1, 1}, {"c", 2, 0, 0, true}};
  const auto first = first_map({introduced(1), introduced(2), introduced(3), introduced(4)}, with);
  ASSERT_TRUE(first) << first.error().what;
  EXPECT_EQ(first->map.placements.size(), 2u);
  EXPECT_EQ(first->map.keyspace("b")->w, 1u);
  EXPECT_TRUE(first->map.keyspace("c")->strict);
  EXPECT_EQ(first->map.keyspace("c")->r, 2u);
}

TEST(FirstMap, RefusesWhatCannotBe) {
  EXPECT_FALSE(first_map({}, options()));
  EXPECT_FALSE(first_map({introduced(1), introduced(1)}, options()));
  msg::Introduced taken = introduced(1);
  taken.cluster = {9, 9};
  EXPECT_FALSE(first_map({taken}, options()));
  FirstMapOptions odd = options();
  odd.partitions = 12;
  EXPECT_FALSE(first_map({introduced(1)}, odd));
  FirstMapOptions twice = options();
  twice.keyspaces = {{"a"}, {"a"}};
  EXPECT_FALSE(first_map({introduced(1)}, twice));
  FirstMapOptions wide = options();
  wide.keyspaces = {{"a", 1, 2, 1}};
  EXPECT_FALSE(first_map({introduced(1)}, wide));
  FirstMapOptions many = options();
  many.keyspaces = {{"a", 3}};
  EXPECT_FALSE(first_map({introduced(1)}, many));
}

TEST(FirstMap, VotersAreOddAndSpread) {
  std::vector<MemberInfo> members;
  for (MemberNumber number = 1; number <= 10; ++number)
    members.push_back(introduced(number, {number <= 6   ? "a"
                                          : number <= 9 ? "b"
                                                        : "c",
                                          "", ""})
                          .member);
  EXPECT_EQ(choose_voters(members), (std::vector<MemberNumber>{1, 2, 3, 7, 8, 9, 10}));
  members.resize(4);
  EXPECT_EQ(choose_voters(members).size(), 3u);
  members.resize(2);
  EXPECT_EQ(choose_voters(members).size(), 1u);
}

}  // namespace
}  // namespace kv
