#include "libkv/service/engine_report.h"

namespace kv {

namespace {

double seconds_of(uint64_t nanoseconds) {
  return static_cast<double>(nanoseconds) / 1e9;
}

Report memory_of(const EngineStats& stats, const ProcessMemory& process) {
  return Report::object()
      .set("limit", process.bytes_max)
      .set("resident", process.resident)
      .set("budget", stats.memory_bytes)
      .set("withheld", stats.memory_withheld)
      .set("used", stats.memory_used())
      .set("memtables", stats.memory_memtables)
      .set("cache", stats.memory_cache)
      .set("filters", stats.memory_filters)
      .set("indexes", stats.memory_indexes);
}

Report levels_of(const EngineStats& stats) {
  Report levels = Report::array();
  for (const LevelStats& level : stats.by_level)
    levels.append(Report::object().set("tables", level.tables).set("bytes", level.bytes));
  return levels;
}

Report reads_of(const EngineStats& stats) {
  return Report::object()
      .set("gets", stats.gets)
      .set("from_memtables", stats.memtable_hits)
      .set("cache_hits", stats.cache_hits)
      .set("cache_misses", stats.cache_misses)
      .set("filter_checks", stats.bloom_checks)
      .set("filter_negatives", stats.bloom_negatives)
      .set("filter_false_positives", stats.bloom_false_positives)
      .set("disk_reads", stats.disk_reads)
      .set("disk_reads_of_gets", stats.disk_reads_of_gets)
      .set("disk_read_bytes", stats.disk_read_bytes);
}

Report written_of(const EngineStats& stats) {
  return Report::object()
      .set("user_bytes", stats.bytes_written_user)
      .set("log_bytes", stats.bytes_written_log)
      .set("flush_bytes", stats.bytes_written_flush)
      .set("compaction_bytes", stats.bytes_written_compaction);
}

Report amplification_of(const EngineStats& stats) {
  return Report::object()
      .set("write", stats.write_amplification(true))
      .set("write_without_log", stats.write_amplification(false))
      .set("read", stats.read_amplification())
      .set("space", stats.space_amplification());
}

}  // namespace

Report engine_report(const EngineStats& stats, const ProcessMemory& process) {
  return Report::object()
      .set("memory", memory_of(stats, process))
      .set("levels", levels_of(stats))
      .set("tables_open", stats.tables_open)
      .set("tables_opened", stats.tables_opened)
      .set("sections_read", stats.sections_read)
      .set("reads", reads_of(stats))
      .set("written", written_of(stats))
      .set("amplification", amplification_of(stats))
      .set("refusing", stats.refusing)
      .set("damaged_at_open", stats.damaged_at_open)
      .set("compaction", Report::object()
                             .set("share", stats.compaction_share)
                             .set("rest_seconds", seconds_of(stats.compaction_rest_nanoseconds)))
      .set("waits", Report::object()
                        .set("count", stats.stalls)
                        .set("seconds", seconds_of(stats.stall_nanoseconds))
                        .set("seconds_max", seconds_of(stats.stall_nanoseconds_max)))
      .set("delays", Report::object()
                         .set("count", stats.delays)
                         .set("seconds", seconds_of(stats.delay_nanoseconds))
                         .set("seconds_max", seconds_of(stats.delay_nanoseconds_max)));
}

}  // namespace kv
