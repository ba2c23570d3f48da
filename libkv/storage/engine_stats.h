// What an engine counts. Counters begin at its open. Plain values; man/kv-status.1 tells users the
// same under the names of the report.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace kv {

struct LevelStats {
  uint64_t tables = 0;
  uint64_t bytes = 0;  ///< Of their files.
};

struct EngineStats {
  uint64_t disk_bytes = 0, memtable_bytes = 0, log_bytes = 0;
  uint64_t sstables = 0, levels = 0;
  uint64_t range_drops = 0;          ///< That still mask something, or may.
  std::vector<LevelStats> by_level;  ///< Down to the lowest that has any.

  /// The memory budget, and what has how much of it now (storage/memory/memory_budget.h).
  uint64_t memory_bytes = 0, memory_memtables = 0, memory_cache = 0, memory_filters = 0,
           memory_indexes = 0, memory_withheld = 0;
  uint64_t tables_open = 0;

  uint64_t gets = 0, memtable_hits = 0, cache_hits = 0, cache_misses = 0;
  uint64_t bloom_checks = 0, bloom_negatives = 0, bloom_false_positives = 0;
  uint64_t tables_opened = 0, sections_read = 0;
  /// Reads of files: all that readers waited for, and those of gets alone. A block is one, a
  /// section (index and filter of some hundreds of blocks) is one, opening a table two. Of what
  /// compactions read, blocks of data are not in it.
  uint64_t disk_reads = 0, disk_reads_of_gets = 0, disk_read_bytes = 0;

  uint64_t bytes_written_user = 0, bytes_written_log = 0, bytes_written_flush = 0,
           bytes_written_compaction = 0;
  uint64_t syncs = 0, groups = 0, flushes = 0, compactions = 0;
  /// Waits of the engine's own making. Stalls: writes were refused, until there was room. Delays:
  /// what room_at() told writers to wait.
  uint64_t stalls = 0, stall_nanoseconds = 0, stall_nanoseconds_max = 0;
  uint64_t delays = 0, delay_nanoseconds = 0, delay_nanoseconds_max = 0;
  /// Of compactions, for the sake of who waits for the disk (storage/engines/compaction_pace.h).
  uint64_t compaction_rest_nanoseconds = 0;
  double compaction_share = 1;    ///< Of the time, that they had last.
  bool compaction_rests = false;  ///< Until next_wake(), or sooner.
  std::string refusing;           ///< Why no write is taken just now; empty: they are.
  uint64_t damaged_at_open = 0;   ///< Places in log and tables; only the log's events name them.
  uint64_t write_rate = 0;  ///< Bytes a second to which writers are slowed now; 0: they are not.

  uint64_t memory_used() const {
    return memory_memtables + memory_cache + memory_filters + memory_indexes;
  }
  /// Bytes written to files for each byte of keys and values; 0 while nothing was written.
  double write_amplification(bool with_log) const {
    if (bytes_written_user == 0) return 0;
    const uint64_t written =
        bytes_written_flush + bytes_written_compaction + (with_log ? bytes_written_log : 0);
    return static_cast<double>(written) / static_cast<double>(bytes_written_user);
  }
  /// File reads per get.
  double read_amplification() const {
    return gets == 0 ? 0 : static_cast<double>(disk_reads_of_gets) / static_cast<double>(gets);
  }
  /// Bytes of all tables for each byte of those on the lowest level, which has each key once: an
  /// estimate from above. 1 for one level alone.
  double space_amplification() const {
    if (by_level.empty() || by_level.back().bytes == 0) return 1;
    uint64_t all = 0;
    for (const LevelStats& level : by_level) all += level.bytes;
    return static_cast<double>(all) / static_cast<double>(by_level.back().bytes);
  }
};

}  // namespace kv
