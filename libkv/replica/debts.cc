#include "libkv/replica/debts.h"

#include <algorithm>
#include <string>
#include <utility>

#include "libkv/replica/key_layout.h"
#include "libkv/replica/refusals.h"

namespace kv {

namespace {

bool overlaps(const KeyRange& a, const KeyRange& b) {
  const bool a_ends_before = !a.to.empty() && a.to <= b.from;
  const bool b_ends_before = !b.to.empty() && b.to <= a.from;
  return !a_ends_before && !b_ends_before;
}

}  // namespace

template <typename Request>
void Debts::answer_when_durable(Asker asker, const Request& request, Answer answer,
                                const WriteBatch& batch) {
  if (!batch.empty()) {
    const auto sequence = core_.apply(batch);
    if (!sequence) {
      return core_.answers.answer(asker,
                                  refusal(request, answer_of(sequence.error()), core_.epoch()));
    }
  }
  core_.durable.when_all_durable([this, asker, request, answer](const Status& durable) {
    const Answer told = durable ? answer : Answer::io;
    core_.answers.answer(asker, refusal(request, told, core_.epoch()));
  });
}

void Debts::owe(Asker asker, const msg::Owe& request, Instant) {
  WriteBatch batch;
  for (const PartitionKey& partition : request.partitions) {
    const PartitionRow* row = core_.map->row(partition);
    if (row == nullptr) continue;
    std::vector<MemberNumber> members;
    for (const MemberNumber member : core_.others(*row)) {
      const bool named = std::find(request.members.begin(), request.members.end(), member) !=
                         request.members.end();
      if (named) members.push_back(member);
    }
    core_.owed.incur(partition, members, &batch);
  }
  answer_when_durable(asker, request, Answer::ok, batch);
}

void Debts::list(Asker asker, const msg::OwedList& request) {
  msg::OwedTold told;
  told.id = request.id;
  told.epoch = core_.epoch();
  // What a fallback owes is paid by comparing slots, to whom its hints must have gone before.
  for (const msg::OwedRepair& debt : core_.owed.list()) {
    if (!core_.hint_tally.may_deliver(debt.partition)) told.owed.push_back(debt);
  }
  told.refilling = core_.refilling.list();
  core_.answers.answer(asker, told);
}

void Debts::paid(Asker asker, const msg::OwedPaid& request, Instant) {
  WriteBatch batch;
  Answer answer = Answer::ok;
  std::vector<msg::OwedRepair> paid;
  std::vector<PartitionKey> level;
  for (const msg::OwedRepair& debt : request.paid) {
    if (core_.owed.pay(debt, &batch)) paid.push_back(debt);
  }
  for (const PartitionKey& partition : request.level) {
    Standing standing;
    const Answer placed = core_.place(request.epoch, partition, &standing);
    if (placed != Answer::ok) {
      answer = placed;
    } else if (core_.refilling.end(partition, &batch)) {
      level.push_back(partition);
    }
  }
  if (!batch.empty()) {
    const auto sequence = core_.apply(batch);
    if (!sequence) {
      return core_.answers.answer(asker,
                                  refusal(request, answer_of(sequence.error()), core_.epoch()));
    }
    for (const msg::OwedRepair& debt : paid) core_.owed.forget(debt);
    for (const PartitionKey& partition : level) core_.refilling.forget(partition);
  }
  answer_when_durable(asker, request, answer, WriteBatch());
}

// Damage.

Status Debts::mark_all_refilling() {
  WriteBatch batch;
  core_.refilling.mark_all(&batch);
  KV_TRY(core_.apply(batch));
  if (core_.map) settle_pending();
  return {};
}

// True if the range lies within partitions that can be told from its ends.
bool Debts::mark_partitions(const KeyRange& range, WriteBatch* batch) {
  const KeyRange own = space_range(Space::own);
  if (range.from < own.from || range.to.empty() || range.to > own.to) return false;
  const auto first = partition_of_key(range.from);
  const auto last = partition_of_key(range.to);
  if (!first || !last || first->placement != last->placement) return false;
  if (last->partition < first->partition ||
      last->partition - first->partition > PartitionId{1} << limits::partition_bits_max) {
    return false;
  }
  for (PartitionId id = first->partition; id <= last->partition; ++id) {
    core_.refilling.mark({first->placement, id}, batch);
  }
  return true;
}

Status Debts::mark_damage(const std::vector<CorruptRange>& ranges, const UnreadableRows& rows) {
  for (const CorruptRange& range : ranges) {
    core_.environment.log.error(
        "data_damaged", {{"file", range.file}, {"offset", range.offset}, {"what", range.what}});
    const bool hits_own = overlaps(range.keys, space_range(Space::own));
    if (hits_own && !mark_partitions(range.keys, &core_.damage))
      core_.refilling.mark_all(&core_.damage);
    if (overlaps(range.keys, space_range(Space::hint)))
      core_.refilling.mark_hints_lost(&core_.damage);
  }
  for (const Error& error : rows) {
    core_.environment.log.error("data_damaged", {{"what", error.what}});
    core_.refilling.mark_all(&core_.damage);
    core_.refilling.mark_hints_lost(&core_.damage);
  }
  core_.drops_leaves = !ranges.empty() || !rows.empty();
  const Status noted = core_.note_damage();
  const bool can_wait = !noted && (noted.error().kind == ErrorKind::no_space ||
                                   noted.error().kind == ErrorKind::busy);
  if (!can_wait) return noted;
  core_.environment.log.error("damage_not_noted", {{"why", noted.error().what}});
  return {};
}

void Debts::settle_pending() {
  const bool all = core_.refilling.all_is_pending();
  const bool hints = core_.refilling.hints_lost_is_pending();
  if (!all && !hints) return;
  WriteBatch batch;
  if (all) core_.refilling.name_all(core_.held_partitions(), &batch);
  if (hints) owe_lost_hints(&batch);
  // Should this fail, the rows before it stand, memory has what they mean, and it is tried again.
  const auto applied = core_.apply(batch);
  if (applied) {
    if (all) core_.refilling.all_was_named();
    if (hints) core_.refilling.hints_were_owed();
  } else if (!std::exchange(settling_failed_, true)) {
    core_.environment.log.error("damage_not_noted", {{"why", applied.error().what}});
  }
}

void Debts::owe_lost_hints(WriteBatch* batch) {
  for (const Placement& placement : core_.map->placements) {
    for (PartitionId id = 0; id < placement.table.size(); ++id) {
      const PartitionRow& row = placement.table[id];
      if (!standing_of(row, core_.member).fallback) continue;
      core_.owed.incur({placement.id, id}, core_.others(row), batch);
    }
  }
  core_.refilling.hints_are_owed(batch);
}

}  // namespace kv
