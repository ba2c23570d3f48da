// The storage engine's interface: ordered keys and opaque values, atomic batches in one sequence.
//
// Threading: every call is made on the loop's thread and none waits for anything but a file
// operation; what takes longer runs on the environment's executor and completes on the loop.
// A batch is visible to reads as soon as apply() returns, and durable when the listener says so:
// callers acknowledge only then.
//
// Two implementations: `open_lsm_engine` (commit log, memtables, SSTables) and
// `open_memory_engine` (commit log and a map: for tests and mass simulation).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "libkv/base/bytes.h"
#include "libkv/base/environment.h"
#include "libkv/base/limits.h"
#include "libkv/base/result.h"
#include "libkv/meta/meta_store.h"
#include "libkv/storage/engine_stats.h"

namespace kv {

/// Counts operations from 1, without gaps, for the life of a data directory. 0: none.
using Sequence = uint64_t;

enum class Durability {
  always,    ///< Synced as soon as the log is free (groups form meanwhile).
  interval,  ///< Synced by the first apply() or on_tick() after `EngineOptions::sync_interval`.
  none,      ///< Whenever something else syncs. Ingest and benchmarks.
};

/// Puts and removals that become visible and durable together.
class WriteBatch {
 public:
  void put(BytesView key, BytesView value);
  void remove(BytesView key);
  size_t count() const { return count_; }
  /// Bytes of encoded(): keys, values, and a few bytes for each operation.
  size_t payload_bytes() const { return bytes_.size(); }
  bool empty() const { return count_ == 0; }
  void clear();
  /// So many of the bytes are not the user's: they count as written for his.
  void note_upkeep(size_t bytes) { upkeep_bytes_ += bytes; }
  size_t user_bytes() const { return bytes_.size() - upkeep_bytes_; }

  /// One operation as the batch holds it; views live as long as the batch is unchanged.
  struct Operation {
    bool is_put;
    BytesView key;
    BytesView value;
  };
  /// Calls `visit` for each operation in order. False if `encoded` does not parse (hostile bytes).
  static bool for_each(BytesView encoded, const std::function<void(const Operation&)>& visit);
  /// The operations as bytes, as the commit log stores them (format: write_batch.cc).
  BytesView encoded() const { return bytes_; }

