#include "libkv/replica/replica_core.h"

#include <utility>

#include "libkv/base/assert.h"
#include "libkv/base/planted.h"
#include "libkv/model/token.h"
#include "libkv/replica/key_layout.h"

namespace kv {

ReplicaCore::ReplicaCore(Environment& the_environment, Engine& the_engine, MemberNumber the_member,
                         const ReplicaSettings& the_settings, ReplicaAnswers& the_answers,
                         ReplicaSignals& the_signals, Incarnation the_incarnation)
    : environment(the_environment),
      engine(the_engine),
      member(the_member),
      settings(the_settings),
      answers(the_answers),
      signals(the_signals),
      random(the_environment.entropy()),
      incarnation(std::move(the_incarnation)),
      durable(the_engine),
      write_gate(the_engine, the_environment.clock, limits::paced_writes_max),
      turns(the_engine, the_settings.parked_steps_max),
      recent(limits::recent_puts_max),
      tasks(the_environment.executor),
      leaves(the_engine, tasks, leaves_hooks()) {}

// Leaves are few, bounded and not waited for by anybody: they do not queue for room.
Leaves::Hooks ReplicaCore::leaves_hooks() {
  return {.apply = [this](const WriteBatch& batch) -> Status {
            KV_TRY(apply(batch));
            return {};
          },
          .unreadable = [this](const PartitionKey& partition,
                               const Error& error) { on_unreadable(partition, error); },
          .rows_unreadable =
              [this](const PartitionKey& partition, const Error& error) {
                environment.log.error("leaves_unreadable", {{"placement", partition.placement},
                                                            {"partition", partition.partition},
                                                            {"why", error.what}});
              }};
}

Answer ReplicaCore::place(Epoch planned, KeyspaceId keyspace_id, BytesView key,
                          Placed* placed) const {
  if (!map) return Answer::no_map;
  if (key.empty() || key.size() > limits::key_bytes_max) return Answer::invalid;
  const Keyspace* keyspace = map->keyspace(keyspace_id);
  if (keyspace == nullptr) return Answer::not_found;
  placed->kind = keyspace->record_kind();
  placed->partition = {keyspace->placement,
                       partition_of(token_of(keyspace_id, key), map->partition_bits)};
  return place(planned, placed->partition, &placed->standing);
}

Answer ReplicaCore::place(Epoch planned, const PartitionKey& partition, Standing* standing) const {
  if (!map) return Answer::no_map;
  KV_ASSERT(planned <= map->epoch);
  const PartitionRow* row = map->row(partition);
  if (row == nullptr) return Answer::not_found;
  if (planned < row->changed) return Answer::stale_epoch;
  *standing = standing_of(*row, member);
  return Answer::ok;
}

std::vector<PartitionKey> ReplicaCore::held_partitions() const {
  std::vector<PartitionKey> held;
  if (!map) return held;
  for (const Placement& placement : map->placements) {
    for (PartitionId partition = 0; partition < placement.table.size(); ++partition) {
      if (standing_of(placement.table[partition], member).holds_own()) {
        held.push_back({placement.id, partition});
      }
    }
  }
  return held;
}

std::vector<MemberNumber> ReplicaCore::others(const PartitionRow& row) const {
  std::vector<MemberNumber> members;
  for (const Slot& slot : row.slots) {
    for (const MemberNumber other : {slot.owner, slot.successor}) {
      if (other != 0 && other != member) members.push_back(other);
    }
  }
  return members;
}

void ReplicaCore::on_unreadable_hints(const UnreadableHints& hints) {
  WriteBatch batch;
  for (const auto& [key, error] : hints.rows) {
    const PartitionKey partition = partition_of_key(key).value_or(PartitionKey{});
    if (!hint_tally.note_unreadable(partition, key)) continue;
    environment.log.error("hint_unreadable", {{"placement", partition.placement},
                                              {"partition", partition.partition},
                                              {"why", error.what}});
    const PartitionRow* row = map ? map->row(partition) : nullptr;
    if (row != nullptr) owed.incur(partition, others(*row), &batch);
  }
  for (const Error& error : hints.blocks) {
    if (!hint_tally.note_damage(error.what)) continue;
    environment.log.error("data_damaged", {{"what", error.what}});
    refilling.mark_hints_lost(&batch);
  }
  if (!batch.empty()) (void)apply(batch);  // Where nothing can be written, memory has the debts.
}

Status ReplicaCore::note_damage() {
  if (!drops_leaves || stopping) return {};
  // As one group, and what must not be lost first: the drop may set off a flush, which takes with
  // it what was damaged.
  engine.begin_turn();
  Status noted;
  if (!damage.empty()) {
    const auto applied = durable.apply(damage, settings.durability);
    if (applied) damage.clear();
    if (!applied) noted = fail(applied.error());
  }
  // A record may be lost whose leaf is not.
  if (noted && !KV_PLANTED(leaves_trusted_after_damage)) {
    const auto dropped = durable.drop_range(space_range(Space::leaf), settings.durability);
    if (!dropped) noted = fail(dropped.error());
  }
  engine.end_turn();
  KV_TRY(noted);
  drops_leaves = false;
  leaves.start();
  return {};
}

Result<Sequence> ReplicaCore::apply(const WriteBatch& batch) {
  KV_ASSERT(!batch.empty());
  if (stopping) return fail(ErrorKind::busy, "the node is stopping");
  if (!KV_PLANTED(damage_noted_late)) KV_TRY(note_damage());
  return durable.apply(batch, settings.durability);
}

Status ReplicaCore::draw_incarnation() {
  ++counters.amnesia_met;
  const Status drawn = incarnation.draw();
  environment.log.warning("amnesia_met", {{"incarnation", incarnation.value()},
                                          {"drawn", drawn ? "yes" : drawn.error().what}});
  if (drawn) signals.incarnation_drawn(incarnation.value(), incarnation.start_number());
  return drawn;
}

void ReplicaCore::on_unreadable(const PartitionKey& partition, const Error& error) {
  environment.log.error("partition_unreadable", {{"placement", partition.placement},
                                                 {"partition", partition.partition},
                                                 {"why", error.what}});
  if (error.kind != ErrorKind::corrupt) return;
  WriteBatch batch;
  refilling.mark(partition, &batch);
  if (!batch.empty()) (void)apply(batch);  // Where nothing can be written, memory has the mark.
}

Answer answer_of(const Error& error) {
  switch (error.kind) {
    case ErrorKind::invalid:
      return Answer::invalid;
    case ErrorKind::busy:
    case ErrorKind::unavailable:  // The node is stopping.
      return Answer::busy;
    case ErrorKind::no_space:
      return Answer::no_space;
    case ErrorKind::corrupt:
    case ErrorKind::format:
      return Answer::corrupt;
    default:
      return Answer::io;
  }
}

}  // namespace kv
