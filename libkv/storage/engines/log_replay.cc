#include "libkv/storage/engines/log_replay.h"

#include <algorithm>
#include <utility>

#include "libkv/base/planted.h"

namespace kv {

namespace {

/// Below this a thread costs more than it saves.
constexpr size_t kSegmentBytesForLane = 256 << 10;
/// About what the memtable needs for an entry beside its key and value.
constexpr size_t kEntryBytes = 48;

}  // namespace

LogReplay::LogReplay(Executor& executor, std::shared_ptr<ArenaBlocks> blocks, size_t memtable_bytes)
    : blocks_(std::move(blocks)), memtable_bytes_(memtable_bytes), tasks_(executor) {
  begin_memtable();
}

void LogReplay::take(std::shared_ptr<const RecoveredSegment> segment) {
  Work& work = works_[0];
  work.segment = std::move(segment);
  prepare(work);
  ready_blocks();
  tasks_.finish_all();
  std::swap(works_[0], works_[1]);
  if (works_[1].segment->bytes.size() < kSegmentBytesForLane) return works_[1].add();
  // Not the background, which gives way to others: somebody waits for this.
  tasks_.run(
      Lane::read, [this] { works_[1].add(); }, nullptr);
}

std::vector<std::shared_ptr<Memtable>> LogReplay::finish() {
  tasks_.finish_all();
  std::reverse(memtables_.begin(), memtables_.end());
  return std::move(memtables_);
}

/// Of what the lane takes next: clearing it there would hold up the adding, which takes longer.
void LogReplay::ready_blocks() {
  while (blocks_ != nullptr && blocks_->wants_ready()) blocks_->make_ready();
}

void LogReplay::prepare(Work& work) {
  work.entries.clear();
  work.sorted.clear();
  work.steps.clear();
  run_begin_ = 0;
  // Sorted are pointers to them, so they must not move.
  size_t entries = 0;
  for (const LogRecord& record : work.segment->records) entries += record.count;
  work.entries.reserve(entries);
  for (const LogRecord& record : work.segment->records) {
    // Within a batch a memtable never ends: the log is let go of by whole records.
    if (memtable_used_ >= memtable_bytes_) {
      end_run(work);
      begin_memtable();
    }
    if (record.kind == LogRecordKind::batch) {
      gather(record, work);
    } else {
      end_run(work);  // What is added to a memtable has a higher sequence than all before it.
      work.steps.push_back({.memtable = memtables_.back().get(), .other = &record});
      memtable_used_ += record.payload.size() + kEntryBytes;
    }
  }
  end_run(work);
}

void LogReplay::gather(const LogRecord& record, Work& work) {
  Sequence sequence = record.first;
  WriteBatch::for_each(record.payload, [&](const WriteBatch::Operation& operation) {
    work.entries.push_back({operation.key, sequence++,
                            operation.is_put ? EntryKind::value : EntryKind::removal,
                            operation.value});
    memtable_used_ += operation.key.size() + operation.value.size() + kEntryBytes;
  });
}

/// By key, and of one key the oldest first.
void LogReplay::end_run(Work& work) {
  const size_t begin = std::exchange(run_begin_, work.entries.size());
  if (begin == run_begin_) return;
  const Entry* const first = work.entries.data() + begin;
  const Entry* const end = work.entries.data() + run_begin_;
  size_t prefix = ~size_t{0};
  for (const Entry* entry = first; entry != end; ++entry)
    prefix = common_prefix(first->key, entry->key, prefix);
  ranked_.clear();
  for (const Entry* entry = first; entry != end; ++entry)
    ranked_.push_back({key_slice(entry->key, prefix), entry});
  std::sort(ranked_.begin(), ranked_.end(), [](const Ranked& a, const Ranked& b) {
    if (a.slice != b.slice) return a.slice < b.slice;
    const int by_key = compare_keys(a.entry->key, b.entry->key);
    return by_key != 0 ? by_key < 0 : a.entry < b.entry;
  });
  for (const Ranked& ranked : ranked_) work.sorted.push_back(ranked.entry);
  work.steps.push_back({.memtable = memtables_.back().get(), .entries = ranked_.size()});
}

void LogReplay::begin_memtable() {
  memtables_.push_back(std::make_shared<Memtable>(blocks_));
  memtable_used_ = 0;
}

void LogReplay::Work::add() const {
  std::span<const Entry* const> left = sorted;
  for (const Step& step : steps) {
    if (step.other == nullptr) {
      step.memtable->add_sorted(left.first(step.entries));
      left = left.subspan(step.entries);
    } else if (step.other->kind == LogRecordKind::ingest) {
      step.memtable->add_ingest(step.other->first);
    } else if (!KV_PLANTED(forget_drop_at_replay)) {
      step.memtable->add_drop({*decode_key_range(step.other->payload), step.other->first});
    }
  }
}

}  // namespace kv