 private:
  std::string bytes_;
  size_t count_ = 0;
  size_t upkeep_bytes_ = 0;
};

struct EngineOptions {
  /// Memtables, block cache, and filters and indexes of tables, all together
  /// (storage/memory/memory_budget.h).
  uint64_t memory_bytes = 256u << 20;
  /// Of one memtable, 2 KiB at least. 0: an eighth of memory_bytes, from 64 KiB to 64 MiB.
  uint64_t memtable_bytes = 0;
  /// The cache has no more, however much is left to it. 0: all that is left.
  uint64_t block_cache_bytes = 0;
  uint64_t log_segment_bytes = 4u << 20;
  /// Before compression. What a get from the disk reads: devices are paid by the page.
  uint32_t block_bytes = 4u << 10;
  /// So many blocks of a table share a filter and an index: what a get reads first that finds them
  /// not in memory.
  uint32_t section_blocks = 256;
  uint32_t bloom_bits_per_key = 10;
  /// Tables that are open at a time: each takes a file.
  size_t open_tables_max = limits::open_tables_max;
  /// Tables are read past the system's page cache where the file system can: their blocks are then
  /// in the engine's own cache or nowhere in memory.
  bool direct_reads = false;
  Duration sync_interval = 10ms;
  /// What nobody wants synced stays in the process up to so much, and is lost with it. 0: it leaves
  /// for the system as soon as the log is free.
  size_t log_held_bytes_max = limits::log_unsynced_bytes_max;
  /// When nothing has been written for so long, what is there is tidied.
  Duration idle_after = 5s;
  /// Keys that begin with the same bytes, so many, belong together (a partition): tables are cut
  /// between groups where that costs little. 0: there are no groups.
  size_t group_prefix_bytes = 0;
};

/// Where a read found its answer, for explain and counters.
enum class FoundIn { nowhere, memtable, cache, disk };

struct Lookup {
  std::optional<SharedBytes> value;  ///< Absent: no such key.
  FoundIn found_in = FoundIn::nowhere;
  int level = -1;  ///< Of the SSTable, where one answered.
};

/// Half-open range of keys; an empty `to` means no end.
struct KeyRange {
  std::string from;
  std::string to;
};

/// A key's value as of one instant, in key order over a range. Not thread-safe. Blocks are read by
/// next() itself: use it off the loop (Lane::read) or where waiting does no harm.
class EngineIterator {
 public:
  virtual ~EngineIterator() = default;
  virtual bool valid() const = 0;
  virtual void next() = 0;
  virtual BytesView key() const = 0;    ///< REQUIRES: valid(). Until next().
  virtual BytesView value() const = 0;  ///< REQUIRES: valid(). Until next().
  /// Ok unless reading failed (corrupt, io): then valid() is false and the range is not known.
  virtual Status status() const = 0;
  /// After `corrupt`: goes on behind the block that cannot be read, if it is known where that ends.
  /// What the block held does not show, and older versions of its keys may: for who merges all that
  /// he finds. False: there is no going on.
  virtual bool pass_over() { return false; }
};

/// All pairs as of one instant. Any thread may read, also while the engine goes on writing; reads
/// block while they need the disk. It keeps what it reads from being freed, in memory and on disk:
/// let it go soon. The environment must outlive it; the engine need not.
class EngineSnapshot {
 public:
  virtual ~EngineSnapshot() = default;
  virtual Sequence sequence() const = 0;
  /// Errors: corrupt, io.
  virtual Result<Lookup> get(BytesView key) const = 0;
  /// The snapshot must outlive the iterator, which is one thread's.
  virtual std::unique_ptr<EngineIterator> iterate(const KeyRange& range,
                                                  bool reverse = false) const = 0;
};

/// A range whose data failed a checksum: reads in it fail until it is refetched and dropped.
struct CorruptRange {
  std::string file;
  uint64_t offset;
  std::string what;
  KeyRange keys;
};

/// Where a checkpoint goes, and what goes with it.
struct CheckpointTarget {
  /// Made by the checkpoint, or empty; on the file system of the engine's own.
  std::string directory;
  /// Opens a store without rows, for the copy's manifest: in `directory`, if it is to be part of
  /// the copy. Called once, off the loop, and closed when the checkpoint is over.
  std::function<Result<std::unique_ptr<MetaStore>>()> open_meta;
  /// The caller's own rows, for other tables than the engine's: stored in one commit with the
  /// manifest, so that the copy has both or neither.
  MetaTransaction rows;
};

/// What recovery met, once, for the caller to act on (a new incarnation, refilling).
struct RecoveryReport {
  bool created = false;    ///< The directory was empty.
  bool clean = false;      ///< The last stop was close(); nothing can be missing.
  bool torn_tail = false;  ///< Bytes after the last whole record were cut. Never acknowledged.
  Sequence last_sequence = 0;
  std::vector<CorruptRange>
      corruption;  ///< Durable data was damaged: what lay there must be refetched.
};

class Engine {
 public:
  virtual ~Engine() = default;

  /// Applies the batch; returns the sequence of its last operation. Visible at once.
  /// Errors: `busy` (stalled: flushes are behind; try again at room_at()), `no_space`, `io` (after
  /// a failed sync every later call fails until restart), `invalid` (limits).
  virtual Result<Sequence> apply(const WriteBatch& batch, Durability durability) = 0;

  /// Removes every key of the range as of now, in a time that does not grow with their number:
  /// one operation, with the sequence that is returned. Snapshots and iterators from before still
  /// see them. What lay there leaves the disk in the background. Errors: those of apply(). A range
  /// that can hold no key is nothing to do.
  virtual Result<Sequence> drop_range(const KeyRange& range, Durability durability) = 0;

  /// When the next batch should come, so that writers are slowed before they are refused
  /// (write_pace.h). Not in the future: now. Instant::max(): apply() would say `busy` until the
  /// listener of on_room() is called. apply() does not insist on the former.
  virtual Instant room_at() { return Instant::min(); }
  /// Called on the loop when work in the background has made room; perhaps nobody wanted it.
  virtual void on_room(std::function<void()> /*listener*/) {}
  /// When on_tick() is due; Instant::max(): by nothing that is known now. Asked after each turn.
  virtual Instant next_wake() const { return Instant::max(); }
  /// What is done by the clock: syncs that are due, another try where there was no room, the end of
  /// a compaction's rest, and tidying. Afterwards next_wake() > now.
  virtual void on_tick(Instant /*now*/) {}

