// The engine on disk: commit log → memtable → SSTables (engine.h says what it promises).
//
//   apply ──▶ commit log group ──▶ Lane::log_sync ──▶ on_durable
//     └─────▶ active memtable ─(full)─▶ waiting memtables ─▶ flush ─▶ level 0 ─▶ compaction ─▶ …
//                                                 Lane::background
// State changes on the loop only: jobs on lanes get what they need by shared_ptr, and their results
// are installed when they complete. Readers hold a ReadView and never wait for any of it.
//
//   lsm_open.cc        opening: the manifest, and what the log brings
//   lsm_engine.cc      flushes and compactions: what is started, and what is installed
//   lsm_reads.cc       reads by key
//   lsm_pace.cc        who may write when
//   lsm_tidy.cc        what is done when nothing is written
//   lsm_drops.cc, lsm_checkpoint.cc, lsm_ingest.cc    work on whole ranges
//   lsm_stats.cc       the counters
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <string>

#include "libkv/base/lane_tasks.h"
#include "libkv/storage/engine.h"
#include "libkv/storage/engines/block_reads.h"
#include "libkv/storage/engines/checkpoint.h"
#include "libkv/storage/engines/compaction_pace.h"
#include "libkv/storage/engines/flush.h"
#include "libkv/storage/engines/ingest.h"
#include "libkv/storage/engines/read_view.h"
#include "libkv/storage/engines/write_pace.h"
#include "libkv/storage/levels/compaction.h"
#include "libkv/storage/levels/compaction_picker.h"
#include "libkv/storage/levels/manifest.h"
#include "libkv/storage/log/commit_log.h"

namespace kv {

class LsmEngine final : public Engine {
 public:
  /// What recovery (lsm_open.cc) hands over.
  struct Parts {
    std::string directory;
    EngineOptions options;
    Manifest manifest;
    std::shared_ptr<TableCache> cache;
    std::shared_ptr<ArenaBlocks> blocks;
    std::shared_ptr<ObsoleteTables> obsolete;
    std::shared_ptr<TableDirectory> table_directory;
    std::shared_ptr<const ReadView> view;
    CommitLog::Options log;
    RecoveryReport report;
  };
  LsmEngine(Environment& environment, Parts parts);
  /// Prepares the log and starts what work is due. Once, before anything else.
  Status start(Sequence flushed);

  Result<Sequence> apply(const WriteBatch& batch, Durability durability) override;
  Instant room_at() override;
  void on_room(std::function<void()> listener) override;
  Instant next_wake() const override;
  void on_tick(Instant now) override;
  Result<Sequence> drop_range(const KeyRange& range, Durability durability) override;
  Sequence durable_sequence() const override { return log_.durable_sequence(); }
  void on_durable(std::function<void(Result<Sequence>)> listener) override {
    log_.on_durable(std::move(listener));
  }
  void sync() override { log_.sync(); }
  void begin_turn() override { log_.begin_turn(); }
  void end_turn() override { log_.end_turn(); }
  std::optional<Result<Lookup>> get_if_cached(BytesView key) override;
  std::vector<std::optional<Result<Lookup>>> get_many_if_cached(
      std::span<const BytesView> keys) override;
  void get(BytesView key, std::function<void(Result<Lookup>)> done) override;
  std::optional<Lookups> multi_get(std::span<const BytesView> keys,
                                   std::function<void(Lookups)> done) override;
  std::unique_ptr<EngineIterator> iterate(const KeyRange& range, bool reverse) override;
  std::shared_ptr<const EngineSnapshot> snapshot() override;
  void ingest(std::vector<std::string> paths, std::function<void(Result<Sequence>)> done) override;
  void checkpoint(CheckpointTarget target, std::function<void(Result<Sequence>)> done) override;
  void withhold_memory(uint64_t bytes) override;
  void trim_memory() override;
  EngineStats stats() const override;
  const RecoveryReport& recovery() const override { return report_; }
  Status close() override;

 private:
  // lsm_reads.cc: keys whose blocks are not in memory.
  struct PendingGet;
  struct ManyReads;
  void tell_later(std::function<void(Result<Lookup>)> done, Result<Lookup> answer);
  bool await_piece(const std::shared_ptr<PendingGet>& pending);
  void go_on(const std::shared_ptr<PendingGet>& pending, const BlockReads::Outcome& read);
  static Result<Lookup> look_up_on_lane(const ReadView& view, TableCache& cache, BytesView key,
                                        Sequence at);
  void get_on_lane(const std::shared_ptr<PendingGet>& pending);
  void await_one_of(const std::shared_ptr<ManyReads>& reads, BytesView key, size_t index);
  void run_on_lanes(const std::shared_ptr<ManyReads>& reads);
  void read_some(const std::shared_ptr<ManyReads>& reads, size_t begin, size_t end);

