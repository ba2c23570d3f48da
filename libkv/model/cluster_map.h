// The cluster map: the hard state of the cluster, changed only by a compare-and-set on its epoch
// that a majority of its voters agrees on (protocol/map_register.h). Everybody plans by it.
//
// The *ring* is, for each placement, a table of Q equal partitions; a row lists the partition's
// slots in preference order, each an owner or, while it moves, an owner and its successor; then
// its fallbacks, who alone hold hints for it; then members that are leaving it.
//
// A published map is immutable and shared (`std::shared_ptr<const ClusterMap>`).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "libkv/base/result.h"
#include "libkv/model/ids.h"
#include "libkv/model/keyspace.h"

namespace kv {

struct Labels {
  std::string dc, rack, host;
  friend bool operator==(const Labels&, const Labels&) = default;
};

enum class DaemonKind : uint8_t { node = 0, gossip = 1, coordinator = 2, repair = 3 };
constexpr int kDaemonKinds = 4;
const char* to_string(DaemonKind kind);  ///< `kv-node`, …

/// On disk and on the wire: never change.
enum class MemberState : uint8_t { active = 0, standby = 1, leaving = 2 };

struct MemberInfo {
  MemberNumber number = 0;
  Labels labels;
  std::string endpoints[kDaemonKinds];  ///< By DaemonKind.
  uint32_t weight = 1;
  MemberState state = MemberState::active;
  uint64_t store_id = 0;  ///< Of its kv-gossip's metadata; a voter with another one must not vote.

  const std::string& endpoint(DaemonKind kind) const { return endpoints[static_cast<int>(kind)]; }
  friend bool operator==(const MemberInfo&, const MemberInfo&) = default;
};

/// On disk and on the wire: never change.
enum class SlotStage : uint8_t { stable = 0, write_both = 1, read_new = 2 };

struct Slot {
  MemberNumber owner = 0;
  MemberNumber successor = 0;  ///< 0 unless the slot moves.
  SlotStage stage = SlotStage::stable;
  friend bool operator==(const Slot&, const Slot&) = default;
};

struct PartitionRow {
  std::vector<Slot> slots;              ///< N, in preference order.
  std::vector<MemberNumber> fallbacks;  ///< In the order in which they take over.
  std::vector<MemberNumber> leaving;
  Epoch changed = 0;  ///< The epoch at which this row last changed.
  friend bool operator==(const PartitionRow&, const PartitionRow&) = default;
};

struct DataCentreCount {
  std::string dc;
  uint8_t copies = 0;
  friend bool operator==(const DataCentreCount&, const DataCentreCount&) = default;
};

struct Placement {
  PlacementId id = 0;
  uint8_t n = 3;
  std::vector<DataCentreCount> counts;  ///< Empty: as many data centres as the labels allow.
  std::vector<PartitionRow> table;      ///< Q rows, by partition.
  friend bool operator==(const Placement&, const Placement&) = default;
};

struct ClusterMap {
  ClusterId cluster;
  Epoch epoch = 0;
  uint8_t partition_bits = 8;        ///< Q = 2^partition_bits. Fixed for the cluster's life.
  std::vector<MemberInfo> members;   ///< Sorted by number.
  std::vector<MemberNumber> voters;  ///< 1…7, sorted.
  std::vector<Placement> placements;
  std::vector<Keyspace> keyspaces;
  std::string reason;  ///< Why this epoch came to be; kept as history.

  uint32_t partitions() const { return 1u << partition_bits; }
  const MemberInfo* member(MemberNumber number) const;      ///< Null if there is none.
  const Keyspace* keyspace(const std::string& name) const;  ///< Null if there is none.
  const Keyspace* keyspace(KeyspaceId id) const;            ///< Null if there is none.
  const Placement* placement(PlacementId id) const;         ///< Null if there is none.
  /// Null if the placement or the partition is unknown.
  const PartitionRow* row(const PartitionKey& key) const;
  friend bool operator==(const ClusterMap&, const ClusterMap&) = default;
};
using MapPointer = std::shared_ptr<const ClusterMap>;

/// The rules that every map keeps: numbers unique and known; Q rows of N slots; never two slots of
/// a row on one member or one host; no fallback that is a slot; voters 1…7 and members; keyspaces'
/// R and W within N. The error names the first breach.
Status check(const ClusterMap& map);

}  // namespace kv