  /// Every sequence up to this one is durable.
  virtual Sequence durable_sequence() const = 0;
  /// Called on the loop when the durable sequence has risen, or with the error that ended writing.
  virtual void on_durable(std::function<void(Result<Sequence>)> listener) = 0;
  /// Asks for a sync of everything applied so far, whatever its durability.
  virtual void sync() = 0;
  /// What is applied between the two leaves for the log as one group. Without them, every batch
  /// leaves as soon as the log is free. begin_turn() may be repeated.
  virtual void begin_turn() = 0;
  virtual void end_turn() = 0;

  /// The answer if no disk is needed, else nothing: use get().
  virtual std::optional<Result<Lookup>> get_if_cached(BytesView key) = 0;
  /// The same for many keys, in their order; the waits for memory overlap.
  virtual std::vector<std::optional<Result<Lookup>>> get_many_if_cached(
      std::span<const BytesView> keys);
  /// Completes on the loop, never before returning. corrupt: a block of this key's fails.
  virtual void get(BytesView key, std::function<void(Result<Lookup>)> done) = 0;

  using Lookups = std::vector<Result<Lookup>>;
  /// Many keys at once, answered in their order: now, if no disk is needed; else nothing is
  /// returned and `done` gets the answers on the loop later. The waits for memory, and those for
  /// the disk, overlap.
  virtual std::optional<Lookups> multi_get(std::span<const BytesView> keys,
                                           std::function<void(Lookups)> done);

  /// The range as of now, forward or backward. Later writes do not show. The engine must outlive
  /// it.
  virtual std::unique_ptr<EngineIterator> iterate(const KeyRange& range, bool reverse = false) = 0;

  /// Everything as of now.
  virtual std::shared_ptr<const EngineSnapshot> snapshot() = 0;

  /// Takes tables that IngestWriter made (table/ingest_writer.h), without writing their pairs
  /// again: they are verified, linked into the tree, and visible all at once when `done` gets the
  /// sequence that all of them have, on the loop, never before returning. They are newer than what
  /// was written before the call and older than what is written after it. The files stay the
  /// caller's to remove; their keys must not overlap. One call at a time. The engine in memory
  /// takes the pairs as one batch, and `done` gets the last of its sequences. Errors: busy,
  /// corrupt, invalid (not such a table, or one overlaps another), not_found, format, no_space,
  /// unavailable; then nothing has changed but the last sequence. io: after a failed commit it is
  /// not known, and the engine refuses further writes.
  virtual void ingest(std::vector<std::string> paths,
                      std::function<void(Result<Sequence>)> done) = 0;

  /// Makes a copy of everything as of now, without copying it: hard links of the tables, and a
  /// manifest. It opens as an engine of its own, whose last stop was not a clean one, and does not
  /// change with this one. Writes go on meanwhile. An ingest that is not over is in it or not.
  /// `done` gets the sequence up to which it holds everything, on the loop, never before returning.
  /// (Of the engine in memory it is a log of all pairs.) One at a time. Errors: busy (one is being
  /// made), invalid (the directory has files, or the store has a manifest), no_space, io,
  /// unavailable; then nothing is left that opens.
  virtual void checkpoint(CheckpointTarget target, std::function<void(Result<Sequence>)> done) = 0;

  /// From now on so much of the memory budget is not to be had: the block cache does without it.
  virtual void withhold_memory(uint64_t /*bytes*/) {}
  /// Gives the system, in the background, what is kept of memory that nobody uses: by the engine,
  /// and by the process's allocator.
  virtual void trim_memory() {}

  virtual EngineStats stats() const = 0;
  virtual const RecoveryReport& recovery() const = 0;

  /// Syncs, leaves the clean flag, and refuses everything afterwards. Waits for running work; gets
  /// that have not begun are answered `unavailable`.
  virtual Status close() = 0;
};

/// Opens or creates the data directory and recovers what the log holds.
/// REQUIRES: the caller holds the directory's lock; `environment` and `meta` outlive the engine.
/// Errors: corrupt, format, io, no_space.
Result<std::unique_ptr<Engine>> open_lsm_engine(Environment& environment, MetaStore& meta,
                                                const std::string& directory,
                                                const EngineOptions& options);
Result<std::unique_ptr<Engine>> open_memory_engine(Environment& environment, MetaStore& meta,
                                                   const std::string& directory,
                                                   const EngineOptions& options);

}  // namespace kv