  // lsm_pace.cc: who may write when.
  Status make_room();
  bool may_pass_walls() const;
  bool may_rotate() const;
  Status make_memtable_room();
  Status refuse(const char* why);
  void retry_if_due();
  const char* wall() const;
  void begin_stall();
  void end_stall();
  void room_made();
  void pace(uint64_t bytes);
  void ready_block();
  void note_debt();
  void note_version();
  void note_flushed();
  void rotate_memtable();

  // lsm_tidy.cc: what is done when nothing is written.
  void tidy_on_tick(Instant now);
  bool tidy_one_thing();

  void start_work();
  void start_flush();
  void flush_over(Flush& flush);
  bool is_flushed(Sequence sequence) const;
  void copy_if_flushed();
  void fail_checkpoint(const Status& status);
  Status may_ingest(const std::vector<std::string>& paths);
  void verify_ingested();
  void link_ingested();
  void commit_ingest();
  void ingest_committed();
  void fail_ingest(const Status& status);
  bool keeps_drops() const;
  void start_compaction();
  void begin_compaction(CompactionPlan plan);
  void step_compaction();
  void compaction_stepped();
  void compaction_failed(std::shared_ptr<Compaction> ended);
  bool end_step();  // True: a rest follows.
  void end_rest();
  void release_held_flush();
  void install_compaction();
  void install_flushed(std::shared_ptr<ReadView> next, const std::vector<RangeDrop>& drops);
  void install_compacted(std::shared_ptr<ReadView> next, const std::vector<Sequence>& idle);
  /// Tells of a job's failure. `is_final`: it ends writing.
  void job_failed(const char* job, const Error& error, bool is_final);
  /// Nothing has changed: there was no room, or the manifest was busy. It is tried again soon.
  void rest_if_undone(const Error& error);
  void remove_obsolete_files();
  void count_memory(EngineStats& stats) const;
  std::string refusing() const;
  static Error closed_error() { return {ErrorKind::unavailable, "the engine is closed"}; }
  TablePtr new_table(const TableInfo& info) const;

  Environment& environment_;
  const std::string directory_;
  const EngineOptions options_;
  const CompactionOptions compaction_options_;
  Manifest manifest_;
  std::shared_ptr<TableCache> cache_;
  std::shared_ptr<ObsoleteTables> obsolete_;
  std::shared_ptr<TableDirectory> table_directory_;
  std::shared_ptr<const ReadView> view_;
  const std::shared_ptr<ArenaBlocks> blocks_;
  CommitLog log_;
  const std::shared_ptr<std::atomic<Sequence>> durable_ =
      std::make_shared<std::atomic<Sequence>>(0);  // Of the log; for any thread.
  RecoveryReport report_;
  CompactionPicker picker_;
  std::weak_ptr<const Version> settled_;  // Of which there is nothing to compact.

  bool closed_ = false;
  bool drop_frees_tables_ = false;  // Once it is flushed: one in the active memtable.
  bool flush_running_ = false;
  /// The log is damaged, and a flush would let go of what tells of it: none before this, unless
  /// what the caller makes of it is synced, or somebody waits for a flush.
  std::optional<Instant> flush_at_;
  bool readying_block_ = false;
  bool trimming_ = false;
  std::shared_ptr<Compaction> compaction_;
  std::shared_ptr<Checkpoint> checkpoint_;  // Until its files are being linked.
  bool checkpoint_running_ = false;
  std::shared_ptr<Ingest> ingest_;  // Null: there is none.
  enum class IngestState { linking, ready, committing };
  IngestState ingest_state_ = IngestState::linking;
  std::optional<Error> resting_;  // Why jobs rest: no room, or somebody reads the manifest.
  Instant resting_since_{};
  std::optional<ErrorKind> told_;            // Of the last job that failed; none once one did not.
  std::optional<Error> no_room_to_compact_;  // As the last one said.
  std::optional<Instant> compact_at_;  // No sooner: no room, or an unreadable input, just now.
  Duration compact_pause_{};           // Before that; longer each time it fails again.
  CompactionPace compaction_pace_;
  CompactionPace::Wait log_wait_;
  std::optional<Instant> step_at_;  // The next step of the compaction, which rests.
  const uint64_t log_bytes_soft_;   // From here on a forming group is a debt.
  WritePace pace_;
  struct Filled {
    uint64_t bytes;
    Instant at;
  };
  std::deque<Filled> filled_;  // Of the waiting memtables, oldest first; not of recovered ones.
  uint64_t active_bytes_ = 0;  // Of keys and values that the active memtable took.
  uint64_t excess_bytes_ = 0;  // What the levels below 0 have over their targets.
  std::optional<Instant> stalled_since_;
  std::function<void()> room_listener_;
  Sequence tidied_at_ = 0;          // What had been written when last looked.
  std::optional<Instant> tidy_at_;  // Absent: all is tidy.
  EngineStats counted_;
  BlockReads block_reads_;
  LaneTasks tasks_;  // Last: nothing runs any more when the rest is destroyed.
};

}  // namespace kv
