// The numbers by which things are named across the cluster. On disk and on the wire: never change
// a width.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kv {

using MemberNumber = uint16_t;  ///< 1…65,535. 0 is nobody.
using KeyspaceId = uint32_t;
using PlacementId = uint16_t;
using PartitionId = uint32_t;
using Epoch = uint64_t;  ///< Of the cluster map; the first map is epoch 1.
using Round = uint64_t;  ///< Of a partition's purges.

/// 128 random bits drawn by kv-init; in the map, every data directory and every frame.
struct ClusterId {
  uint64_t high = 0;
  uint64_t low = 0;
  bool is_none() const { return high == 0 && low == 0; }
  /// 32 hexadecimal digits.
  std::string to_hex() const;
  static std::optional<ClusterId> from_hex(std::string_view text);
  friend bool operator==(const ClusterId&, const ClusterId&) = default;
};

/// A partition of a placement: what is moved, compared, purged as one.
struct PartitionKey {
  PlacementId placement = 0;
  PartitionId partition = 0;
  friend bool operator==(const PartitionKey&, const PartitionKey&) = default;
  friend auto operator<=>(const PartitionKey&, const PartitionKey&) = default;
};

/// A key of a keyspace, owned. `name` is any bytes, 1…limits::key_bytes_max.
struct Key {
  KeyspaceId keyspace = 0;
  std::string name;
  friend bool operator==(const Key&, const Key&) = default;
  friend auto operator<=>(const Key&, const Key&) = default;
};

}  // namespace kv
