#include "libkv/replica/writes.h"

#include <algorithm>
#include <utility>

#include "libkv/base/assert.h"
#include "libkv/base/planted.h"
#include "libkv/codec/record_codec.h"
#include "libkv/replica/key_layout.h"
#include "libkv/replica/refusals.h"

namespace kv {

// Admission. Everything that can be refused without knowing what lies there.

Answer Writes::admit_role(const PartitionKey& partition, const Standing& standing,
                          const msg::Members& hint_for) const {
  if (hint_for.empty()) return standing.slot ? Answer::ok : Answer::not_replica;
  if (!standing.fallback) return Answer::not_replica;
  const PartitionRow& row = *core_.map->row(partition);
  const bool all_own = std::all_of(hint_for.begin(), hint_for.end(),
                                   [&](MemberNumber owner) { return is_slot(row, owner); });
  return all_own ? Answer::ok : Answer::invalid;
}

Answer Writes::admit_content(const msg::Mint& request, const Placed& placed) const {
  if (request.value.size() > core_.settings.value_bytes_max) return Answer::invalid;
  if (request.attempt == 0 || request.ttl < Duration::zero()) return Answer::invalid;
  if (!core_.incarnation.is_ready()) return Answer::busy;
  if (!request.hint_for.empty()) return Answer::ok;
  if (!placed.standing.mints) return Answer::not_replica;
  // Whether it has lost what it would mint over is not known yet.
  if (core_.in_doubt && !KV_PLANTED(serve_while_refilling)) return Answer::busy;
  if (core_.refilling.contains(placed.partition) && !KV_PLANTED(serve_while_refilling)) {
    return Answer::refilling;
  }
  return Answer::ok;
}

Answer Writes::admit_content(const msg::Merge& request, const Placed& placed) const {
  if (!request.record.is_empty() && request.record.kind != placed.kind) return Answer::invalid;
  // It was read before a purge that has happened here.
  if (request.round < core_.rounds.of(placed.partition)) return Answer::stale_round;
  return Answer::ok;
}

template <typename Request>
Answer Writes::admit(const Request& request, Instant deadline, Place* place) const {
  if (core_.now() >= deadline) return Answer::late;
  Placed placed;
  Answer answer = core_.place(request.epoch, request.keyspace, request.key.view(), &placed);
  if (answer != Answer::ok) return answer;
  // CP keys are written by prepare and accept, never by mint or merge.
  if (placed.kind == RecordKind::linearizable) return Answer::invalid;
  answer = admit_role(placed.partition, placed.standing, request.hint_for);
  if (answer != Answer::ok) return answer;
  place->partition = placed.partition;
  place->kind = placed.kind;
  place->keyspace = request.keyspace;
  place->space = request.hint_for.empty() ? Space::own : Space::hint;
  return admit_content(request, placed);
}

template <typename Request>
void Writes::refuse(Asker asker, const Request& request, Answer why) {
  ++core_.counters.refused;
  if (why == Answer::stale_epoch) ++core_.counters.refused_stale_epoch;
  if (why == Answer::stale_round) ++core_.counters.refused_stale_round;
  if (why == Answer::refilling) ++core_.counters.refused_refilling;
  core_.answers.answer(asker, refusal(request, why, core_.epoch()));
}

template <typename Request>
void Writes::begin(Asker asker, const Request& request, Instant deadline,
                   void (Writes::*run)(const Step<Request>&, const Result<Lookup>&)) {
  if (core_.write_gate.is_open()) return enter<Request>(asker, request, nullptr, deadline, run);
  Place place;
  const Answer answer = admit(request, deadline, &place);
  if (answer != Answer::ok) return refuse(asker, request, answer);
  const auto kept = waiting_.keep(request);
  const bool waits = kept && core_.write_gate.wait(deadline, [this, asker, kept, deadline, run] {
    enter(asker, *kept, kept, deadline, run);
  });
  if (!waits) refuse(asker, request, Answer::busy);
}

template <typename Request>
void Writes::enter(Asker asker, const Request& request, std::shared_ptr<const Request> kept,
                   Instant deadline,
                   void (Writes::*run)(const Step<Request>&, const Result<Lookup>&)) {
  Place place;
  Answer answer = admit(request, deadline, &place);
  if (answer == Answer::ok && core_.durable.failed()) answer = Answer::io;
  if (answer == Answer::ok && core_.durable.waiting() >= limits::requests_in_flight_max) {
    answer = Answer::busy;
  }
  if (answer != Answer::ok) return refuse(asker, request, answer);
  place.name = request.key;
  place.engine_key = record_key(place.space, place.partition, place.keyspace, request.key.view());
  if (const auto found = core_.turns.at_once(place.engine_key)) {
    return (this->*run)({asker, request, std::move(place)}, *found);
  }
  // What has waited for room is kept already.
  if (kept == nullptr) kept = waiting_.keep(request);
  if (kept == nullptr) return refuse(asker, request, Answer::busy);
  place.name = kept->key;
  const bool taken = core_.turns.run(
      place.engine_key, [this, asker, kept, deadline, place, run](const Result<Lookup>& found) {
        Place again;
        const Answer still = admit(*kept, deadline, &again);
        if (still != Answer::ok) return refuse(asker, *kept, still);
        (this->*run)({asker, *kept, place}, found);
      });
  if (!taken) refuse(asker, *kept, Answer::busy);
}

Result<Writes::Held> Writes::decode(const Place& place, const Result<Lookup>& found) {
  if (!found) return fail(found.error());
  Held held;
  held.hint.stored.record.kind = place.kind;
  if (!found->value) return held;
  if (place.space == Space::hint) {
    KV_ASSIGN(held.hint, decode_stored_hint(*found->value));
  } else {
    KV_ASSIGN(held.hint.stored, decode_stored_record(*found->value));
  }
  if (held.hint.stored.record.kind != place.kind) {
    return fail(ErrorKind::corrupt, "a stored record is not of its keyspace's kind");
  }
  held.stored_bytes = found->value->size();
  held.digest = digest_of(held.hint.stored.record);
  return held;
}

// Minting.

void Writes::mint(Asker asker, const msg::Mint& request, Instant deadline) {
  begin(asker, request, deadline, &Writes::run_mint);
}

void Writes::run_mint(const Step<msg::Mint>& step, const Result<Lookup>& found) {
  const msg::Mint& request = step.request;
  const auto held = decode(step.place, found);
  if (!held) return refuse(step.asker, request, answer_of(held.error()));
  if (core_.recent.knows(step.place.engine_key, request.put, request.attempt)) {
    return tell_repeated(step, held->hint.stored);
  }
  StoredHint after = held->hint;
  bool repeated = false;
  const Answer minted = mint_into(&after.stored, step.place, request, &repeated);
  if (minted != Answer::ok) return refuse(step.asker, request, minted);
  if (repeated) return tell_repeated(step, held->hint.stored);
  if (step.place.space == Space::hint) {
    const Round here = core_.rounds.of(step.place.partition);
    after.stored.round = held->digest ? std::min(held->hint.stored.round, here) : here;
    after.join_owners(request.hint_for);
  }
  const auto written = write(step.place, *held, after, request.owed);
  if (!written) return refuse(step.asker, request, answer_of(written.error()));
  ++core_.counters.mints;
  if (step.place.space == Space::hint) ++core_.counters.mints_into_hints;
  core_.recent.remember(step.place.engine_key, request.put, request.attempt);
  tell_made(step, after.stored, false);
  core_.durable.when_durable(written->sequence, mint_durable(step));
}

Answer Writes::mint_into(StoredRecord* stored, const Place& place, const msg::Mint& request,
                         bool* repeated) {
  const WallTime now = core_.environment.clock.wall();
  MintRequest asked;
  asked.mode = request.mode;
  asked.context = request.context;
  asked.put = request.put;
  asked.attempt = request.attempt;
  asked.tombstone = request.tombstone;
  asked.value = request.value;
  if (request.ttl > Duration::zero()) {
    asked.expiry = now + std::chrono::ceil<std::chrono::microseconds>(request.ttl);
  }
  asked.kind = place.kind;
  const auto mint_once = [&] {
    const Minter minter{core_.member, core_.incarnation.value(), core_.settings.siblings_max,
                        core_.settings.siblings_bytes_max};
    return kv::mint(stored, asked, minter, now, core_.random);
  };
  MintOutcome outcome = mint_once();
  if (outcome == MintOutcome::amnesia) {
    if (!core_.draw_incarnation()) return Answer::io;
    outcome = mint_once();
    KV_ASSERT(outcome != MintOutcome::amnesia);  // The mark is of another incarnation now.
  }
  *repeated = outcome == MintOutcome::repeated;
  if (outcome == MintOutcome::too_many_siblings) return Answer::too_many_siblings;
  if (outcome == MintOutcome::too_far_ahead) return Answer::invalid;
  return Answer::ok;
}

void Writes::tell_made(const Step<msg::Mint>& step, const StoredRecord& stored, bool repeated) {
  msg::MintMade made;
  made.id = step.request.id;
  made.epoch = core_.epoch();
  made.record = stored.record;
  made.round =
      step.place.space == Space::hint ? stored.round : core_.rounds.of(step.place.partition);
  made.repeated = repeated;
  core_.answers.answer(step.asker, made);
}

void Writes::tell_repeated(const Step<msg::Mint>& step, const StoredRecord& held) {
  // The repetition may name slots that the first did not.
  const auto sequence = write_owed(step.place.partition, step.request.owed);
  if (!sequence) return refuse(step.asker, step.request, answer_of(sequence.error()));
  ++core_.counters.mints_repeated;
  tell_made(step, held, true);
  core_.durable.when_all_durable(mint_durable(step));
}

DurableQueue::Then Writes::mint_durable(const Step<msg::Mint>& step) {
  return [this, asker = step.asker, id = step.request.id](const Status& durable) {
    core_.answers.answer(asker, msg::MintDurable{id, durable ? Answer::ok : Answer::io});
  };
}

// Merging.

void Writes::merge(Asker asker, const msg::Merge& request, Instant deadline) {
  begin(asker, request, deadline, &Writes::run_merge);
}

void Writes::run_merge(const Step<msg::Merge>& step, const Result<Lookup>& found) {
  const auto held = decode(step.place, found);
  if (!held) return refuse(step.asker, step.request, answer_of(held.error()));
  StoredHint after = held->hint;
  bool changed = join(&after, step.request.record);
  if (step.place.space == Space::hint && !after.stored.record.is_empty()) {
    changed = join_hint(&after, held->digest.has_value(), step.request) || changed;
  }
  Written written{0, held->digest.value_or(Hash128{})};
  if (changed) {
    const auto done = write(step.place, *held, after, step.request.owed);
    if (!done) return refuse(step.asker, step.request, answer_of(done.error()));
    written = *done;
  } else {
    const auto sequence = write_owed(step.place.partition, step.request.owed);
    if (!sequence) return refuse(step.asker, step.request, answer_of(sequence.error()));
    written.sequence = *sequence;
    if (!held->digest) written.digest = digest_of(after.stored.record);
  }
  ++core_.counters.merges;
  if (!changed) ++core_.counters.merges_unchanged;
  if (step.place.space == Space::hint) ++core_.counters.merges_into_hints;
  acknowledge(step, {held->hint.stored.record, after.stored.record, written});
}

bool Writes::join(StoredHint* hint, const Record& incoming) {
  const Minter self{core_.member, core_.incarnation.value(), core_.settings.siblings_max,
                    core_.settings.siblings_bytes_max};
  // Should the draw fail, the incarnation is not ready and nothing is minted; merging is harmless.
  if (shows_amnesia(hint->stored, incoming.context, self)) (void)core_.draw_incarnation();
  return merge_into(&hint->stored, incoming);
}

// Owners add up; the round is the lowest of the parts, and never raised.
bool Writes::join_hint(StoredHint* hint, bool existed, const msg::Merge& request) {
  bool changed = hint->join_owners(request.hint_for);
  if (!existed || request.round < hint->stored.round) {
    hint->stored.round = request.round;
    changed = true;
  }
  return changed;
}

void Writes::acknowledge(const Step<msg::Merge>& step, const Merging& merging) {
  const Record& record = merging.after;
  msg::Merged merged;
  merged.id = step.request.id;
  // Something was known here that the put had not seen: what it was may be gone already, by an
  // earlier attempt of the same put (protocol/put_machine.h, "second put").
  merged.siblings_remain = record.kind == RecordKind::causal &&
                           !step.request.record.context.covers(merging.before.context);
  if (merged.siblings_remain) merged.context = record.context;
  merged.digest = merging.written.digest;
  auto tell = [this, asker = step.asker, merged = std::move(merged)](const Status& durable) {
    msg::Merged told = merged;
    told.answer = durable ? Answer::ok : Answer::io;
    told.epoch = core_.epoch();
    core_.answers.answer(asker, told);
  };
  // What was found unchanged may itself not be durable yet.
  if (merging.written.sequence == 0) return core_.durable.when_all_durable(std::move(tell));
  core_.durable.when_durable(merging.written.sequence, std::move(tell));
}

void Writes::take_over(const PartitionKey& partition, KeyspaceId keyspace, const SharedBytes& name,
                       const StoredHint& hint, std::function<void(Answer)> then) {
  if (hint.stored.round < core_.rounds.of(partition)) return then(Answer::stale_round);
  Place place{partition,  hint.stored.record.kind,
              keyspace,   name,
              Space::own, record_key(Space::own, partition, keyspace, name.view())};
  const std::string key = place.engine_key;
  const bool taken = core_.turns.run(
      key, [this, place = std::move(place), record = hint.stored.record,
            then](const Result<Lookup>& found) { run_take_over(place, record, found, then); });
  if (!taken) then(Answer::busy);
}

void Writes::run_take_over(const Place& place, const Record& incoming, const Result<Lookup>& found,
                           const std::function<void(Answer)>& then) {
  // The map may have taken the partition away again while the key was parked.
  const PartitionRow* row = core_.map->row(place.partition);
  if (row == nullptr || !is_slot(*row, core_.member)) return then(Answer::not_replica);
  const auto held = decode(place, found);
  if (!held) return then(answer_of(held.error()));
  StoredHint after = held->hint;
  if (!join(&after, incoming)) return then(Answer::ok);
  const auto written = write(place, *held, after, {});
  then(written ? Answer::ok : answer_of(written.error()));
}

// Writing.

Result<Writes::Written> Writes::write(const Place& place, const Held& before,
                                      const StoredHint& after, const msg::Members& owed) {
  const bool is_hint = place.space == Space::hint;
  const std::string bytes =
      is_hint ? encode_stored_hint(after) : encode_stored_record(after.stored);
  if (is_hint) KV_TRY(check_hint_budget(place, before, after, bytes.size()));
  WriteBatch batch;
  batch.put(place.engine_key, bytes);
  incur(place.partition, owed, &batch);
  const Hash128 digest = digest_of(after.stored.record);
  if (is_hint) {
    KV_ASSIGN(const Sequence sequence, core_.apply(batch));
    core_.hint_tally.changed(place.partition, before.stored_bytes, bytes.size());
    return Written{sequence, digest};
  }
  const Leaves::Change leaf = core_.leaves.plan(place.partition, place.keyspace, place.name.view(),
                                                before.digest, digest, &batch);
  KV_ASSIGN(const Sequence sequence, core_.apply(batch));
  core_.leaves.changed(leaf);
  return Written{sequence, digest};
}

// Over the budget a new hint is refused, and its owners are owed a repair; what was acknowledged
// stays.
Status Writes::check_hint_budget(const Place& place, const Held& before, const StoredHint& after,
                                 size_t bytes_after) {
  if (bytes_after <= before.stored_bytes) return {};
  const uint64_t more = bytes_after - before.stored_bytes;
  if (core_.hint_tally.bytes() + more <= core_.settings.hint_bytes_max) return {};
  ++core_.counters.hints_refused;
  KV_TRY(write_owed(place.partition, after.owners));
  return fail(ErrorKind::no_space, "hints are over their budget");
}

Result<Sequence> Writes::write_owed(const PartitionKey& partition, const msg::Members& owed) {
  WriteBatch batch;
  incur(partition, owed, &batch);
  if (batch.empty()) return Sequence{0};
  return core_.apply(batch);
}

void Writes::incur(const PartitionKey& partition, const msg::Members& members, WriteBatch* batch) {
  const PartitionRow* row = core_.map->row(partition);
  msg::Members slots;
  for (const MemberNumber member : members) {
    if (row != nullptr && member != core_.member && is_slot(*row, member)) slots.push_back(member);
  }
  core_.owed.incur(partition, slots, batch);
}

}  // namespace kv
