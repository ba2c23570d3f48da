#include "libkv/storage/log/commit_log.h"

#include <algorithm>
#include <utility>

#include "libkv/base/assert.h"
#include "libkv/base/limits.h"
#include "libkv/base/planted.h"
#include "libkv/storage/entry.h"
#include "libkv/storage/file_names.h"
#include "libkv/storage/range_drops.h"

namespace kv {

namespace {

/// The room of as many pieces is kept as a log forms that is behind, but not yet too far.
LogRecords records_for(const CommitLog::Options& options) {
  const uint64_t soft_bytes = options.forming_bytes_max / limits::log_forming_soft_share;
  const uint64_t piece_bytes = std::min(options.segment_bytes / 2, soft_bytes);
  return {static_cast<size_t>(piece_bytes), static_cast<size_t>(soft_bytes / piece_bytes)};
}

/// What whoever writes meanwhile is told. Not `busy`, which is to be tried again at once.
Status why_nothing_is_taken(const Error& error) {
  return fail(error.kind == ErrorKind::busy ? ErrorKind::unavailable : error.kind, error.what);
}

}  // namespace

CommitLog::CommitLog(Environment& environment, Options options)
    : environment_(environment),
      segment_bytes_(options.segment_bytes),
      sync_interval_(options.sync_interval),
      held_bytes_max_(options.held_bytes_max),
      forming_bytes_max_(options.forming_bytes_max),
      pool_(std::make_shared<LogSegmentPool>(environment.files, options.directory,
                                             options.segment_bytes)),
      writer_(std::make_shared<LogWriter>(pool_, options.secret, options.next_number,
                                          std::move(options.before_first_write))),
      forming_(records_for(options)),
      last_sequence_(options.last_sequence),
      durable_sequence_(options.last_sequence),
      segments_(std::move(options.old_segments)),
      tasks_(environment.executor) {}

// Without room there are no writes until there is some; reads need none.
Status CommitLog::prepare() {
  const Status ready = pool_->empty() ? pool_->prepare_spare() : Status{};
  if (ready || ready.error().kind != ErrorKind::no_space) return ready;
  spare_status_ = ready;
  spare_tried_ = environment_.clock.now();
  environment_.log.warning("log_waits_for_room", {{"what", ready.error().what}});
  return {};
}

Status CommitLog::ready() {
  if (!writing_) return writing_;
  if (!spare_status_) {
    try_for_room_if_due(environment_.clock.now());
    return spare_status_;
  }
  if (is_full()) return fail(ErrorKind::busy, "the commit log is behind");
  return {};
}

bool CommitLog::is_full() const {
  return forming_.bytes() >= forming_bytes_max_;
}

Sequence CommitLog::append(const WriteBatch& batch, Durability durability) {
  KV_ASSERT(writing_ && !batch.empty());
  forming_.add_batch(last_sequence_ + 1, static_cast<uint32_t>(batch.count()), batch.encoded());
  return appended(batch.count(), durability);
}

Sequence CommitLog::append_drop(const KeyRange& range, Durability durability) {
  add_alone(LogRecordKind::range_drop, encode_key_range(range));
  return appended(1, durability);
}

Sequence CommitLog::append_ingest(Durability durability) {
  add_alone(LogRecordKind::ingest, {});
  return appended(1, durability);
}

void CommitLog::add_alone(LogRecordKind kind, BytesView payload) {
  KV_ASSERT(writing_);
  forming_.add(kind, last_sequence_ + 1, 1, payload);
}

Sequence CommitLog::appended(size_t count, Durability durability) {
  last_sequence_ += count;
  if (durability == Durability::always) sync_wanted_ = true;
  if (durability == Durability::interval) {
    const Instant now = environment_.clock.now();
    if (!interval_running_) interval_began_ = now;
    interval_running_ = true;
    if (now - interval_began_ >= sync_interval_) sync_wanted_ = true;
  }
  hand_over_if_due();
  return last_sequence_;
}

void CommitLog::end_turn() {
  in_turn_ = false;
  hand_over_if_due();
}

void CommitLog::sync() {
  if (!writing_ || durable_sequence_ == last_sequence_) return;
  sync_wanted_ = true;
  hand_over_if_due();
}

Instant CommitLog::next_wake() const {
  Instant at = Instant::max();
  if (!writing_) return at;
  if (interval_running_ && !sync_wanted_) at = interval_began_ + sync_interval_;
  if (!spare_status_) at = std::min(at, spare_tried_ + limits::disk_full_retry_interval);
  return at;
}

void CommitLog::on_tick(Instant now) {
  if (!writing_) return;
  if (!spare_status_) try_for_room_if_due(now);
  if (!interval_running_ || now - interval_began_ < sync_interval_) return;
  interval_running_ = false;
  if (!KV_PLANTED(interval_without_end)) sync();
}

void CommitLog::hand_over_if_due() {
  if (group_running_ || waiting_ || in_turn_ || !writing_) return;
  if (!sync_wanted_ && !is_full() && forming_.bytes() <= held_bytes_max_) return;
  auto group = std::make_shared<LogGroup>();
  group->records = forming_.take();
  group->durable = durable_sequence_;
  group->sync = sync_wanted_;
  if (group->sync) interval_running_ = false;
  groups_since_sync_ = group->sync ? 0 : groups_since_sync_ + 1;
  pool_->prewrite(groups_since_sync_ < limits::log_groups_without_sync);
  sync_wanted_ = false;
  ++groups_;
  hand_over(std::move(group), last_sequence_);
}

void CommitLog::hand_over(std::shared_ptr<LogGroup> group, Sequence last) {
  group_running_ = true;
  if (group->sync && sync_begins_) sync_begins_();
  auto result = std::make_shared<LogGroupResult>();
  tasks_.run(
      Lane::log_sync, [writer = writer_, group, result] { *result = writer->write(*group); },
      [this, group, result, last] { group_over(group, last, std::move(*result)); });
}

void CommitLog::try_for_room_if_due(Instant now) {
  if (now - spare_tried_ >= limits::disk_full_retry_interval && !KV_PLANTED(never_try_for_room))
    try_for_room();
}

void CommitLog::try_for_room() {
  spare_tried_ = environment_.clock.now();
  if (waiting_)
    hand_over(std::exchange(waiting_, nullptr), waiting_last_);
  else if (!pool_->empty())
    spare_status_ = {};
  else
    prepare_spare_if_needed();
}

void CommitLog::group_over(const std::shared_ptr<LogGroup>& group, Sequence last,
                           LogGroupResult result) {
  group_running_ = false;
  written_bytes_ += result.written_bytes;
  syncs_ += result.syncs;
  note_segments(result);
  if (result.waits_for_room) {
    if (group->sync && sync_over_) sync_over_();
    waiting_ = group;
    waiting_last_ = last;
    if (spare_status_)
      environment_.log.warning("log_waits_for_room", {{"what", result.status.error().what}});
    spare_status_ = why_nothing_is_taken(result.status.error());
    spare_tried_ = environment_.clock.now();
    return;
  }
  if (!result.status) return fail_with(result.status.error());
  forming_.keep_room(std::move(group->records));
  if (!result.begun.empty()) spare_status_ = {};
  // Writing has ended meanwhile for another reason: the error was the listener's last word.
  if (!writing_) return;
  const bool risen = group->sync && last > durable_sequence_;
  if (risen) durable_sequence_ = last;
  if (group->sync && sync_over_) sync_over_();
  // The next group leaves before the listener runs, so that the disk does not wait for it: the
  // turn's batches are in it, as completions follow its frames.
  const bool was_full = is_full();
  end_turn();
  prepare_spare_if_needed();
  if (risen && listener_) listener_(durable_sequence_);
  if (was_full && !is_full() && room_listener_) room_listener_();
}

void CommitLog::fail_with(const Error& error) {
  if (!writing_) return;
  writing_ = fail(error);
  (void)forming_.take();
  forming_.forget_room();
  environment_.log.error("log_failed", {{"what", error.what}});
  if (listener_) listener_(fail(error));
}

void CommitLog::note_segments(const LogGroupResult& result) {
  for (const auto& begun : result.begun) {
    if (!segments_.empty() && segments_.back().last == kNewest)
      segments_.back().last = begun.first - 1;
    segments_.push_back(
        {pool_->directory() + "/" + log_file_name(begun.number), kNewest, begun.bytes});
  }
}

void CommitLog::prepare_spare_if_needed() {
  if (!spare_running_ && pool_->empty() && writing_) start_spare();
}

void CommitLog::start_spare() {
  spare_running_ = true;
  spare_tried_ = environment_.clock.now();
  auto status = std::make_shared<Status>();
  tasks_.run(
      Lane::background, [pool = pool_, status] { *status = pool->prepare_spare(); },
      [this, status] {
        spare_running_ = false;
        // Only a lack of room is worth waiting for. Any other failure ends writing when the log's
        // lane meets it too.
        const bool full = !*status && status->error().kind == ErrorKind::no_space;
        const bool is_known = full && !spare_status_;  // It is tried again each second.
        if (!waiting_) spare_status_ = full ? *status : Status{};
        if (!*status && !is_known)
          environment_.log.warning("log_spare_failed", {{"what", status->error().what}});
      });
}

void CommitLog::release(Sequence flushed) {
  std::vector<std::string> unwanted;
  while (!segments_.empty() && segments_.front().last <= flushed) {
    const OldLogSegment old = segments_.front();
    segments_.erase(segments_.begin());
    if (old.bytes != segment_bytes_ || !pool_->take_over(old.path)) unwanted.push_back(old.path);
    if (!pool_->empty() && !waiting_) spare_status_ = {};
  }
  if (!unwanted.empty()) remove_files(std::move(unwanted));
}

/// Beside the loop: a file system takes its time to free what a file had.
void CommitLog::remove_files(std::vector<std::string> paths) {
  auto removed = std::make_shared<Status>();
  tasks_.run(
      Lane::background,
      [&files = environment_.files, paths = std::move(paths), removed] {
        for (const std::string& path : paths)
          if (const Status one = files.remove(path); !one) *removed = one;
      },
      [this, removed] {
        if (!*removed)
          environment_.log.warning("log_release_failed", {{"what", removed->error().what}});
      });
}

bool CommitLog::remove_spares(size_t keep) {
  if (pool_->spares() <= keep) return false;
  // What cannot be removed is removed when the directory is opened next.
  tasks_.run(
      Lane::background, [pool = pool_, keep] { (void)pool->keep_spares(keep); }, [] {});
  return true;
}

Status CommitLog::drain() {
  end_turn();
  sync();
  tasks_.finish_all();
  if (waiting_) {
    try_for_room();
    tasks_.finish_all();
  }
  if (waiting_) return spare_status_;
  KV_ASSERT(!writing_ || durable_sequence_ == last_sequence_);
  return writing_;
}

uint64_t CommitLog::log_bytes() const {
  uint64_t bytes = 0;
  for (const OldLogSegment& segment : segments_) bytes += segment.bytes;
  return bytes;
}

}  // namespace kv
