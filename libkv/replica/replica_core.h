// What the parts of a replica share: its engine, its map, and each piece of its state. The parts
// (writes, reads, scans, …) act on it; Replica owns it. Lives on the loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "libkv/base/environment.h"
#include "libkv/base/lane_tasks.h"
#include "libkv/base/limits.h"
#include "libkv/base/random.h"
#include "libkv/model/cluster_map.h"
#include "libkv/protocol/answer.h"
#include "libkv/replica/durable_queue.h"
#include "libkv/replica/hint_tally.h"
#include "libkv/replica/incarnation.h"
#include "libkv/replica/key_turns.h"
#include "libkv/replica/leaves.h"
#include "libkv/replica/owed.h"
#include "libkv/replica/recent_puts.h"
#include "libkv/replica/refilling.h"
#include "libkv/replica/replica_answers.h"
#include "libkv/replica/rounds.h"
#include "libkv/replica/standing.h"
#include "libkv/replica/stored_hint.h"
#include "libkv/replica/write_gate.h"
#include "libkv/storage/engine.h"

namespace kv {

struct ReplicaSettings {
  Durability durability = Durability::always;
  size_t value_bytes_max = limits::value_bytes_max_default;
  size_t siblings_max = limits::siblings_max;
  size_t siblings_bytes_max = limits::siblings_bytes_max;
  uint64_t hint_bytes_max = limits::hint_bytes_max_default;
  Duration check_interval = limits::partition_check_interval;
  Duration map_wait_max = limits::map_wait_max;
  Duration judgement_wait_max = limits::judgement_wait_max;
  size_t parked_steps_max = limits::parked_steps_max;
  /// Of keys and values of writes that wait, for room or for their key's turn.
  size_t waiting_bytes_max = limits::waiting_bytes_max;
  /// A page of a scan has a block of each source of each partition while it is read.
  size_t scan_pages_at_once = limits::scan_pages_at_once;
  /// An asker that leaves so much untaken gets no page of a scan.
  size_t untaken_bytes_max = limits::untaken_bytes_max;
};

struct ReplicaCounters {
  uint64_t mints = 0, mints_repeated = 0, mints_into_hints = 0;
  uint64_t merges = 0, merges_unchanged = 0, merges_into_hints = 0;
  uint64_t reads = 0, reads_on_disk = 0, scan_pages = 0, fetched = 0;
  uint64_t refused = 0, refused_stale_epoch = 0, refused_stale_round = 0, refused_refilling = 0;
  uint64_t hints_refused = 0, hints_struck = 0, hints_grown = 0, hints_promoted = 0;
  uint64_t amnesia_met = 0, steps_parked = 0, leaves_differing = 0;
  // Of this moment.
  uint64_t hints = 0, hints_unreadable = 0, hint_bytes = 0, owed = 0, refilling = 0;
  uint64_t keys = 0, trees_ready = 0, trees_stored = 0, trees_building = 0, tree_walks = 0,
           trees_unreadable = 0, tree_bytes = 0;
  uint64_t waiting_for_log = 0, waiting_for_disk = 0, waiting_for_map = 0, waiting_for_room = 0;
};

/// Where a key lies by the map, and what this member is there.
struct Placed {
  PartitionKey partition;
  RecordKind kind = RecordKind::causal;
  Standing standing;
};

struct ReplicaCore {
  ReplicaCore(Environment& the_environment, Engine& the_engine, MemberNumber the_member,
              const ReplicaSettings& the_settings, ReplicaAnswers& the_answers,
              ReplicaSignals& the_signals, Incarnation the_incarnation);

  Epoch epoch() const { return map ? map->epoch : 0; }
  Instant now() { return environment.clock.now(); }

  /// no_map, invalid (the key), not_found (the keyspace), stale_epoch, or ok with `*placed`.
  /// REQUIRES: planned <= epoch().
  Answer place(Epoch planned, KeyspaceId keyspace, BytesView key, Placed* placed) const;
  /// The same for a partition.
  Answer place(Epoch planned, const PartitionKey& partition, Standing* standing) const;

  /// The partitions in which this member holds own data by the map.
  std::vector<PartitionKey> held_partitions() const;

  /// The members of a partition's slots, but for this one.
  std::vector<MemberNumber> others(const PartitionRow& row) const;

  /// Hints whose stored bytes do not decode: each is told of once and left where it is, and what it
  /// may have been for is owed to all slots of its partition.
  void on_unreadable_hints(const UnreadableHints& hints);

  /// Writes what recovery found damaged comes to, if that has not been done. Errors: the engine's.
  Status note_damage();
  /// Applies what is not empty. What was damaged is noted before. Errors: the engine's; `busy` once
  /// stopping.
  Result<Sequence> apply(const WriteBatch& batch);
  /// Draws a new incarnation and tells the service. REQUIRES: its own amnesia was met.
  Status draw_incarnation();

  Environment& environment;
  Engine& engine;
  const MemberNumber member;
  const ReplicaSettings settings;
  ReplicaAnswers& answers;
  ReplicaSignals& signals;

  MapPointer map;
  Random random;
  Incarnation incarnation;
  DurableQueue durable;
  WriteGate write_gate;
  KeyTurns turns;
  RecentPuts recent;
  Rounds rounds;
  Refilling refilling;
  bool in_doubt = false;  ///< Whether it has lost anything is not known yet: as if it refilled.
  Owed owed;
  HintTally hint_tally;
  ReplicaCounters counters;
  bool stopping = false;
  /// What recovery found damaged, until it is written: rows, and that no leaf is to be believed. On
  /// a full disk only memory has it, for a while.
  WriteBatch damage;
  bool drops_leaves = false;
  size_t walks = 0;  ///< Scans and listings that run or wait, at most limits::range_walks_max.
  LaneTasks tasks;
  Leaves leaves;

 private:
  Leaves::Hooks leaves_hooks();
  void on_unreadable(const PartitionKey& partition, const Error& error);
};

/// How an engine's failure is told to askers.
Answer answer_of(const Error& error);

}  // namespace kv
