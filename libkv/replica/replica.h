// What one kv-node does with its engine, without sockets and threads: it mints, merges, reads and
// scans; keeps hints, Merkle leaves and owed repairs; and refuses by the map, the round, limits and
// its own losses.
//
//   on_mint, on_merge …  ─▶ map gate ─▶ writes, reads, scans, … ─▶ ReplicaAnswers
//                                          │      ▲
//                                        engine ──┘ (applied, durable, read from disk)
//
// Single-threaded: every call on the loop, every answer from there; some answers come before the
// call returns. A request is answered exactly once (a mint: made, and if that is ok, durable),
// unless the replica ends before. What a request names is checked here, but that its messages
// decode is the caller's business.
//
// REQUIRES: environment, engine, metadata, answers and signals outlive it, and nobody else listens
// to the engine's durability or writes to it.
#pragma once

#include <functional>
#include <memory>

#include "libkv/replica/debts.h"
#include "libkv/replica/hint_answers.h"
#include "libkv/replica/hint_promotion.h"
#include "libkv/replica/map_gate.h"
#include "libkv/replica/reads.h"
#include "libkv/replica/replica_core.h"
#include "libkv/replica/scans.h"
#include "libkv/replica/tree_answers.h"
#include "libkv/replica/writes.h"

namespace kv {

class Replica {
 public:
  /// Settles the incarnation (this waits for the metadata's file) and notes what the engine's
  /// recovery found damaged. Errors: corrupt (a row), io, no_space.
  static Result<std::unique_ptr<Replica>> open(Environment& environment, Engine& engine,
                                               MetaStore& meta, MemberNumber member,
                                               const ReplicaSettings& settings,
                                               ReplicaAnswers& answers, ReplicaSignals& signals);
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  /// Takes a newer map; an older one or the same is passed over.
  /// REQUIRES: the map is valid, and of the same cluster as those before.
  void set_map(MapPointer map);
  Epoch epoch() const { return core_.epoch(); }
  /// Bounds waits. Call it every 100 ms or so.
  void on_tick();
  /// When writes that wait for room are due, apart from that; then call on_room_time().
  Instant next_wake() const { return core_.write_gate.next_wake(); }
  void on_room_time(Instant now) { core_.write_gate.on_time(now); }

  /// Around the requests of one frame: its reads are looked up together, in the order of what
  /// changes what they find.
  void begin_frame() { reads_.begin_gather(); }
  void end_frame() { reads_.end_gather(); }

  void on_mint(Asker asker, const msg::Mint& request);
  void on_merge(Asker asker, const msg::Merge& request);
  void on_read(Asker asker, const msg::Read& request);
  void on_scan_page(Asker asker, const msg::ScanPage& request);
  void on_owe(Asker asker, const msg::Owe& request);
  void on_hint_list(Asker asker, const msg::HintList& request);
  void on_hint_strikes(Asker asker, const msg::HintStrikes& request);
  void on_tree_roots(Asker asker, const msg::TreeRoots& request);
  void on_tree_leaves(Asker asker, const msg::TreeLeaves& request);
  void on_leaf_keys(Asker asker, const msg::LeafKeys& request);
  void on_fetch(Asker asker, const msg::Fetch& request);
  void on_owed_list(Asker asker, const msg::OwedList& request);
  void on_owed_paid(Asker asker, const msg::OwedPaid& request);

  /// What to show to the voters at the start; until they have judged a kept incarnation (or the
  /// wait for it is over and a new one is drawn) every mint is answered `busy`.
  const Incarnation& incarnation() const { return core_.incarnation; }
  /// The voters' word. Errors: the metadata's; then nothing is minted.
  Status on_start_judged(bool known);

  /// Until the voters have said whether this directory is behind, nothing it answers is to count
  /// for strict reads.
  void begin_in_doubt() { core_.in_doubt = true; }
  /// They have. `lost`: it is, so that every partition refills; the verdict counts as heard once
  /// that is durable. Errors: the engine's, the metadata's; then the doubt goes on.
  Status end_doubt(bool lost);

  /// Some asker may have taken answers: what waits for that goes on. Call it at each turn's end.
  void on_answers_taken() { scans_.go_on(); }

  /// Facts of one key, when they are there.
  void explain(KeyspaceId keyspace, const SharedBytes& key,
               std::function<void(const KeyFacts&)> done) {
    reads_.explain(keyspace, key, std::move(done));
  }
  /// Recomputes the leaves of one partition after another, one each call, beside the writes; a leaf
  /// that differs is logged, counted and replaced. False: nothing to check, or one is running.
  bool check_next_partition();
  ReplicaCounters counters() const;

  /// Takes no more writes, and leaves the clean flag when the log has everything. Then close the
  /// engine. Without it the next start counts as unclean.
  void stop(std::function<void(const Status&)> stopped);

 private:
  Replica(Environment& environment, Engine& engine, MemberNumber member,
          const ReplicaSettings& settings, ReplicaAnswers& answers, ReplicaSignals& signals,
          Incarnation incarnation);

  /// Serves the request, or lets it wait for the map it was planned with.
  template <typename Part, typename Request>
  void serve(Asker asker, const Request& request, Duration time_left, Part& part,
             void (Part::*act)(Asker, const Request&, Instant));
  template <typename Part, typename Request>
  void take_up(Asker asker, const Request& request, Instant deadline, Part& part,
               void (Part::*act)(Asker, const Request&, Instant));
  template <typename Part, typename Request>
  void wait_for_map(Asker asker, const Request& request, Instant deadline, Part& part,
                    void (Part::*act)(Asker, const Request&, Instant));

  ReplicaCore core_;
  Writes writes_;
  Reads reads_;
  Scans scans_;
  TreeAnswers trees_;
  HintAnswers hints_;
  Debts debts_;
  HintPromotion promotion_;
  MapGate gate_;
  const WaitingRequests waiting_;  // For a newer map.
  Epoch wanted_ = 0;               // The newest map that a waiting request was planned with.
  PartitionKey next_checked_;      // Where the background check goes on.
  Instant next_retry_{};           // Of partitions that could not be read through.
  Instant next_check_{};  // Of a partition's leaves; the first is due an interval after a start.
};

}  // namespace kv
