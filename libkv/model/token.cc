#include "libkv/model/token.h"

#include "libkv/base/assert.h"
#include "libkv/base/hash.h"

namespace kv {

Token token_of(KeyspaceId keyspace, BytesView key) {
  return hash64(key, keyspace);
}

PartitionId partition_of(Token token, unsigned partition_bits) {
  KV_ASSERT(partition_bits <= 16);
  // A shift by 64 is undefined, and one partition has no bits to look at.
  return partition_bits == 0 ? 0 : static_cast<PartitionId>(token >> (64 - partition_bits));
}

}  // namespace kv
