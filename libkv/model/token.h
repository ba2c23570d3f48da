// Where a key lives: token = XXH3-64 of the key, seeded with its keyspace's id; the partition is
// the token's top q bits, its Merkle leaf the bits that follow (DeCandia et al., "Dynamo", 2007,
// section 6.2, strategy 3: equal partitions with an explicit table).
#pragma once

#include <cstdint>

#include "libkv/base/bytes.h"
#include "libkv/model/ids.h"

namespace kv {

using Token = uint64_t;

Token token_of(KeyspaceId keyspace, BytesView key);
/// REQUIRES: partition_bits <= 16.
PartitionId partition_of(Token token, unsigned partition_bits);

}  // namespace kv
