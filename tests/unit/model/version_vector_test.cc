#include "libkv/model/version_vector.h"

#include <gtest/gtest.h>

namespace kv {
namespace {

TEST(VersionVector, ShowsMembersAndTellsActorsOfOneMemberApart) {
  CausalContext context;
  EXPECT_EQ(to_string(context), "[]");
  context.see(Dot{Actor(2, 0x3f0000000000), 1});
  context.see(Dot{Actor(1, 0x010000000000), 2});
  EXPECT_EQ(to_string(context), "[s1:2, s2:1]");
  context.see(Dot{Actor(1, 0x3f4000000000), 4});
  EXPECT_EQ(to_string(context), "[s1.01:2, s1.3f:4, s2:1]");
  context.see(Dot{Actor(1, 0x3f4100000000), 5});
  EXPECT_EQ(to_string(context), "[s1.01:2, s1.3f40:4, s1.3f41:5, s2:1]");
}

TEST(VersionVector, SeesOnlyUpwards) {
  const Actor actor(7, 42);
  CausalContext context;
  context.see(Dot{actor, 5});
  context.see(Dot{actor, 3});
  context.see(Dot{actor, 0});
  EXPECT_EQ(context.counter_of(actor), 5u);
  EXPECT_TRUE(context.covers(Dot{actor, 5}));
  EXPECT_FALSE(context.covers(Dot{actor, 6}));
  EXPECT_FALSE(context.covers(Dot{Actor(7, 43), 1}));
}

TEST(VersionVector, CoversEarlierAttemptsOfAPut) {
  CausalContext context;
  context.see(PutId{1, 2}, 2);
  EXPECT_TRUE(context.covers(PutId{1, 2}, 1));
  EXPECT_TRUE(context.covers(PutId{1, 2}, 2));
  EXPECT_FALSE(context.covers(PutId{1, 2}, 3));
  EXPECT_FALSE(context.covers(PutId{1, 3}, 1));
}

TEST(VersionVector, JoinTakesTheMaximumOfEach) {
  CausalContext a, b;
  a.see(Dot{Actor(1, 1), 3});
  a.see(Dot{Actor(2, 1), 1});
  b.see(Dot{Actor(1, 1), 2});
  b.see(Dot{Actor(3, 1), 9});
  b.see(PutId{5, 5}, 1);
  b.see(wall_time_of(77));
  CausalContext joined = a;
  joined.join(b);
  EXPECT_TRUE(joined.covers(a));
  EXPECT_TRUE(joined.covers(b));
  EXPECT_FALSE(a.covers(b));
  EXPECT_FALSE(b.covers(a));
  EXPECT_EQ(to_string(joined), "[s1:3, s2:1, s3:9]");
  EXPECT_EQ(joined.newest(), wall_time_of(77));
}

TEST(VersionVector, TakesOverOnlySortedEntries) {
  CausalContext context;
  EXPECT_TRUE(context.assign({{Actor(1, 1), 3}, {Actor(1, 2), 1}}, {{PutId{1, 1}, 1}}));
  EXPECT_EQ(context.counter_of(Actor(1, 2)), 1u);
  EXPECT_FALSE(context.assign({{Actor(1, 2), 3}, {Actor(1, 1), 1}}, {}));
  EXPECT_TRUE(context.empty());
  EXPECT_FALSE(context.assign({{Actor(1, 1), 3}, {Actor(1, 1), 3}}, {}));
  EXPECT_FALSE(context.assign({{Actor(1, 1), 0}}, {}));
  EXPECT_FALSE(context.assign({}, {{PutId{1, 1}, 0}}));
}

}  // namespace
}  // namespace kv
