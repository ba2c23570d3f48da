// Where a kv-node keeps what: the keys it gives to its engine.
//
//   space (1) | placement (2) | partition (4) | keyspace (4) | user key      own data, hints
//   space (1) | placement (2) | partition (4) | member (2)                   owed repairs
//   space (1) | placement (2) | partition (4)                                refilling, rounds
//   space (1) | placement (2) | partition (4) [| leaf (4)]                   Merkle leaves [mark]
//   space (1) [| 1]                                      refilling: everything [lost hints]
//
// Numbers are big-endian, so that the order of bytes is the order of numbers and a partition, or a
// keyspace within it, is one range. On disk: never change. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "libkv/base/bytes.h"
#include "libkv/model/ids.h"
#include "libkv/storage/engine.h"

namespace kv {

/// On disk: never change. What is written all the time comes first: what a start must read lies
/// behind it, in few tables, so that it does not depend on all the others.
enum class Space : uint8_t { leaf = 0, own = 1, hint = 2, owed = 3, refilling = 4, round = 5 };

/// Up to where a key names its partition: what the engine is told of how keys belong together.
inline constexpr size_t kPartitionPrefixBytes = 1 + 2 + 4;

/// The engine key of a user key's record. REQUIRES: space is own or hint.
std::string record_key(Space space, const PartitionKey& partition, KeyspaceId keyspace,
                       BytesView name);
std::string owed_key(const PartitionKey& partition, MemberNumber member);
std::string leaf_key(const PartitionKey& partition, uint32_t leaf);
/// REQUIRES: space is refilling, round or leaf: then the mark of the partition's leaves.
std::string partition_row_key(Space space, const PartitionKey& partition);
/// The row that says: everything, but it is not yet known which partitions that is.
std::string refilling_all_key();
/// The row that says: hints were lost, and the repairs for them are not yet owed.
std::string hints_lost_key();

KeyRange space_range(Space space);
KeyRange partition_range(Space space, const PartitionKey& partition);
KeyRange keyspace_range(Space space, const PartitionKey& partition, KeyspaceId keyspace);
/// The first key behind `key` and all that is at or before it.
std::string key_after(std::string key);

/// Views point into the key that was parsed.
struct ParsedRecordKey {
  Space space = Space::own;
  PartitionKey partition;
  KeyspaceId keyspace = 0;
  BytesView name;
};
/// Nothing if it is not the key of a record.
std::optional<ParsedRecordKey> parse_record_key(BytesView key);
/// The partition of any key that has one.
std::optional<PartitionKey> partition_of_key(BytesView key);
/// The member of an owed repair's key.
std::optional<MemberNumber> member_of_owed_key(BytesView key);
/// The leaf of a Merkle leaf's key.
std::optional<uint32_t> leaf_of_leaf_key(BytesView key);

}  // namespace kv
