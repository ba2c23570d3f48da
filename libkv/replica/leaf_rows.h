// Merkle leaves on the disk: rows of the engine, beside the records that they sum up.
//
//   leaf row   space | partition | leaf   its sum, and of how many keys; none, if of none
//   mark       space | partition          the partition's rows are all there, and right
//
// Each write to a record writes the row of its leaf in the same batch, so that the two reach the
// log, a flush and a checkpoint together or not at all: a start has its trees without reading the
// data. A write that does not know its leaf's sum, as the tree is not there yet, strikes the mark
// in its batch. After damage all are dropped: a record may be lost whose leaf is not. Who drops a
// partition's data drops its mark with it. Pure.
#pragma once

#include <cstdint>

#include "libkv/base/bytes.h"
#include "libkv/base/result.h"
#include "libkv/model/ids.h"
#include "libkv/model/merkle_tree.h"
#include "libkv/storage/engine.h"

namespace kv {

void write_leaf_row(const PartitionKey& partition, uint32_t leaf, const LeafSum& sum,
                    WriteBatch* batch);
void write_leaf_mark(const PartitionKey& partition, WriteBatch* batch);
void strike_leaf_mark(const PartitionKey& partition, WriteBatch* batch);

/// What a partition's rows come to, and whether they are marked.
struct StoredLeaves {
  explicit StoredLeaves(unsigned partition_bits) : tree(partition_bits) {}
  /// One of its rows, or the mark. Errors: corrupt.
  Status read(BytesView key, BytesView value);

  MerkleTree tree;
  bool marked = false;
};

/// Whether a row of the leaves' space is one. Errors: corrupt.
Status check_leaf_row(BytesView key, BytesView value);

}  // namespace kv
