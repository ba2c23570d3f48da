#include "libkv/storage/engines/lsm_engine.h"

#include <algorithm>

#include "libkv/base/limits.h"
#include "libkv/base/planted.h"
#include "libkv/storage/batch_limits.h"
#include "libkv/storage/failed_iterator.h"
#include "libkv/storage/levels/drop_tidying.h"

namespace kv {

namespace {

/// Only tests have smaller ones, which want many tables of little data.
constexpr uint64_t kSmallMemtableBytes = 1u << 20;

CompactionOptions compaction_options(const EngineOptions& options) {
  CompactionOptions result;
  result.level1_bytes = options.memtable_bytes * 4;
  result.group_prefix_bytes = options.group_prefix_bytes;
  // Small tables cost files and, each, a place among those that are open.
  const uint64_t least = options.memtable_bytes < kSmallMemtableBytes ? 1u << 10 : 2u << 20;
  result.file_bytes_max =
      std::clamp<uint64_t>(options.memtable_bytes / 4, least, uint64_t{16} << 20);
  result.step_bytes = std::max<uint64_t>(result.file_bytes_max / 16, uint64_t{64} << 10);
  return result;
}

WriteDebtBounds debt_bounds(const EngineOptions& options, uint64_t memory) {
  const uint64_t memtable = options.memtable_bytes;
  // The wall of memory may come before that of numbers (may_rotate()).
  const uint64_t waiting_max = std::max(memtable, std::min(limits::memtables_waiting_max * memtable,
                                                           memory - std::min(memory, memtable)));
  const uint64_t level1 = compaction_options(options).level1_bytes;
  const uint64_t log_max = log_forming_bytes_max(options);
  return {.soft = {.level0_tables = limits::level0_tables_soft,
                   .waiting_bytes =
                       std::min(limits::memtables_waiting_soft * memtable, waiting_max / 2),
                   .log_bytes = log_max / limits::log_forming_soft_share,
                   .excess_bytes = limits::level_excess_soft * level1},
          .hard = {.level0_tables = limits::level0_tables_max,
                   .waiting_bytes = waiting_max,
                   .log_bytes = log_max,
                   .excess_bytes = limits::level_excess_hard * level1}};
}

}  // namespace

LsmEngine::LsmEngine(Environment& environment, Parts parts)
    : environment_(environment),
      directory_(parts.directory),
      options_(parts.options),
      compaction_options_(compaction_options(parts.options)),
      manifest_(parts.manifest),
      cache_(std::move(parts.cache)),
      obsolete_(std::move(parts.obsolete)),
      table_directory_(std::move(parts.table_directory)),
      view_(std::move(parts.view)),
      blocks_(std::move(parts.blocks)),
      log_(environment, std::move(parts.log)),
      report_(std::move(parts.report)),
      picker_(compaction_options_),
      log_bytes_soft_(log_forming_bytes_max(options_) / limits::log_forming_soft_share),
      pace_(debt_bounds(options_, cache_->budget()->memtables_max())),
      block_reads_(tasks_),
      tasks_(environment.executor) {}

Status LsmEngine::start(Sequence flushed) {
  durable_->store(log_.durable_sequence());
  manifest_.note_durable(durable_);
  log_.on_syncs([this] { log_wait_ = compaction_pace_.begin_wait(environment_.clock.now()); },
                [this, recovered = log_.durable_sequence()] {
                  compaction_pace_.end_wait(log_wait_, environment_.clock.now());
                  durable_->store(log_.durable_sequence());
                  if (log_.durable_sequence() > recovered) release_held_flush();
                });
  log_.release(flushed);
  KV_TRY(log_.prepare());
  // Each start begins a new log segment. Many starts with few writes between would pile segments
  // up; a flush lets them go. Damage is not flushed away before the caller could act on it.
  if (log_.segment_count() > limits::log_old_segments_max && report_.corruption.empty() &&
      !view_->active->empty())
    rotate_memtable();
  if (!report_.corruption.empty() && !KV_PLANTED(flush_damage_away))
    flush_at_ = environment_.clock.now() + limits::flush_after_damage;
  note_version();
  tidied_at_ = log_.last_sequence();
  tidy_at_ = environment_.clock.now() + options_.idle_after;
  start_work();
  return {};
}

Result<Sequence> LsmEngine::apply(const WriteBatch& batch, Durability durability) {
  if (closed_) return fail(closed_error());
  if (batch.empty()) return log_.last_sequence();
  if (!KV_PLANTED(take_what_is_too_large)) KV_TRY(check_limits(batch));
  if (const Status ready = log_.ready(); !ready) {
    if (ready.error().kind == ErrorKind::busy) begin_stall();
    return fail(ready.error());
  }
  KV_TRY(make_room());
  Sequence sequence = log_.last_sequence();
  const Sequence last = log_.append(batch, durability);
  Memtable& active = *view_->active;
  WriteBatch::for_each(batch.encoded(), [&](const WriteBatch::Operation& operation) {
    active.add({operation.key, ++sequence, operation.is_put ? EntryKind::value : EntryKind::removal,
                operation.value});
  });
  cache_->balance();
  counted_.bytes_written_user += batch.user_bytes();
  pace(batch.payload_bytes());
  return last;
}

std::unique_ptr<EngineIterator> LsmEngine::iterate(const KeyRange& range, bool reverse) {
  if (closed_) return std::make_unique<FailedIterator>(closed_error());
  return iterate_view(view_, *cache_, range, log_.last_sequence(), reverse);
}

std::shared_ptr<const EngineSnapshot> LsmEngine::snapshot() {
  return make_snapshot(view_, cache_, log_.last_sequence());
}

void LsmEngine::start_work() {
  cache_->balance();
  remove_obsolete_files();
  if (closed_) return;
  const Status may_work = resting_ ? Status(fail(*resting_)) : log_.write_status();
  if (!may_work) {
    fail_checkpoint(may_work);
    return fail_ingest(may_work);
  }
  start_flush();
  commit_ingest();
  start_compaction();
}

bool LsmEngine::is_flushed(Sequence sequence) const {
  return view_->waiting.empty() || view_->waiting.back()->last_sequence() > sequence;
}

void LsmEngine::start_flush() {
  if (flush_running_ || flush_at_) return;
  if (view_->waiting.empty() && drop_frees_tables_) rotate_memtable();
  if (view_->waiting.empty()) return;
  flush_running_ = true;
  auto flush = std::make_shared<Flush>(view_->waiting.back(), view_->version, table_directory_,
                                       manifest_, environment_.entropy(), keeps_drops());
  tasks_.run(
      Lane::background, [flush] { flush->run(); }, [this, flush] { flush_over(*flush); });
}

void LsmEngine::flush_over(Flush& flush) {
  flush_running_ = false;
  if (!flush.status()) {
    const Error& error = flush.status().error();
    job_failed("flush", error, !Manifest::is_undone(error));
    rest_if_undone(error);
    fail_checkpoint(fail(error));
    return fail_ingest(fail(error));
  }
  told_.reset();
  auto next = std::make_shared<ReadView>(*view_);
  next->waiting.pop_back();
  std::vector<TablePtr> added;
  for (const TableInfo& info : flush.tables()) {
    added.push_back(new_table(info));
    counted_.bytes_written_flush += info.file_bytes;
  }
  next->version = view_->version->changed(added, {});
  install_flushed(std::move(next), flush.drops());
  // Giving a memtable's memory back takes milliseconds, which are not the loop's.
  tasks_.run(
      Lane::background, [memtable = flush.take_memtable()] {}, [this] { room_made(); });
  note_flushed();
  copy_if_flushed();
  log_.release(flush.flushed());
  ++counted_.flushes;
  start_work();
  room_made();
}

void LsmEngine::start_compaction() {
  if (compaction_ != nullptr || compact_at_) return;
  // What an ingest brings is older than what is written meanwhile: none of that may sink below
  // where the ingest will find its place.
  if (ingest_ != nullptr && !KV_PLANTED(compact_beside_ingest)) return;
  if (settled_.lock() == view_->version) return;
  const Version& version = *view_->version;
  auto plan = plan_discard(version);
  if (!plan) plan = picker_.pick(version);
  if (!plan &&
      is_level0_masked(version, [this](uint64_t number) { return picker_.has_stayed(number); }))
    plan = picker_.pick_level0(version);
  if (!plan)
    plan = plan_rewrite(version, [this](uint64_t number) { return picker_.is_readable(number); });
  if (!plan) {
    settled_ = view_->version;
    return;
  }
  begin_compaction(std::move(*plan));
}

void LsmEngine::begin_compaction(CompactionPlan plan) {
  plan.asks_for_room = no_room_to_compact_.has_value();
  compaction_ =
      std::make_shared<Compaction>(std::move(plan), view_->version, cache_, table_directory_,
                                   manifest_, compaction_options_, environment_.entropy());
  step_compaction();
}

void LsmEngine::step_compaction() {
  compaction_pace_.begin_step(environment_.clock.now());
  tasks_.run(
      Lane::background, [compaction = compaction_] { compaction->step(); },
      [this] {
        if (!closed_) compaction_stepped();
      });
}

void LsmEngine::compaction_stepped() {
  const bool rests = end_step();
  if (!compaction_->over()) return rests ? void() : step_compaction();
  if (compaction_->status()) {
    install_compaction();
    start_work();
    return room_made();
  }
  compaction_failed(std::exchange(compaction_, nullptr));
}

void LsmEngine::compaction_failed(std::shared_ptr<Compaction> ended) {
  const Error error = ended->status().error();
  for (const uint64_t number : ended->unreadable()) picker_.leave_out(number);
  job_failed("compaction", error, ended->is_in_doubt());
  if (error.kind == ErrorKind::no_space) {
    // It says nothing of a flush, which needs less.
    no_room_to_compact_ = error;
    compact_at_ = environment_.clock.now() + limits::disk_full_retry_interval;
  } else {
    rest_if_undone(error);
  }
  if (ended->input_failed() && ended->unreadable().empty()) {
    compact_pause_ = std::clamp<Duration>(2 * compact_pause_, limits::disk_full_retry_interval,
                                          limits::unreadable_retry_interval);
    compact_at_ = environment_.clock.now() + compact_pause_;
  }
  const bool goes_on = !resting_ && log_.write_status() && ended->unreadable().empty();
  // What it wrote goes with it, which takes a file system its time.
  tasks_.run(
      Lane::background, [ended = std::move(ended)] {}, [] {});
  goes_on ? commit_ingest() : start_work();
}

void LsmEngine::install_compaction() {
  const auto ended = std::exchange(compaction_, nullptr);
  told_.reset();
  compact_pause_ = {};
  no_room_to_compact_.reset();
  std::vector<TablePtr> removed = ended->plan().upper;
  removed.insert(removed.end(), ended->plan().lower.begin(), ended->plan().lower.end());
  std::vector<TablePtr> added;
  if (ended->is_move()) {
    added.push_back(std::make_shared<TableFile>(ended->added().front(), *removed.front()));
  } else {
    for (const TableInfo& info : ended->added()) {
      added.push_back(new_table(info));
      if (info.level == 0) picker_.note_stayed(info.number);
    }
    for (const TablePtr& table : removed) table->life()->drop();
  }
  auto next = std::make_shared<ReadView>(*view_);
  next->version = view_->version->changed(added, removed);
  install_compacted(std::move(next), ended->drops_removed());
  note_version();
  ++counted_.compactions;
  counted_.bytes_written_compaction += ended->written_bytes();
}

void LsmEngine::job_failed(const char* job, const Error& error, bool is_final) {
  // What is tried again each second is told once.
  const bool is_told = std::exchange(told_, error.kind) == error.kind;
  if (!is_told || is_final || error.kind == ErrorKind::corrupt)
    environment_.log.error("storage_job_failed", {{"job", job}, {"what", error.what}});
  if (is_final) log_.fail_with(error);
}

void LsmEngine::rest_if_undone(const Error& error) {
  if (!Manifest::is_undone(error)) return;
  resting_ = error;
  resting_since_ = environment_.clock.now();
}

TablePtr LsmEngine::new_table(const TableInfo& info) const {
  return std::make_shared<TableFile>(info, std::make_shared<TableLife>(info.number, obsolete_));
}

void LsmEngine::remove_obsolete_files() {
  const std::vector<uint64_t> numbers = obsolete_->take();
  if (numbers.empty()) return;
  tasks_.run(
      Lane::background,
      [cache = cache_, numbers] {
        for (const uint64_t number : numbers) {
          cache->forget(number);
          // One that stays is removed at the next open: the manifest does not name it.
          (void)cache->files().remove(cache->path_of(number));
        }
      },
      [] {});
}

Status LsmEngine::close() {
  if (closed_) return {};
  closed_ = true;
  if (!KV_PLANTED(close_behind_gets)) cache_->give_up_gets();
  tasks_.finish_all();
  fail_checkpoint(fail(closed_error()));
  fail_ingest(fail(closed_error()));
  compaction_.reset();
  const Status drained = log_.drain();
  remove_obsolete_files();
  tasks_.finish_all();
  KV_TRY(drained);
  return manifest_.set_clean(log_.last_sequence());
}

}  // namespace kv
