// A block in memory, and a walk over it. The bytes passed their checksum, yet nothing here trusts
// them: a block that does not parse ends the walk with `corrupt`. Layout: block_builder.h.
// A Block is immutable and may be shared by threads; an iterator is one thread's.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "libkv/storage/entry.h"
#include "libkv/storage/memory/block_bytes.h"

namespace kv {

class Block {
 public:
  explicit Block(BlockBytes bytes);
  explicit Block(BytesView bytes) : Block(BlockBytes(bytes)) {}
  BytesView bytes() const { return bytes_.view(); }
  size_t memory_bytes() const { return bytes_.memory_bytes() + sizeof(*this); }

  /// The first entry at or after (key, sequence), if it is of this very key, whose hash is
  /// `key_hash`. Nothing is copied: the entry's key is the one given. Sets `corrupt` where the
  /// bytes do not parse.
  std::optional<Entry> find(BytesView key, uint64_t key_hash, Sequence sequence,
                            bool* corrupt) const;

  /// Prefetches what the destructor will look at.
  void prefetch_end() const { bytes_.prefetch_end(); }
  /// Prefetches what find() will look at.
  void prefetch(uint64_t key_hash) const;

 private:
  friend class BlockIterator;
  struct Parsed;
  uint32_t restart(uint32_t index) const;
  uint8_t restart_of(uint64_t key_hash) const;
  bool parse(uint32_t offset, Parsed* entry) const;
  bool restart_for(BytesView key, Sequence sequence, uint32_t* offset) const;
  std::optional<Entry> find_from(uint32_t offset, BytesView key, Sequence sequence,
                                 bool* corrupt) const;

  const BlockBytes bytes_;
  uint32_t entries_end_ = 0;
  uint32_t restarts_ = 0;  // 0: empty or malformed.
  uint32_t buckets_ = 0;   // Behind the restarts. 0: it has no hash index.
  bool malformed_ = false;
};

class BlockIterator final : public EntryIterator {
 public:
  explicit BlockIterator(std::shared_ptr<const Block> block) : block_(std::move(block)) {}
  BlockIterator(const BlockIterator&) = delete;  // It stands on its own entry.
  BlockIterator& operator=(const BlockIterator&) = delete;

  void seek(BytesView key, Sequence sequence) override;
  void seek_to_first() override;
  void seek_before(BytesView key) override;
  void seek_to_last() override;
  void next() override;
  void prev() override;
  Status status() const override;

  const std::shared_ptr<const Block>& block() const { return block_; }

 private:
  void go_to_restart(uint32_t index);
  bool decode_at(uint32_t offset);
  void walk_to_last_below(uint32_t end_offset);
  void refuse();

  std::shared_ptr<const Block> block_;
  std::string key_;
  Entry entry_;
  uint32_t offset_ = 0;  // Of the current entry.
  uint32_t next_ = 0;
  bool corrupt_ = false;
};

}  // namespace kv
