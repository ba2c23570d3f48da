// All bounds stand here: every queue, message, retry and wait has one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "libkv/base/time.h"

namespace kv::limits {

// Keys, values, records.
inline constexpr size_t key_bytes_max = 1024;
inline constexpr size_t value_bytes_max_default = 1u << 20;
inline constexpr size_t value_bytes_max_ceiling = 64u << 20;
inline constexpr size_t siblings_max = 100;
inline constexpr size_t siblings_bytes_max = 4u << 20;
inline constexpr size_t keyspace_name_bytes_max = 64;
/// How far above the minting replica's clock a last-write-wins timestamp may come out.
inline constexpr Duration timestamp_ahead_max = 60s;

// The cluster.
inline constexpr size_t members_max = 4096;
inline constexpr size_t voters_max = 7;
inline constexpr size_t copies_max = 7;
inline constexpr size_t fallbacks_default = 4;
inline constexpr unsigned partition_bits_max = 14;
inline constexpr size_t keyspaces_max = 1024;
inline constexpr size_t placements_max = 64;
inline constexpr size_t label_bytes_max = 255;
inline constexpr size_t endpoint_bytes_max = 1024;
inline constexpr size_t reason_bytes_max = 4096;

// Messages.
inline constexpr size_t frame_bytes_max = 80u << 20;
inline constexpr size_t frame_bytes_target = 256u << 10;  ///< A batch is cut beyond this.
inline constexpr size_t frame_messages_max = 65'536;
inline constexpr size_t nesting_max = 16;
inline constexpr size_t context_entries_max = 100'000;
inline constexpr size_t report_values_max = 2'000'000;

// A daemon's queues.
inline constexpr size_t requests_in_flight_max = 65'536;
inline constexpr size_t operations_bytes_max = 256u << 20;  ///< Of keys and values in flight.
inline constexpr size_t scan_page_records_max = 1'000;
inline constexpr size_t scan_page_bytes_max = 1u << 20;
inline constexpr size_t repair_keys_per_page = 1'000;

// What a kv-node keeps and does at a time.
inline constexpr uint64_t hint_bytes_max_default = uint64_t{1} << 30;
inline constexpr size_t recent_puts_max = 65'536;   ///< Mints whose repetition is recognised.
inline constexpr size_t parked_steps_max = 16'384;  ///< Writes that wait for a block of their key.
inline constexpr size_t waiting_bytes_max = 64u << 20;  ///< Of such writes; one may always wait.
inline constexpr size_t disk_reads_max = 16'384;        ///< Reads that wait for a block.
inline constexpr size_t range_walks_max = 64;           ///< Scans, listings and checks at a time.
inline constexpr size_t scan_pages_at_once = 8;         ///< Of these; the others wait.
inline constexpr size_t untaken_bytes_max = 8u << 20;   ///< Of answers, by one asker.
inline constexpr size_t walk_slice_keys = 1'024;        ///< Then the reading thread is let go.
inline constexpr size_t map_waiters_max = 4'096;        ///< Requests that wait for a newer map.
inline constexpr size_t fetch_bytes_max = 8u << 20;     ///< Of one answer to a repair.
inline constexpr size_t promotions_max = 64;            ///< Hints merged into own data at a time.
inline constexpr size_t reads_together_max = 256;       ///< Keys that are looked up at once.
inline constexpr Duration promotion_retry_interval = 5s;
inline constexpr size_t unreadable_hints_max = 4'096;       ///< That are known, each told of once.
inline constexpr Duration unreadable_retry_interval = 60s;  ///< For partitions not read through.
/// A partition's data is read through, and its leaves compared with it, so often: 256 in five days.
inline constexpr Duration partition_check_interval = 30min;
inline constexpr size_t leaf_rows_a_batch = 1'024;  ///< Of Merkle leaves to be stored.
inline constexpr size_t leaf_batches_at_once = 4;   ///< And then again at the next tick.
inline constexpr Duration map_wait_max = 1s;
inline constexpr Duration judgement_wait_max = 3s;    ///< For the voters' word on a start.
inline constexpr Duration repair_request_time = 30s;  ///< Of requests that carry no time left.

// The storage engine.
inline constexpr size_t engine_key_bytes_max = 8u << 10;     ///< With the replica's prefix.
inline constexpr size_t engine_value_bytes_max = 72u << 20;  ///< Values and their history.
inline constexpr size_t engine_batch_bytes_max = 96u << 20;
inline constexpr size_t log_unsynced_bytes_max = 1u << 20;   ///< Then written, though nobody waits.
inline constexpr size_t log_shared_record_bytes = 4u << 10;  ///< Of a record of several batches.
/// Then writers are answered busy; an eighth of the memory budget, if that is less.
inline constexpr size_t log_forming_bytes_max = 32u << 20;
/// At such a part of it writers begin to be slowed.
inline constexpr size_t log_forming_soft_share = 4;
/// Of log_unsynced_bytes_max each. After so many, fresh segments are not written through.
inline constexpr uint64_t log_groups_without_sync = 8;
inline constexpr size_t log_spare_segments_max = 16;
inline constexpr size_t log_spare_segments_idle = 0;  ///< When nothing is written.
inline constexpr Duration tidy_interval = 50ms;       ///< Between two things tidied.
inline constexpr size_t log_old_segments_max = 16;    ///< At open; more are flushed away.
inline constexpr Duration flush_after_damage = 10s;   ///< Of the log, unless it is noted before.
inline constexpr size_t memtables_waiting_max = 4;    ///< Then writers are answered busy.
inline constexpr size_t level0_tables_max = 24;       ///< The same.
/// From here on writers are slowed (storage/engines/write_pace.h); slowest at the bounds above.
inline constexpr size_t memtables_waiting_soft = 2;
inline constexpr size_t level0_tables_soft = 8;
/// What the levels below 0 may have over their targets, in multiples of level 1's.
inline constexpr uint64_t level_excess_soft = 8, level_excess_hard = 64;
inline constexpr Duration write_delay_max = 10ms;        ///< Of one write.
inline constexpr uint64_t write_rate_first = 16u << 20;  ///< A second, until flushes tell.
inline constexpr uint64_t write_rate_min = 1u << 20;     ///< However slow the disk is.
inline constexpr size_t paced_writes_max = 16'384;       ///< Of a kv-node, that wait for room.
inline constexpr size_t paced_writes_a_turn = 256;       ///< That are let go together.
inline constexpr size_t open_tables_max = 500;
inline constexpr size_t ring_reads_max = 256;             ///< At a time; threads take the others.
inline constexpr size_t ring_read_bytes_max = 65u << 10;  ///< Of one; threads take larger ones.
inline constexpr uint64_t node_memory_bytes_min = 64u << 20;
inline constexpr uint64_t node_memory_bytes_max = uint64_t{1} << 50;  ///< No machine has more.
inline constexpr Duration disk_full_retry_interval = 1s;

// Waits.
inline constexpr Duration request_timeout_default = 5s;
inline constexpr Duration request_timeout_max = 3600s;
inline constexpr Duration watch_interval = 100ms;
inline constexpr Duration watch_lost_after = 600ms;
inline constexpr Duration heartbeat_interval = 250ms;

}  // namespace kv::limits
