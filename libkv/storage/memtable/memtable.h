// The newest writes, in memory, until they are flushed to an SSTable. One writer at a time (the
// loop, or at open whoever replays the log); any thread may read at the same time, without a lock
// (fingerprint_tree.h). Held by shared_ptr: values handed out point into it.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "libkv/storage/entry.h"
#include "libkv/storage/memory/arena.h"
#include "libkv/storage/memtable/fingerprint_tree.h"
#include "libkv/storage/range_drops.h"

namespace kv {

class Memtable : public std::enable_shared_from_this<Memtable> {
 public:
  /// Its memory comes from `blocks`, if not null, and goes back there.
  explicit Memtable(std::shared_ptr<ArenaBlocks> blocks = nullptr)
      : arena_(std::move(blocks)), entries_(arena_) {}

  /// REQUIRES: one writer at a time; sequences only rise.
  void add(const Entry& entry);
  /// The same for many: ordered by key and of one key the oldest first, all above those before.
  void add_sorted(std::span<const Entry* const> entries);
  /// Of a whole range, to be carried to the flush: it is the view that shows it to readers. The
  /// same is required.
  void add_drop(RangeDrop drop);
  /// Of an ingest, which brings nothing here but must be flushed in its turn. The same is required.
  void add_ingest(Sequence sequence);

  /// The newest version of `key` at or below `at`, a removal included, or nothing. Its views live
  /// as long as the memtable. Takes a step for each version above `at`.
  std::optional<Entry> find(BytesView key, Sequence at) const;

  /// Holds the memtable. Sees entries added later too: its user filters by sequence.
  std::unique_ptr<EntryIterator> iterator() const;

  size_t memory_bytes() const { return arena_.used_bytes() + drop_bytes_; }
  bool empty() const { return last_sequence_ == 0; }
  /// Oldest first. REQUIRES: as last_sequence().
  const std::vector<RangeDrop>& drops() const { return drops_; }
  /// Versions added. REQUIRES: as last_sequence().
  uint64_t entries() const { return count_; }
  /// Of the last entry or drop added; 0: none. REQUIRES: the writer, or nothing is added any
  /// more.
  Sequence last_sequence() const { return last_sequence_; }

 private:
  Arena arena_;
  FingerprintTree entries_;
  Sequence last_sequence_ = 0;
  uint64_t count_ = 0;
  std::vector<RangeDrop> drops_;
  size_t drop_bytes_ = 0;
};

}  // namespace kv
