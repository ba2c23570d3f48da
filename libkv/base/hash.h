// The one hash of the project: XXH3 (Yann Collet, xxHash). 64 bits for tokens, checksums, Bloom
// filters and Merkle leaves; 128 bits where equal hashes are taken for equal bytes.
#pragma once

#include <cstdint>

#include "libkv/base/bytes.h"

namespace kv {

struct Hash128 {
  uint64_t high = 0;
  uint64_t low = 0;
  friend bool operator==(const Hash128&, const Hash128&) = default;
  friend auto operator<=>(const Hash128&, const Hash128&) = default;
};

/// XXH3-64 of `bytes` with `seed`. Stable for ever: it decides where keys live and what disks hold.
uint64_t hash64(BytesView bytes, uint64_t seed = 0);
Hash128 hash128(BytesView bytes, uint64_t seed = 0);

}  // namespace kv
