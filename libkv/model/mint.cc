#include "libkv/model/mint.h"

#include <algorithm>
#include <utility>

#include "libkv/base/assert.h"
#include "libkv/base/planted.h"

namespace kv {

namespace {

constexpr std::chrono::microseconds kTick{1};

bool mark_counts(const StoredRecord& stored, const Minter& minter) {
  if (!stored.mark || stored.record.is_empty()) return false;
  return stored.mark->incarnation == minter.incarnation || KV_PLANTED(birth_after_amnesia);
}

// Or a later attempt was, and what it was to cover knows of it: a value made now would be dead on
// arrival, and yet its context would cover the later attempt's, so that neither is left.
bool was_made(const Record& record, const MintRequest& request) {
  if (record.context.covers(request.put, request.attempt)) return true;
  if (request.mode != PutMode::sibling && request.context.covers(request.put, request.attempt))
    return true;
  return std::any_of(record.siblings.begin(), record.siblings.end(), [&](const Sibling& sibling) {
    return sibling.put == request.put && sibling.attempt == request.attempt;
  });
}

// What the writer had seen; a sibling put has seen nothing.
CausalContext context_of(const MintRequest& request) {
  CausalContext context;
  if (request.mode != PutMode::sibling && !KV_PLANTED(drop_context)) context = request.context;
  // Else both mints of a put that was tried again would live, and a delete that saw only one of
  // them would be undone by the other.
  if (request.attempt > 1 && !KV_PLANTED(forget_attempt)) {
    context.see(request.put, request.attempt - 1);
  }
  return context;
}

std::vector<Sibling> survivors(const Record& record, const MintRequest& request,
                               const CausalContext& covered) {
  std::vector<Sibling> left;
  if (request.mode == PutMode::over_what_is_there) return left;
  if (request.kind == RecordKind::last_write_wins) return left;
  for (const Sibling& sibling : record.siblings) {
    if (covered.covers(sibling.dot) || covered.covers(sibling.put, sibling.attempt)) continue;
    left.push_back(sibling);
  }
  return left;
}

// A put that leaves no more than there was before it is never refused: else a record that merges
// have taken over the cap could not be reconciled step by step. Nor is a lone value.
bool exceeds_cap(const Record& before, const Record& after, const Minter& minter) {
  const size_t count = after.siblings.size();
  if (count <= 1) return false;
  if (count > minter.siblings_max && count > before.siblings.size()) return true;
  const uint64_t bytes = after.value_bytes();
  return bytes > minter.siblings_bytes_max && bytes > before.value_bytes();
}

WallTime newest_of(const Record& record, const CausalContext& context) {
  WallTime newest = std::max(record.context.newest(), context.newest());
  for (const Sibling& sibling : record.siblings) newest = std::max(newest, sibling.timestamp);
  return newest;
}

Actor fresh_actor(const CausalContext& seen, const Minter& minter, Random& random) {
  Actor actor;
  do {
    actor = Actor(minter.member, random.next());
  } while (actor.birth() == 0 || seen.counter_of(actor) != 0);
  return actor;
}

Sibling sibling_of(const MintRequest& request, const Dot& dot, WallTime timestamp) {
  Sibling sibling;
  sibling.dot = dot;
  sibling.put = request.put;
  sibling.attempt = request.attempt;
  sibling.tombstone = request.tombstone;
  if (!request.tombstone) {
    sibling.value = request.value;
    sibling.expiry = request.expiry;
  }
  sibling.timestamp = timestamp;
  return sibling;
}

void insert_sorted(std::vector<Sibling>* siblings, Sibling sibling) {
  const auto at =
      std::lower_bound(siblings->begin(), siblings->end(), sibling.dot,
                       [](const Sibling& held, const Dot& dot) { return held.dot < dot; });
  siblings->insert(at, std::move(sibling));
}

}  // namespace

bool shows_amnesia(const StoredRecord& stored, const CausalContext& context, const Minter& minter) {
  if (stored.record.is_empty() || !stored.mark) return false;
  if (stored.mark->incarnation != minter.incarnation) return false;
  const Actor actor(minter.member, stored.mark->birth);
  return context.counter_of(actor) > stored.record.context.counter_of(actor);
}

MintOutcome mint(StoredRecord* stored, const MintRequest& request, const Minter& minter,
                 WallTime now, Random& random) {
  const Record& before = stored->record;
  KV_ASSERT(request.kind != RecordKind::linearizable);
  KV_ASSERT(before.is_empty() || before.kind == request.kind);
  KV_ASSERT(request.attempt >= 1 && minter.member != 0);
  if (was_made(before, request)) return MintOutcome::repeated;
  if (shows_amnesia(*stored, request.context, minter)) return MintOutcome::amnesia;

  const CausalContext covered = context_of(request);
  Record after;
  after.kind = request.kind;
  after.context = before.context;
  after.context.join(covered);
  after.siblings = survivors(before, request, covered);

  WallTime timestamp = now;
  const WallTime newest = newest_of(before, covered);
  if (newest >= now && newest - now < minter.ahead_max) timestamp = newest + kTick;
  if (request.kind == RecordKind::last_write_wins) {
    if (timestamp <= newest) return MintOutcome::too_far_ahead;
    after.context.see(timestamp);
  }

  const Actor actor = mark_counts(*stored, minter) ? Actor(minter.member, stored->mark->birth)
                                                   : fresh_actor(after.context, minter, random);
  const Dot dot{actor, before.context.counter_of(actor) + 1};
  after.context.see(dot);
  insert_sorted(&after.siblings, sibling_of(request, dot, timestamp));
  if (exceeds_cap(before, after, minter)) return MintOutcome::too_many_siblings;

  if (!mark_counts(*stored, minter)) stored->mark = BirthMark{actor.birth(), minter.incarnation};
  stored->record = std::move(after);
  return MintOutcome::minted;
}

bool merge_into(StoredRecord* stored, const Record& incoming) {
  // What came in by merge alone has not lived here: the next mint takes a new birth.
  if (stored->record.is_empty()) stored->mark.reset();
  Record merged = merge(stored->record, incoming);
  if (merged == stored->record) return false;
  stored->record = std::move(merged);
  return true;
}

}  // namespace kv
