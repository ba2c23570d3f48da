#include "libkv/storage/engines/log_replay.h"

#include <algorithm>

#include "libkv/base/planted.h"

namespace kv {

namespace {

/// Below this a thread costs more than it saves.
constexpr size_t kSegmentBytesForLane = 256 << 10;
/// About what the memtable needs for an entry beside its key and value.
constexpr size_t kEntryBytes = 48;
/// A memtable that is nearly full gets no smaller runs than this part of it.
constexpr size_t kRunsMin = 64;

}  // namespace

LogReplay::LogReplay(Executor& executor, std::shared_ptr<ArenaBlocks> blocks, size_t memtable_bytes)
    : blocks_(std::move(blocks)),
      memtable_bytes_(memtable_bytes),
      memtables_{std::make_shared<Memtable>(blocks_)},
      tasks_(executor) {}

void LogReplay::take(std::shared_ptr<const RecoveredSegment> segment) {
  tasks_.finish_all();
  if (segment->bytes.size() < kSegmentBytesForLane) return add(*segment);
  tasks_.run(
      Lane::background, [this, segment = std::move(segment)] { add(*segment); }, nullptr);
}

std::vector<std::shared_ptr<Memtable>> LogReplay::finish() {
  tasks_.finish_all();
  std::reverse(memtables_.begin(), memtables_.end());
  return std::move(memtables_);
}

void LogReplay::add(const RecoveredSegment& segment) {
  for (const LogRecord& record : segment.records) {
    // Within a batch a memtable never ends: the log is let go of by whole records.
    if (run_bytes_ >= room()) end_run();
    if (run_.empty() && memtables_.back()->memory_bytes() >= memtable_bytes_)
      memtables_.push_back(std::make_shared<Memtable>(blocks_));
    if (record.kind == LogRecordKind::batch) {
      add_batch(record);
    } else {
      end_run();  // What is added to a memtable has a higher sequence than all before it.
      add_other(record);
    }
  }
  end_run();
}

void LogReplay::add_batch(const LogRecord& record) {
  Sequence sequence = record.first;
  WriteBatch::for_each(record.payload, [&](const WriteBatch::Operation& operation) {
    run_.push_back({operation.key, sequence++,
                    operation.is_put ? EntryKind::value : EntryKind::removal, operation.value});
    run_bytes_ += operation.key.size() + operation.value.size() + kEntryBytes;
  });
}

void LogReplay::add_other(const LogRecord& record) {
  Memtable& memtable = *memtables_.back();
  if (record.kind == LogRecordKind::ingest) return memtable.add_ingest(record.first);
  if (KV_PLANTED(forget_drop_at_replay)) return;
  memtable.add_drop({*decode_key_range(record.payload), record.first});
}

/// How large a run the memtable may get.
size_t LogReplay::room() const {
  const size_t used = std::min(memtables_.back()->memory_bytes(), memtable_bytes_);
  return std::max(memtable_bytes_ / kRunsMin, memtable_bytes_ - used);
}

void LogReplay::end_run() {
  if (!run_.empty()) memtables_.back()->add_sorted(sorted_run());
  run_.clear();
  run_bytes_ = 0;
}

/// By key, and of one key the oldest first.
std::span<const Entry* const> LogReplay::sorted_run() {
  size_t prefix = ~size_t{0};
  for (const Entry& entry : run_) prefix = common_prefix(run_[0].key, entry.key, prefix);
  ranked_.clear();
  for (const Entry& entry : run_) ranked_.push_back({key_slice(entry.key, prefix), &entry});
  std::sort(ranked_.begin(), ranked_.end(), [](const Ranked& a, const Ranked& b) {
    if (a.slice != b.slice) return a.slice < b.slice;
    const int by_key = compare_keys(a.entry->key, b.entry->key);
    return by_key != 0 ? by_key < 0 : a.entry < b.entry;
  });
  sorted_.clear();
  for (const Ranked& ranked : ranked_) sorted_.push_back(ranked.entry);
  return sorted_;
}

}  // namespace kv
