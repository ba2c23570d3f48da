// An index in memory, of a section or of a table's sections: where each of its blocks ends and
// lies. Parsed once when it is read, into arrays that a search touches little of: the first eight
// bytes behind what all keys share decide nearly always. What else neighbours share is there once
// for a run of them, so that long keys do not make it as large as the data; a run ends where much
// less would be shared:
//
//   runs_                 run 0 ──┐                          run 1 ──┐
//   keys_   │ prefix of run 0 │ rest 0 │ rest 1 │ … │ prefix of run 1 │ rest 9 │ …
//   key_ends_                          0        1                              9
//
// Immutable; any thread may read.
#pragma once

#include <string>
#include <vector>

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
  struct Run {
    uint32_t first;  ///< Block.
    uint32_t prefix_begin, prefix_end;
  };
  // The two rounds of parse(). `shared`: how much of each key the one before has, too.
  Status take_handles(BlockIterator& entries, std::vector<uint32_t>* shared);
  void take_keys(BlockIterator& entries, const std::vector<uint32_t>& shared);
  BytesView between(size_t begin, size_t end) const {
    return BytesView(keys_).substr(begin, end - begin);
  }
  bool is_before(size_t block, BytesView rest, Sequence sequence) const;

  std::string common_;
  PoolString keys_;  // All behind the common prefix.
  PoolVector<Run> runs_;
  PoolVector<uint32_t> run_of_;  // Of each block.
  PoolVector<uint32_t> key_ends_;
  PoolVector<uint64_t> heads_;  // Of each key, its first eight bytes, as they compare.
  PoolVector<Sequence> sequences_;
  PoolVector<BlockHandle> handles_;
};

}  // namespace kv
