#include "libkv/codec/map_codec.h"

#include <gtest/gtest.h>
#include <msgpack.hpp>

#include "libkv/base/random.h"

namespace kv {
namespace {

MemberInfo member(MemberNumber number, const std::string& host) {
  MemberInfo info;
  info.number = number;
  info.labels = {"dc1", "r" + std::to_string(number), host};
  for (std::string& endpoint : info.endpoints) endpoint = "tcp://127.0.0.1:" + host;
  info.weight = number;
  info.store_id = 1000u + number;
  return info;
}

ClusterMap sample() {
  ClusterMap map;
  map.cluster = {0x1122334455667788, 0x99aabbccddeeff00};
  map.epoch = 12;
  map.partition_bits = 2;
  map.members = {member(1, "a"), member(2, "b"), member(3, "c"), member(4, "d")};
  map.members[3].state = MemberState::standby;
  map.voters = {1, 2, 3};
  Placement placement;
  placement.id = 1;
  placement.n = 2;
  placement.counts = {{"dc1", 2}};
  const PartitionRow row{{{1, 0, SlotStage::stable}, {2, 0, SlotStage::stable}}, {3, 4}, {}, 1};
  placement.table.assign(4, row);
  placement.table[2].slots[1] = {2, 4, SlotStage::write_both};
  placement.table[2].fallbacks = {3};
  placement.table[2].leaving = {4};
  placement.table[2].changed = 12;
  map.placements = {placement};
  Keyspace keyspace;
  keyspace.id = 9;
  keyspace.name = "default";
  keyspace.placement = 1;
  keyspace.r = 2;
  keyspace.strict = true;
  keyspace.ttl = 3600s;
  keyspace.created = 1;
  map.keyspaces = {keyspace};
  map.reason = "kv-move: partition 2";
  return map;
}

TEST(MapCodec, DecodeUndoesEncode) {
  const ClusterMap map = sample();
  ASSERT_TRUE(check(map).has_value()) << check(map).error().what;
  const auto decoded = decode_map(encode_map(map));
  ASSERT_TRUE(decoded.has_value()) << decoded.error().what;
  EXPECT_EQ(*decoded, map);
}

TEST(MapCodec, TheReferenceDecodesTheSameBytes) {
  const std::string bytes = encode_map(sample());
  const auto handle = msgpack::unpack(bytes.data(), bytes.size());
  msgpack::sbuffer buffer;
  msgpack::pack(buffer, handle.get());
  EXPECT_EQ(std::string(buffer.data(), buffer.size()), bytes);
  EXPECT_EQ(handle.get().via.array.ptr[8].as<std::string>(), "kv-move: partition 2");
}

TEST(MapCodec, EveryTruncationIsRefused) {
  const std::string whole = encode_map(sample());
  for (size_t size = 0; size < whole.size(); ++size) {
    ASSERT_FALSE(decode_map(BytesView(whole).substr(0, size)).has_value()) << size;
  }
  EXPECT_FALSE(decode_map(whole + '\0').has_value());
}

TEST(MapCodec, WhatIsDecodedHasBeenChecked) {
  const std::string whole = encode_map(sample());
  Random random(11);
  int decoded_count = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = whole;
    bytes[random.below(bytes.size())] = static_cast<char>(random.next());
    const auto decoded = decode_map(bytes);
    if (!decoded) continue;
    ++decoded_count;
    ASSERT_TRUE(check(*decoded).has_value());
  }
  EXPECT_GT(decoded_count, 100);  // Labels and reasons may change freely.
}

TEST(MapCodec, ARuleThatIsBrokenIsNamed) {
  ClusterMap map = sample();
  map.placements[0].table[1].slots[1].owner = 1;
  const auto decoded = decode_map(encode_map(map));
  ASSERT_FALSE(decoded.has_value());
  EXPECT_EQ(decoded.error().kind, ErrorKind::corrupt);
  EXPECT_EQ(decoded.error().what,
            "cluster map: two slots on member 1 (partition 1 of placement 1)");
}

TEST(MapCodec, IsCompact) {
  ClusterMap map = sample();
  map.partition_bits = 8;
  map.placements[0].table.assign(256, map.placements[0].table[0]);
  EXPECT_LT(encode_map(map).size(), 256u * 10 + 500);
}

}  // namespace
}  // namespace kv
