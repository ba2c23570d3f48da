// The Merkle tree of one partition at one replica: 2^20 / Q leaves (a million in all). A leaf is
// the sum, modulo 2^64, of the hashes of (key, record digest) of its keys, so a write updates it by
// "minus the old, plus the new"; an inner node hashes its children; the root stands for all.
//
//                      root
//                 /            \            inner: hash of the children's hashes, 16 children each
//            node   …          node
//           /    \            /    \        .
//        leaf … leaf       leaf … leaf      leaf: Σ hash64(keyspace, key, digest)
//
// Beside each sum stands how many keys it is of, which members do not compare.
//
// Two replicas with equal roots hold equal records (Merkle 1987; DeCandia et al. 2007, 4.7).
// A pure value. Leaves are allocated on first use.
#pragma once

#include <cstdint>
#include <vector>

#include "libkv/base/bytes.h"
#include "libkv/base/hash.h"
#include "libkv/model/ids.h"
#include "libkv/model/token.h"

namespace kv {

/// Of the keys of a leaf, modulo 2^64 and 2^16, or by how much that changes: a thousand keys a leaf
/// are a billion.
struct LeafSum {
  uint64_t hash = 0;
  uint16_t keys = 0;

  LeafSum& operator+=(const LeafSum& other);
  LeafSum& operator-=(const LeafSum& other);
  bool operator==(const LeafSum&) const = default;
};

class MerkleTree {
 public:
  static constexpr unsigned kLeafBits = 20;  ///< Over all partitions together.
  static constexpr uint32_t kChildren = 16;

  /// REQUIRES: partition_bits < kLeafBits.
  explicit MerkleTree(unsigned partition_bits);

  uint32_t leaf_count() const { return leaf_count_; }
  /// Which leaf of its partition a token falls in.
  uint32_t leaf_of(Token token) const;
  /// Of one key.
  void add(uint32_t leaf, uint64_t hash) { add(leaf, LeafSum{hash, 1}); }
  void add(uint32_t leaf, const LeafSum& sum);
  /// Leaf by leaf. REQUIRES: it has as many leaves.
  void add(const MerkleTree& other);
  uint64_t leaf(uint32_t index) const { return sum(index).hash; }
  LeafSum sum(uint32_t leaf) const;
  uint64_t keys() const { return keys_; }  ///< Of all leaves.
  /// Levels below the root: node(0, 0) is the root, node(depth(), i) is leaf i, and the children of
  /// node(l, i) are node(l + 1, 16 i) and those that follow it.
  unsigned depth() const;
  uint32_t node_count(unsigned level) const;  ///< REQUIRES: level <= depth().
  /// Computed from the leaves below it; 0 where there is no key. REQUIRES: index <
  /// node_count(level).
  uint64_t node(unsigned level, uint32_t index) const;
  /// The hash over all leaves; 0 for a tree without any key.
  uint64_t root() const;
  /// Leaves that are not zero, as (index, sum), in order.
  std::vector<std::pair<uint32_t, uint64_t>> leaves() const;
  uint64_t memory_bytes() const;
  /// Leaf by leaf.
  bool operator==(const MerkleTree& other) const;

 private:
  unsigned partition_bits_;
  uint32_t leaf_count_;
  std::vector<uint64_t> leaves_;  ///< Empty until the first add.
  std::vector<uint16_t> counts_;  ///< Of their keys; as many.
  uint64_t keys_ = 0;
};

/// What one key contributes to its leaf.
uint64_t leaf_hash(KeyspaceId keyspace, BytesView key, const Hash128& record_digest);

}  // namespace kv
