#include "libkv/model/preference_list.h"

#include "libkv/base/assert.h"

namespace kv {

PreferenceList preference_list(const ClusterMap& map, const Keyspace& keyspace, BytesView key) {
  const Token token = token_of(keyspace.id, key);
  const PartitionKey partition{keyspace.placement, partition_of(token, map.partition_bits)};
  const PartitionRow* row = map.row(partition);
  // A map that check() accepts has a full table for every placement that a keyspace names.
  KV_ASSERT(row != nullptr);
  return {map.epoch, partition, row->slots, row->fallbacks};
}

}  // namespace kv
