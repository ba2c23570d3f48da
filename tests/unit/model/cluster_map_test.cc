#include "libkv/model/cluster_map.h"

#include <functional>
#include <set>

#include <gtest/gtest.h>

#include "libkv/model/preference_list.h"

namespace kv {
namespace {

ClusterMap sound_map() {
  ClusterMap map;
  map.cluster = {1, 2};
  map.epoch = 3;
  map.partition_bits = 1;
  for (MemberNumber i = 1; i <= 4; ++i) {
    MemberInfo info;
    info.number = i;
    info.labels = {"dc", "r", "h" + std::to_string(i)};
    map.members.push_back(info);
  }
  map.voters = {1, 3};
  Placement placement;
  placement.id = 1;
  placement.n = 2;
  placement.table = {{{{1, 0, SlotStage::stable}, {2, 0, SlotStage::stable}}, {3}, {4}, 1},
                     {{{3, 0, SlotStage::stable}, {4, 0, SlotStage::stable}}, {1, 2}, {}, 2}};
  map.placements = {placement};
  Keyspace keyspace;
  keyspace.id = 5;
  keyspace.name = "default";
  keyspace.placement = 1;
  keyspace.w = 2;
  map.keyspaces = {keyspace};
  return map;
}

TEST(ClusterMap, LooksThingsUp) {
  const ClusterMap map = sound_map();
  ASSERT_TRUE(check(map).has_value()) << check(map).error().what;
  EXPECT_EQ(map.member(3)->labels.host, "h3");
  EXPECT_EQ(map.member(5), nullptr);
  EXPECT_EQ(map.keyspace("default")->id, 5u);
  EXPECT_EQ(map.keyspace("none"), nullptr);
  EXPECT_EQ(map.keyspace(KeyspaceId{6}), nullptr);
  EXPECT_EQ(map.row({1, 1})->slots[0].owner, 3);
  EXPECT_EQ(map.row({1, 2}), nullptr);
  EXPECT_EQ(map.row({2, 0}), nullptr);
}

TEST(ClusterMap, APreferenceListIsTheRowOfTheKeysPartition) {
  const ClusterMap map = sound_map();
  const Keyspace& keyspace = map.keyspaces[0];
  std::set<PartitionId> met;
  for (int i = 0; i < 64; ++i) {
    const std::string key = std::to_string(i);
    const PreferenceList list = preference_list(map, keyspace, key);
    EXPECT_EQ(list.partition.partition, partition_of(token_of(5, key), 1));
    EXPECT_EQ(list.slots.data(), map.row(list.partition)->slots.data());
    EXPECT_EQ(list.slots.size(), map.row(list.partition)->slots.size());
    EXPECT_EQ(list.epoch, 3u);
    met.insert(list.partition.partition);
  }
  EXPECT_EQ(met.size(), 2u);
}

TEST(ClusterMap, NamesTheFirstRuleThatIsBroken) {
  using Change = std::function<void(ClusterMap&)>;
  const auto row = [](ClusterMap& map) -> PartitionRow& { return map.placements[0].table[0]; };
  const std::vector<std::pair<std::string, Change>> cases = {
      {"no cluster id", [](auto& m) { m.cluster = {}; }},
      {"epoch 0", [](auto& m) { m.epoch = 0; }},
      {"member 1 follows member 2", [](auto& m) { std::swap(m.members[0], m.members[1]); }},
      {"0 voters, not 1 to 7", [](auto& m) { m.voters.clear(); }},
      {"voter 9 is not a member", [](auto& m) { m.voters = {9}; }},
      {"two slots on member 1", [&](auto& m) { row(m).slots[1].owner = 1; }},
      {"two slots on host h1", [](auto& m) { m.members[1].labels.host = "h1"; }},
      {"fallback 2 has a slot", [&](auto& m) { row(m).fallbacks = {2}; }},
      {"member 8 is listed, who is none", [&](auto& m) { row(m).leaving = {8}; }},
      {"a slot names member 8", [&](auto& m) { row(m).slots[0].owner = 8; }},
      {"successor contradicts", [&](auto& m) { row(m).slots[0].successor = 4; }},
      {"1 slots, not 2", [&](auto& m) { row(m).slots.pop_back(); }},
      {"later epoch", [&](auto& m) { row(m).changed = 4; }},
      {"1 partitions, not 2", [](auto& m) { m.placements[0].table.pop_back(); }},
      {"counts make 3, not 2",
       [](auto& m) {
         m.placements[0].counts = {{"dc", 3}};
       }},
      {"R 1 and W 3 with N 2", [](auto& m) { m.keyspaces[0].w = 3; }},
      {"unknown placement", [](auto& m) { m.keyspaces[0].placement = 2; }},
      {"two keyspaces of one", [](auto& m) { m.keyspaces.push_back(m.keyspaces[0]); }},
      {"name is not one", [](auto& m) { m.keyspaces[0].name = "-x"; }},
  };
  for (const auto& [what, change] : cases) {
    ClusterMap map = sound_map();
    change(map);
    const Status status = check(map);
    ASSERT_FALSE(status.has_value()) << what;
    EXPECT_NE(status.error().what.find(what), std::string::npos) << status.error().what;
  }
}

TEST(ClusterMap, ClusterIdsAreShownAndRead) {
  const ClusterId id{0x0123456789abcdef, 0xfedcba9876543210};
  EXPECT_EQ(id.to_hex(), "0123456789abcdeffedcba9876543210");
  EXPECT_EQ(ClusterId::from_hex(id.to_hex()), id);
  EXPECT_EQ(ClusterId::from_hex("0123"), std::nullopt);
  EXPECT_EQ(ClusterId::from_hex("0123456789abcdeffedcba987654321g"), std::nullopt);
}

}  // namespace
}  // namespace kv
