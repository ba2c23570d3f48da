#include "libkv/codec/map_codec.h"

#include <utility>

#include "libkv/base/limits.h"

namespace kv {

namespace {

constexpr uint64_t kFormat = 1;
constexpr size_t kMapFields = 9;
constexpr size_t kMemberFields = 8;
constexpr size_t kPlacementFields = 4;
constexpr size_t kRowFields = 5;
constexpr size_t kKeyspaceFields = 9;
constexpr size_t kCountNumbers = 2;
constexpr size_t kMoveNumbers = 3;
constexpr size_t kClusterIdBytes = 16;
constexpr uint64_t kStrictFlag = 1;
constexpr uint64_t kLastWriteWinsFlag = 2;
constexpr uint64_t kMemberMax = UINT16_MAX;

void encode_cluster_id(const ClusterId& id, MsgpackWriter& writer) {
  std::string bytes;
  for (const uint64_t word : {id.high, id.low}) {
    for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(word >> shift));
  }
  writer.bytes(bytes);
}

ClusterId decode_cluster_id(MsgpackReader& reader) {
  const BytesView bytes = reader.bytes(kClusterIdBytes);
  if (bytes.size() != kClusterIdBytes) {
    reader.refuse();
    return {};
  }
  uint64_t words[2] = {0, 0};
  for (size_t i = 0; i < kClusterIdBytes; ++i) {
    words[i / 8] = words[i / 8] << 8 | static_cast<unsigned char>(bytes[i]);
  }
  return {words[0], words[1]};
}

void encode_numbers(const std::vector<MemberNumber>& numbers, MsgpackWriter& writer) {
  writer.array(numbers.size());
  for (const MemberNumber number : numbers) writer.unsigned_integer(number);
}

MemberNumber decode_number(MsgpackReader& reader) {
  return static_cast<MemberNumber>(reader.unsigned_integer(kMemberMax));
}

std::vector<MemberNumber> decode_numbers(MsgpackReader& reader, size_t count_max) {
  const size_t count = reader.array(1, count_max);
  std::vector<MemberNumber> numbers;
  numbers.reserve(count);
  for (size_t i = 0; i < count; ++i) numbers.push_back(decode_number(reader));
  return numbers;
}

void encode_member(const MemberInfo& member, MsgpackWriter& writer) {
  writer.array(kMemberFields);
  writer.unsigned_integer(member.number);
  writer.text(member.labels.dc);
  writer.text(member.labels.rack);
  writer.text(member.labels.host);
  writer.array(kDaemonKinds);
  for (const std::string& endpoint : member.endpoints) writer.text(endpoint);
  writer.unsigned_integer(member.weight);
  writer.unsigned_integer(static_cast<uint64_t>(member.state));
  writer.unsigned_integer(member.store_id);
}

MemberInfo decode_member(MsgpackReader& reader) {
  MemberInfo member;
  const size_t extra = reader.fields(kMemberFields);
  member.number = decode_number(reader);
  member.labels.dc = reader.text(limits::label_bytes_max);
  member.labels.rack = reader.text(limits::label_bytes_max);
  member.labels.host = reader.text(limits::label_bytes_max);
  const size_t more_endpoints = reader.fields(kDaemonKinds);
  for (std::string& endpoint : member.endpoints) {
    endpoint = reader.text(limits::endpoint_bytes_max);
  }
  reader.skip(more_endpoints);
  member.weight = static_cast<uint32_t>(reader.unsigned_integer(UINT32_MAX));
  member.state = static_cast<MemberState>(
      reader.unsigned_integer(static_cast<uint64_t>(MemberState::leaving)));
  member.store_id = reader.unsigned_integer();
  reader.skip(extra);
  return member;
}

void encode_moves(const PartitionRow& row, MsgpackWriter& writer) {
  size_t moving = 0;
  for (const Slot& slot : row.slots) moving += slot.stage == SlotStage::stable ? 0 : 1;
  writer.array(kMoveNumbers * moving);
  for (size_t i = 0; i < row.slots.size(); ++i) {
    if (row.slots[i].stage == SlotStage::stable) continue;
    writer.unsigned_integer(i);
    writer.unsigned_integer(row.slots[i].successor);
    writer.unsigned_integer(static_cast<uint64_t>(row.slots[i].stage));
  }
}

void decode_moves(MsgpackReader& reader, PartitionRow* row) {
  const size_t numbers = reader.array(1, kMoveNumbers * limits::copies_max);
  if (numbers % kMoveNumbers != 0) reader.refuse();
  for (size_t i = 0; i < numbers / kMoveNumbers && reader.ok(); ++i) {
    const uint64_t index = reader.unsigned_integer();
    const MemberNumber successor = decode_number(reader);
    const auto stage =
        static_cast<SlotStage>(reader.unsigned_integer(static_cast<uint64_t>(SlotStage::read_new)));
    if (!reader.ok() || index >= row->slots.size()) return reader.refuse();
    row->slots[index].successor = successor;
    row->slots[index].stage = stage;
  }
}

void encode_row(const PartitionRow& row, MsgpackWriter& writer) {
  writer.array(kRowFields);
  writer.unsigned_integer(row.changed);
  writer.array(row.slots.size());
  for (const Slot& slot : row.slots) writer.unsigned_integer(slot.owner);
  encode_numbers(row.fallbacks, writer);
  encode_numbers(row.leaving, writer);
  encode_moves(row, writer);
}

PartitionRow decode_row(MsgpackReader& reader) {
  PartitionRow row;
  const size_t extra = reader.fields(kRowFields);
  row.changed = reader.unsigned_integer();
  for (const MemberNumber owner : decode_numbers(reader, limits::copies_max)) {
    row.slots.push_back({owner, 0, SlotStage::stable});
  }
  row.fallbacks = decode_numbers(reader, limits::members_max);
  row.leaving = decode_numbers(reader, limits::members_max);
  decode_moves(reader, &row);
  reader.skip(extra);
  return row;
}

void encode_placement(const Placement& placement, MsgpackWriter& writer) {
  writer.array(kPlacementFields);
  writer.unsigned_integer(placement.id);
  writer.unsigned_integer(placement.n);
  writer.array(kCountNumbers * placement.counts.size());
  for (const DataCentreCount& count : placement.counts) {
    writer.text(count.dc);
    writer.unsigned_integer(count.copies);
  }
  writer.array(placement.table.size());
  for (const PartitionRow& row : placement.table) encode_row(row, writer);
}

Placement decode_placement(MsgpackReader& reader) {
  Placement placement;
  const size_t extra = reader.fields(kPlacementFields);
  placement.id = static_cast<PlacementId>(reader.unsigned_integer(UINT16_MAX));
  placement.n = static_cast<uint8_t>(reader.unsigned_integer(limits::copies_max));
  const size_t numbers = reader.array(1, kCountNumbers * limits::copies_max);
  if (numbers % kCountNumbers != 0) reader.refuse();
  for (size_t i = 0; i < numbers / kCountNumbers && reader.ok(); ++i) {
    std::string dc(reader.text(limits::label_bytes_max));
    const auto copies = static_cast<uint8_t>(reader.unsigned_integer(limits::copies_max));
    placement.counts.push_back({std::move(dc), copies});
  }
  const size_t rows = reader.array(1 + kRowFields, size_t{1} << limits::partition_bits_max);
  placement.table.reserve(rows);
  for (size_t i = 0; i < rows && reader.ok(); ++i) placement.table.push_back(decode_row(reader));
  reader.skip(extra);
  return placement;
}

void encode_keyspace(const Keyspace& keyspace, MsgpackWriter& writer) {
  writer.array(kKeyspaceFields);
  writer.unsigned_integer(keyspace.id);
  writer.text(keyspace.name);
  writer.unsigned_integer(static_cast<uint64_t>(keyspace.kind));
  writer.unsigned_integer(keyspace.placement);
  writer.unsigned_integer(keyspace.r);
  writer.unsigned_integer(keyspace.w);
  writer.unsigned_integer((keyspace.strict ? kStrictFlag : 0) |
                          (keyspace.last_write_wins ? kLastWriteWinsFlag : 0));
  writer.integer(keyspace.ttl.count());
  writer.unsigned_integer(keyspace.created);
}

Keyspace decode_keyspace(MsgpackReader& reader) {
  Keyspace keyspace;
  const size_t extra = reader.fields(kKeyspaceFields);
  keyspace.id = static_cast<KeyspaceId>(reader.unsigned_integer(UINT32_MAX));
  keyspace.name = reader.text(limits::keyspace_name_bytes_max);
  keyspace.kind =
      static_cast<KeyspaceKind>(reader.unsigned_integer(static_cast<uint64_t>(KeyspaceKind::cp)));
  keyspace.placement = static_cast<PlacementId>(reader.unsigned_integer(UINT16_MAX));
  keyspace.r = static_cast<uint8_t>(reader.unsigned_integer(limits::copies_max));
  keyspace.w = static_cast<uint8_t>(reader.unsigned_integer(limits::copies_max));
  const uint64_t flags = reader.unsigned_integer();
  keyspace.strict = (flags & kStrictFlag) != 0;
  keyspace.last_write_wins = (flags & kLastWriteWinsFlag) != 0;
  keyspace.ttl = Duration(reader.integer());
  keyspace.created = reader.unsigned_integer();
  reader.skip(extra);
  return keyspace;
}

template <typename T>
void encode_list(const std::vector<T>& list, void (*encode)(const T&, MsgpackWriter&),
                 MsgpackWriter& writer) {
  writer.array(list.size());
  for (const T& element : list) encode(element, writer);
}

template <typename T>
std::vector<T> decode_list(MsgpackReader& reader, T (*decode)(MsgpackReader&), size_t count_max) {
  const size_t count = reader.array(1, count_max);
  std::vector<T> list;
  for (size_t i = 0; i < count && reader.ok(); ++i) list.push_back(decode(reader));
  return list;
}

}  // namespace

