#include "libkv/replica/key_layout.h"

#include <type_traits>
#include <utility>

#include "libkv/base/assert.h"

namespace kv {

namespace {

constexpr size_t kNameBegin = kPartitionPrefixBytes + 4;

template <typename Number>
void append_big_endian(std::string* to, Number number) {
  for (size_t i = sizeof(Number); i-- > 0;) {
    to->push_back(static_cast<char>(static_cast<uint8_t>(number >> (8 * i))));
  }
}

// REQUIRES: the key is long enough.
template <typename Number>
Number read_big_endian(BytesView key, size_t at) {
  Number number = 0;
  for (size_t i = 0; i < sizeof(Number); ++i) {
    number = static_cast<Number>(static_cast<uint64_t>(number) << 8 |
                                 static_cast<unsigned char>(key[at + i]));
  }
  return number;
}

std::string partition_prefix(Space space, const PartitionKey& partition) {
  std::string key;
  key.reserve(kNameBegin + 32);
  key.push_back(static_cast<char>(space));
  append_big_endian(&key, partition.placement);
  append_big_endian(&key, partition.partition);
  return key;
}

// The first bytes that come behind everything that starts with `prefix`.
std::string end_of_prefix(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(prefix.back() + 1);
  return prefix;
}

KeyRange range_of_prefix(const std::string& prefix) {
  return KeyRange{prefix, end_of_prefix(prefix)};
}

}  // namespace

std::string record_key(Space space, const PartitionKey& partition, KeyspaceId keyspace,
                       BytesView name) {
  KV_ASSERT(space == Space::own || space == Space::hint);
  std::string key = partition_prefix(space, partition);
  append_big_endian(&key, keyspace);
  key.append(name);
  return key;
}

std::string owed_key(const PartitionKey& partition, MemberNumber member) {
  std::string key = partition_prefix(Space::owed, partition);
  append_big_endian(&key, member);
  return key;
}

std::string leaf_key(const PartitionKey& partition, uint32_t leaf) {
  std::string key = partition_prefix(Space::leaf, partition);
  append_big_endian(&key, leaf);
  return key;
}

std::string partition_row_key(Space space, const PartitionKey& partition) {
  KV_ASSERT(space == Space::refilling || space == Space::round || space == Space::leaf);
  return partition_prefix(space, partition);
}

std::string refilling_all_key() {
  return std::string(1, static_cast<char>(Space::refilling));
}

std::string hints_lost_key() {
  return refilling_all_key() + '\1';
}

KeyRange space_range(Space space) {
  return range_of_prefix(std::string(1, static_cast<char>(space)));
}

KeyRange partition_range(Space space, const PartitionKey& partition) {
  return range_of_prefix(partition_prefix(space, partition));
}

KeyRange keyspace_range(Space space, const PartitionKey& partition, KeyspaceId keyspace) {
  return range_of_prefix(record_key(space, partition, keyspace, {}));
}

std::string key_after(std::string key) {
  key.push_back('\0');
  return key;
}

std::optional<PartitionKey> partition_of_key(BytesView key) {
  if (key.size() < kPartitionPrefixBytes) return std::nullopt;
  return PartitionKey{read_big_endian<PlacementId>(key, 1), read_big_endian<PartitionId>(key, 3)};
}

std::optional<ParsedRecordKey> parse_record_key(BytesView key) {
  if (key.size() <= kNameBegin) return std::nullopt;
  const auto space = static_cast<Space>(key.front());
  if (space != Space::own && space != Space::hint) return std::nullopt;
  return ParsedRecordKey{space, *partition_of_key(key),
                         read_big_endian<KeyspaceId>(key, kPartitionPrefixBytes),
                         key.substr(kNameBegin)};
}

std::optional<MemberNumber> member_of_owed_key(BytesView key) {
  if (key.size() != kPartitionPrefixBytes + sizeof(MemberNumber)) return std::nullopt;
  return read_big_endian<MemberNumber>(key, kPartitionPrefixBytes);
}

std::optional<uint32_t> leaf_of_leaf_key(BytesView key) {
  const bool is_leaf = key.size() == kPartitionPrefixBytes + sizeof(uint32_t) &&
                       static_cast<Space>(key.front()) == Space::leaf;
  if (!is_leaf) return std::nullopt;
  return read_big_endian<uint32_t>(key, kPartitionPrefixBytes);
}

}  // namespace kv
