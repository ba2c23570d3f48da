// The LSM engine's counters, and what is measured when they are asked for.
#include "libkv/storage/engines/lsm_engine.h"

namespace kv {

EngineStats LsmEngine::stats() const {
  EngineStats stats = counted_;
  stats.compaction_rests = step_at_.has_value();
  stats.compaction_share = compaction_pace_.share();
  stats.compaction_rest_nanoseconds = static_cast<uint64_t>(compaction_pace_.rested().count());
  const ReadCounters& reads = cache_->counters();
  stats.gets = reads.gets;
  stats.memtable_hits = reads.memtable_hits;
  stats.cache_hits = reads.cache_hits;
  stats.cache_misses = reads.cache_misses;
  stats.bloom_checks = reads.bloom_checks;
  stats.bloom_negatives = reads.bloom_negatives;
  stats.bloom_false_positives = reads.bloom_false_positives;
  stats.tables_opened = reads.tables_opened;
  stats.sections_read = reads.sections_read;
  stats.disk_reads = reads.disk_reads;
  stats.disk_reads_of_gets = reads.disk_reads_of_gets;
  stats.disk_read_bytes = reads.disk_read_bytes;
  for (size_t level = 0; level < kLevels; ++level) {
    LevelStats counted;
    for (const TablePtr& table : view_->version->level(level)) {
      counted.bytes += table->info().file_bytes;
      ++counted.tables;
    }
    stats.disk_bytes += counted.bytes;
    stats.sstables += counted.tables;
    stats.by_level.push_back(counted);
    if (counted.tables > 0) stats.levels = level + 1;
  }
  stats.by_level.resize(stats.levels);
  count_memory(stats);
  stats.memtable_bytes = view_->active->memory_bytes();
  for (const auto& memtable : view_->waiting) stats.memtable_bytes += memtable->memory_bytes();
  stats.range_drops = view_->version->drops().size();
  stats.log_bytes = log_.log_bytes();
  stats.disk_bytes += stats.log_bytes;
  stats.bytes_written_log = log_.written_bytes();
  stats.syncs = log_.syncs();
  stats.groups = log_.groups();
  const WritePace::Delays& delays = pace_.delays();
  stats.delays = delays.count;
  stats.delay_nanoseconds = static_cast<uint64_t>(delays.total.count());
  stats.delay_nanoseconds_max = static_cast<uint64_t>(delays.longest.count());
  stats.refusing = refusing();
  stats.damaged_at_open = report_.corruption.size();
  stats.write_rate = static_cast<uint64_t>(pace_.rate().value_or(0));
  return stats;
}

/// Who only waits for a flush or a compaction is not refused.
std::string LsmEngine::refusing() const {
  if (const Status taken = log_.room_status(); !taken) return taken.error().what;
  const char* why = log_.is_full() ? nullptr : wall();
  if (why == nullptr || flush_running_ || compaction_ != nullptr || ingest_ != nullptr) return "";
  if (resting_) return resting_->what;
  return no_room_to_compact_ ? no_room_to_compact_->what : why;
}

void LsmEngine::count_memory(EngineStats& stats) const {
  const MemoryBudget& budget = *cache_->budget();
  stats.memory_bytes = budget.bytes();
  stats.memory_withheld = budget.withheld();
  stats.memory_memtables = budget.used(MemoryHolder::memtables);
  stats.memory_filters = budget.used(MemoryHolder::filters);
  stats.memory_indexes = budget.used(MemoryHolder::indexes);
  stats.memory_cache = cache_->block_cache_bytes();
  stats.tables_open = cache_->open_tables();
}

}  // namespace kv