std::string encode_map(const ClusterMap& map) {
  std::string bytes;
  MsgpackWriter writer(&bytes);
  writer.array(kMapFields);
  writer.unsigned_integer(kFormat);
  encode_cluster_id(map.cluster, writer);
  writer.unsigned_integer(map.epoch);
  writer.unsigned_integer(map.partition_bits);
  encode_list(map.members, encode_member, writer);
  encode_numbers(map.voters, writer);
  encode_list(map.placements, encode_placement, writer);
  encode_list(map.keyspaces, encode_keyspace, writer);
  writer.text(map.reason);
  return bytes;
}

Result<ClusterMap> decode_map(BytesView bytes) {
  MsgpackReader reader(bytes);
  ClusterMap map;
  const size_t extra = reader.fields(kMapFields);
  reader.format(kFormat);
  map.cluster = decode_cluster_id(reader);
  map.epoch = reader.unsigned_integer();
  map.partition_bits = static_cast<uint8_t>(reader.unsigned_integer(limits::partition_bits_max));
  map.members = decode_list(reader, decode_member, limits::members_max);
  map.voters = decode_numbers(reader, limits::voters_max);
  map.placements = decode_list(reader, decode_placement, limits::placements_max);
  map.keyspaces = decode_list(reader, decode_keyspace, limits::keyspaces_max);
  map.reason = reader.text(limits::reason_bytes_max);
  reader.skip(extra);
  KV_TRY(reader.finish("cluster map"));
  if (const Status status = check(map); !status) {
    return fail(ErrorKind::corrupt, status.error().what);
  }
  return map;
}

}  // namespace kv
