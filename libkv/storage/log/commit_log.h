// The commit log as the loop sees it. append() numbers a batch and puts it into the group that is
// forming; if no group is on its way the forming one is handed to Lane::log_sync, else the next
// forms meanwhile. When a group is synced the durable sequence rises and the listener is called:
//
//     loop      append append | append append append | append …
//                    group 1 -> (write, sync)  group 2 -> (write, sync)
//
// Lives on the loop's thread; the lane's half is LogWriter. A failed write or sync is final: the
// listener gets the error, write_status() keeps it, and no later append is allowed. Only a group
// for whose next segment the disk has no room waits, and is tried again. Small batches of a group
// share records, of which each is there or is not, after a crash, as a batch alone would be: so the
// log has little more than what it is told.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libkv/base/environment.h"
#include "libkv/base/lane_tasks.h"
#include "libkv/base/limits.h"
#include "libkv/storage/engine.h"
#include "libkv/storage/log/log_records.h"
#include "libkv/storage/log/log_recovery.h"
#include "libkv/storage/log/log_segment_pool.h"
#include "libkv/storage/log/log_writer.h"

namespace kv {

class CommitLog {
 public:
  struct Options {
    std::string directory;
    uint64_t segment_bytes = 0;
    Duration sync_interval{};
    uint64_t forming_bytes_max = limits::log_forming_bytes_max;  ///< Then it is full.
    size_t held_bytes_max = limits::log_unsynced_bytes_max;      ///< EngineOptions has it.
    uint64_t secret = 0;
    uint64_t next_number = 1;
    Sequence last_sequence = 0;  ///< All up to it is durable.
    std::vector<OldLogSegment> old_segments;
    std::function<Status()> before_first_write;
  };

  /// `environment` must outlive it.
  CommitLog(Environment& environment, Options options);

  /// Writes a first spare segment, so that the first append need not wait for one.
  Status prepare();

  /// Ok if append() may be called. Else the failure that ended writing; `busy` if
  /// it is full; `no_space` while no next segment can be made ready, so that a full
  /// disk refuses writes before one of them fails (it is tried again once a second).
  Status ready();
  /// Returns the sequence of the batch's last operation.
  /// REQUIRES: ready() is ok, and the batch is not empty.
  Sequence append(const WriteBatch& batch, Durability durability);
  /// Returns the sequence of the drop. REQUIRES: ready() is ok, and the range can hold a key.
  Sequence append_drop(const KeyRange& range, Durability durability);
  /// Returns the sequence that an ingest is to have. REQUIRES: ready() is ok.
  Sequence append_ingest(Durability durability);
  /// What is appended from here on shares no record with what came before: a flush that ends here
  /// leaves no record half needed.
  void end_record() { forming_.end_record(); }
  /// Asks for a sync of everything appended so far.
  void sync();
  /// When on_tick() is due: an interval ends, or a full disk is tried again.
  Instant next_wake() const;
  void on_tick(Instant now);
  /// From here to end_turn() nothing is handed to the log's thread: one turn of the loop is one
  /// group, where the first of its batches would else leave alone and the others wait for it.
  void begin_turn() { in_turn_ = true; }
  void end_turn();

  Sequence last_sequence() const { return last_sequence_; }
  Sequence durable_sequence() const { return durable_sequence_; }
  void on_durable(std::function<void(Result<Sequence>)> listener) {
    listener_ = std::move(listener);
  }
  /// Ok while the log takes writes; else the error that ended writing.
  const Status& write_status() const { return writing_; }
  /// write_status(); where that is ok, why the log waits for room, if it does. Being behind is ok.
  const Status& room_status() const { return writing_ ? spare_status_ : writing_; }
  /// Nothing has failed, not even for want of room.
  bool is_sound() const { return room_status().has_value(); }
  /// Of the forming group.
  uint64_t forming_bytes() const { return forming_.bytes(); }
  /// The forming group is at its bound.
  bool is_full() const;
  /// Called when it is no longer full.
  void on_room(std::function<void()> listener) { room_listener_ = std::move(listener); }
  /// Called as a sync begins, and as it is over or put off for want of room. One at a time.
  void on_syncs(std::function<void()> begins, std::function<void()> over) {
    sync_begins_ = std::move(begins);
    sync_over_ = std::move(over);
  }
  /// Ends writing for another reason than the log's own.
  void fail_with(const Error& error);

  /// Nothing up to `flushed` is needed for recovery any more: segments may be recycled.
  void release(Sequence flushed);
  /// Room that groups formed in goes back to the system.
  void forget_room() { forming_.forget_room(); }
  /// Keeps so many spare segments. False: there are no more.
  bool remove_spares(size_t keep);

  /// Returns when everything appended is synced, or with the failure.
  Status drain();

  uint64_t log_bytes() const;
  size_t segment_count() const { return segments_.size(); }
  uint64_t written_bytes() const { return written_bytes_; }
  uint64_t syncs() const { return syncs_; }
  uint64_t groups() const { return groups_; }

 private:
  void add_alone(LogRecordKind kind, BytesView payload);
  Sequence appended(size_t count, Durability durability);
  void hand_over_if_due();
  void hand_over(std::shared_ptr<LogGroup> group, Sequence last);
  void try_for_room_if_due(Instant now);
  void try_for_room();
  void group_over(const std::shared_ptr<LogGroup>& group, Sequence last, LogGroupResult result);
  void note_segments(const LogGroupResult& result);
  void remove_files(std::vector<std::string> paths);
  void prepare_spare_if_needed();
  void start_spare();

  Environment& environment_;
  const uint64_t segment_bytes_;
  const Duration sync_interval_;
  const size_t held_bytes_max_;
  const uint64_t forming_bytes_max_;
  std::shared_ptr<LogSegmentPool> pool_;
  std::shared_ptr<LogWriter> writer_;
  std::function<void(Result<Sequence>)> listener_;
  std::function<void()> room_listener_;
  std::function<void()> sync_begins_, sync_over_;

  LogRecords forming_;
  bool sync_wanted_ = false;
  bool interval_running_ = false;
  Instant interval_began_{};
  bool group_running_ = false;
  std::shared_ptr<LogGroup> waiting_;  // For room on the disk; what is appended forms behind it.
  Sequence waiting_last_ = 0;
  bool in_turn_ = false;
  bool spare_running_ = false;
  Status spare_status_;
  Instant spare_tried_{};
  Sequence last_sequence_;
  Sequence durable_sequence_;
  Status writing_;
  std::vector<OldLogSegment> segments_;  // Oldest first; the last may still be written.

  uint64_t written_bytes_ = 0, syncs_ = 0, groups_ = 0, groups_since_sync_ = 0;
  LaneTasks tasks_;
};

}  // namespace kv
