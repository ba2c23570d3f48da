// An SSTable's index in memory: where each data block ends and lies. Parsed once when the table is
// opened, into arrays that a search touches little of: the first eight bytes behind what all keys
// share decide nearly always.
//
// Immutable; any thread may read.
#pragma once

#include <string>

#include "libkv/storage/entry.h"
#include "libkv/storage/table/stored_block.h"

namespace kv {

class Block;
class BlockIterator;

class TableIndex {
 public:
  /// Errors: corrupt, if the block does not parse or its keys do not ascend.
  static Result<TableIndex> parse(std::shared_ptr<const Block> block);

  size_t blocks() const { return handles_.size(); }
  /// The first block whose last entry is at or after (key, sequence); blocks() if there is none.
  size_t find(BytesView key, Sequence sequence) const;
  BlockHandle handle(size_t block) const { return handles_[block]; }
  size_t memory_bytes() const;

 private:
  // The two rounds of parse().
  Status take_handles(BlockIterator& entries);
  void take_keys(BlockIterator& entries);
  BytesView key(size_t block) const;  // Behind the common prefix.
  bool is_before(size_t block, BytesView rest, Sequence sequence) const;

  std::string common_;
  PoolString keys_;
  PoolVector<uint32_t> key_ends_;
  PoolVector<uint64_t> heads_;  // Of each key, its first eight bytes, as they compare.
  PoolVector<Sequence> sequences_;
  PoolVector<BlockHandle> handles_;
};

}  // namespace kv
