// The engine on disk: who may write when (write_pace.h), and where writers meet the wall.
#include <algorithm>

#include "libkv/base/limits.h"
#include "libkv/base/planted.h"
#include "libkv/base/process_memory.h"
#include "libkv/storage/engines/lsm_engine.h"
#include "libkv/storage/memory/block_pool.h"

namespace kv {

/// Why no batch can be taken until background work completes; null: one can.
const char* LsmEngine::wall() const {
  if (log_.is_full()) return "the commit log is behind";
  if (may_pass_walls()) return nullptr;
  if (view_->version->level(0).size() >= limits::level0_tables_max) {
    if (ingest_ != nullptr) return "compaction waits for an ingest";
    return compaction_ ? "compaction is behind" : "compaction is stopped by bad tables";
  }
  if (view_->active->memory_bytes() >= options_.memtable_bytes && !may_rotate())
    return "flushes are behind";
  return nullptr;
}

/// What a damaged log comes to must be noted before anything is flushed: it waits for no flush, nor
/// for a compaction. A memtable's worth is taken so.
bool LsmEngine::may_pass_walls() const {
  return flush_at_ && view_->active->memory_bytes() < 2 * options_.memtable_bytes;
}

/// One may always wait for its flush, however little memory there is: it is what makes room.
bool LsmEngine::may_rotate() const {
  const size_t waiting = view_->waiting.size();
  if (waiting == 0) return true;
  if (waiting >= limits::memtables_waiting_max) return false;
  const MemoryBudget& budget = *cache_->budget();
  const uint64_t used = budget.used(MemoryHolder::memtables) - blocks_->kept_bytes();
  return used + options_.memtable_bytes <= budget.memtables_max() ||
         KV_PLANTED(memtables_beyond_budget);
}

void LsmEngine::retry_if_due() {
  if (!resting_ && !compact_at_) return;
  const Instant now = environment_.clock.now();
  const bool rested = resting_ && now - resting_since_ >= limits::disk_full_retry_interval;
  const bool compacts = compact_at_ && now >= *compact_at_;
  if (rested) resting_.reset();
  if (compacts) compact_at_.reset();
  if (rested || compacts) start_work();
}

Instant LsmEngine::next_wake() const {
  if (closed_) return Instant::max();
  Instant at = log_.next_wake();
  if (resting_) at = std::min(at, resting_since_ + limits::disk_full_retry_interval);
  if (compact_at_) at = std::min(at, *compact_at_);
  if (step_at_) at = std::min(at, *step_at_);
  if (flush_at_) at = std::min(at, *flush_at_);
  if (tidied_at_ != log_.last_sequence()) return at;  // The first tick after a write sets the time.
  if (tidy_at_) at = std::min(at, *tidy_at_);
  return at;
}

void LsmEngine::on_tick(Instant now) {
  if (closed_) return;
  log_.on_tick(now);
  remove_obsolete_files();  // Whoever held them last may have let go since the last job.
  retry_if_due();
  if (step_at_ && now >= *step_at_) end_rest();
  if (flush_at_ && now >= *flush_at_) release_held_flush();
  tidy_on_tick(now);
}

Status LsmEngine::make_room() {
  retry_if_due();
  if (const char* why = wall()) return refuse(why);
  return make_memtable_room();
}

Status LsmEngine::refuse(const char* why) {
  if (resting_) return fail(*resting_);
  if (no_room_to_compact_ && compact_at_) return fail(*no_room_to_compact_);
  begin_stall();
  return fail(ErrorKind::busy, why);
}

Status LsmEngine::make_memtable_room() {
  if (view_->active->memory_bytes() >= options_.memtable_bytes) {
    if (may_rotate()) {
      rotate_memtable();
      start_work();
    } else if (!may_pass_walls()) {
      return refuse("flushes are behind");
    }
  }
  end_stall();
  return {};
}

// Where nothing is under way that could make room, apply() shall say so now.
Instant LsmEngine::room_at() {
  if (closed_ || resting_ || !log_.is_sound() || wall() == nullptr) return pace_.room_at();
  if (!log_.is_full() && !flush_running_ && compaction_ == nullptr && ingest_ == nullptr)
    return Instant::min();
  begin_stall();
  return Instant::max();
}

void LsmEngine::on_room(std::function<void()> listener) {
  room_listener_ = std::move(listener);
  log_.on_room([this] { room_made(); });
}

void LsmEngine::room_made() {
  if (closed_ || wall() != nullptr) return;
  end_stall();
  if (room_listener_ && !KV_PLANTED(forget_who_waits_for_room)) room_listener_();
}

void LsmEngine::begin_stall() {
  if (stalled_since_) return;
  stalled_since_ = environment_.clock.now();
  ++counted_.stalls;
  end_rest();
  release_held_flush();
}

void LsmEngine::end_stall() {
  if (!stalled_since_) return;
  const auto waited = static_cast<uint64_t>((environment_.clock.now() - *stalled_since_).count());
  counted_.stall_nanoseconds += waited;
  counted_.stall_nanoseconds_max = std::max(counted_.stall_nanoseconds_max, waited);
  stalled_since_.reset();
}

/// A batch of so many bytes was taken.
void LsmEngine::pace(uint64_t bytes) {
  active_bytes_ += bytes;
  if (log_.forming_bytes() > log_bytes_soft_ || pace_.is_slowing()) note_debt();
  if (pace_.is_slowing()) pace_.note_written(bytes, environment_.clock.now());
  if (blocks_->wants_ready() && !readying_block_) ready_block();
}

/// Memory for what is written next is cleared beside the loop. Not behind a flush, which may take
/// as long as all of it lasts.
void LsmEngine::ready_block() {
  readying_block_ = true;
  tasks_.run(
      Lane::read, [blocks = blocks_] { blocks->make_ready(); },
      [this] {
        readying_block_ = false;
        if (blocks_->wants_ready() && !closed_) ready_block();
      });
}

/// A step of the compaction is over. True: a rest follows.
bool LsmEngine::end_step() {
  const Instant now = environment_.clock.now();
  // An ingest waits for its end.
  const double debt = ingest_ != nullptr ? 1 : pace_.compaction_debt();
  const Duration rest = compaction_pace_.end_step(debt, now);
  if (compaction_->over()) {
    compaction_pace_.cancel_rest(rest);
  } else if (rest > Duration::zero()) {
    step_at_ = now + rest;
  }
  return step_at_.has_value();
}

void LsmEngine::release_held_flush() {
  if (!flush_at_ || closed_) return;
  flush_at_.reset();
  start_work();
}

void LsmEngine::end_rest() {
  if (!step_at_ || closed_) return;
  step_at_.reset();
  step_compaction();
}

void LsmEngine::note_debt() {
  WriteDebt debt;
  debt.level0_tables = view_->version->level(0).size();
  debt.waiting_bytes = view_->waiting.size() * options_.memtable_bytes;
  debt.log_bytes = log_.forming_bytes();
  debt.excess_bytes = excess_bytes_;
  pace_.note_debt(debt);
  if (pace_.compaction_debt() >= 1) end_rest();
}

void LsmEngine::note_version() {
  excess_bytes_ = picker_.excess_bytes(*view_->version);
  note_debt();
}

/// The oldest memtable that waited is a table now.
void LsmEngine::note_flushed() {
  if (!filled_.empty() && filled_.size() > view_->waiting.size()) {
    // One that ended early says nothing of how fast it goes.
    if (filled_.front().bytes >= options_.memtable_bytes / 4)
      pace_.note_drained(filled_.front().bytes, filled_.front().at, environment_.clock.now());
    filled_.pop_front();
  }
  note_version();
}

void LsmEngine::withhold_memory(uint64_t bytes) {
  cache_->budget()->withhold(bytes);
  cache_->balance();
}

/// Not behind a flush or a merge: they are what memory is short by.
void LsmEngine::trim_memory() {
  if (closed_ || std::exchange(trimming_, true)) return;
  tasks_.run(
      Lane::read,
      [] {
        BlockPool::instance().trim();
        kv::trim_memory();
      },
      [this] { trimming_ = false; });
}

void LsmEngine::rotate_memtable() {
  auto next = std::make_shared<ReadView>(*view_);
  next->waiting.insert(next->waiting.begin(), next->active);
  next->active = std::make_shared<Memtable>(blocks_);
  drop_frees_tables_ = false;
  if (!KV_PLANTED(record_across_flush)) log_.end_record();
  if (KV_PLANTED(release_log_early)) log_.release(log_.last_sequence());
  view_ = std::move(next);
  filled_.push_back({std::exchange(active_bytes_, 0), environment_.clock.now()});
  note_debt();
}

}  // namespace kv
