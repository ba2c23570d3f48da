#include "libkv/replica/hint_answers.h"

#include <algorithm>
#include <string>
#include <utility>

#include "libkv/base/planted.h"
#include "libkv/replica/key_layout.h"
#include "libkv/replica/range_walk.h"
#include "libkv/replica/refusals.h"

namespace kv {

// Listing.

struct HintAnswers::Listing {
  MemberNumber owner = 0;
  size_t records_max = 0;
  size_t bytes = 0;
  std::vector<msg::Hint> hints;
  UnreadableHints unreadable;
  bool more = false;

  bool visit(BytesView key, BytesView value) {
    auto row = decode_hint_row(key, value);
    // One that rots must not keep the others from their owners.
    if (!row) return unreadable.pass_over(key, row.error());
    StoredHint& hint = row->hint;
    if (owner != 0 && !std::binary_search(hint.owners.begin(), hint.owners.end(), owner)) {
      return true;
    }
    const bool is_full = hints.size() == records_max ||
                         (!hints.empty() && bytes + value.size() > limits::scan_page_bytes_max);
    if (is_full) {
      more = true;
      return false;
    }
    bytes += key.size() + value.size();
    hints.push_back({row->keyspace, std::move(row->name), std::move(hint.owners),
                     std::move(hint.stored.record), hint.stored.round});
    return true;
  }
};

Answer HintAnswers::first_key(const msg::HintList& request, std::string* key) const {
  if (request.after_keyspace == 0 && request.after.empty()) {
    *key = space_range(Space::hint).from;
    return Answer::ok;
  }
  Placed placed;
  const Answer answer = core_.place(core_.epoch(), request.after_keyspace, request.after, &placed);
  if (answer != Answer::ok) return answer;
  *key =
      key_after(record_key(Space::hint, placed.partition, request.after_keyspace, request.after));
  return Answer::ok;
}

void HintAnswers::list(Asker asker, const msg::HintList& request, Instant deadline) {
  RangeWalk walk;
  walk.range = space_range(Space::hint);
  Answer answer = first_key(request, &walk.range.from);
  if (answer == Answer::ok && core_.walks >= limits::range_walks_max) answer = Answer::busy;
  if (answer != Answer::ok) {
    return core_.answers.answer(asker, refusal(request, answer, core_.epoch()));
  }
  auto listing = std::make_shared<Listing>();
  listing->owner = request.owner;
  listing->records_max = limits::repair_keys_per_page;
  if (request.records_max > 0) {
    listing->records_max = std::min<size_t>(listing->records_max, request.records_max);
  }
  walk.slice_keys = limits::walk_slice_keys;
  walk.visit = [listing](BytesView key, BytesView value) { return listing->visit(key, value); };
  walk.damaged = [listing](const Error& error) { listing->unreadable.blocks.push_back(error); };
  ++core_.walks;
  walk.paused = [this, asker, request, listing, deadline, version = core_.hint_tally.version()](
                    bool ended, const Status& status) {
    const bool is_late = core_.now() >= deadline;
    if (!ended && !is_late) return true;
    --core_.walks;
    core_.on_unreadable_hints(listing->unreadable);
    msg::HintsListed told = refusal(request, is_late ? Answer::late : Answer::ok, core_.epoch());
    if (!status) told.answer = answer_of(status.error());
    if (told.answer == Answer::ok) {
      told.hints = std::move(listing->hints);
      told.more = listing->more;
      told.version = version;
    }
    core_.answers.answer(asker, told);
    return false;
  };
  begin_walk(core_.engine, core_.tasks, std::move(walk));
}

// Striking.

struct HintAnswers::Striking {
  Asker asker;
  msg::HintStrikes request;
  msg::Done answer;
  size_t missing = 0;
};

void HintAnswers::strike(Asker asker, const msg::HintStrikes& request, Instant) {
  auto striking = std::make_shared<Striking>();
  striking->asker = asker;
  striking->request = request;
  striking->answer = refusal(request, Answer::ok, core_.epoch());
  striking->missing = request.strikes.size() + 1;  // One for this loop, so that it ends only once.
  for (const msg::HintStrike& strike : request.strikes) {
    const Answer answer = begin_strike(striking, strike);
    if (answer != Answer::ok) finish_one(striking, answer);
  }
  finish_one(striking, Answer::ok);
}

Answer HintAnswers::begin_strike(const std::shared_ptr<Striking>& striking,
                                 const msg::HintStrike& strike) {
  Placed placed;
  const Epoch epoch = striking->request.epoch;
  const Answer answer = core_.place(epoch, strike.keyspace, strike.key.view(), &placed);
  if (answer != Answer::ok) return answer;
  const std::string key =
      record_key(Space::hint, placed.partition, strike.keyspace, strike.key.view());
  const auto step = [this, striking, strike, key](const Result<Lookup>& found) {
    // The owners may have changed while the key was parked.
    Placed now;
    Answer struck = core_.place(striking->request.epoch, strike.keyspace, strike.key.view(), &now);
    if (struck == Answer::ok) struck = strike_one(now.partition, key, strike, found);
    finish_one(striking, struck);
  };
  return core_.turns.run(key, step) ? Answer::ok : Answer::busy;
}

Answer HintAnswers::strike_one(const PartitionKey& partition, const std::string& key,
                               const msg::HintStrike& strike, const Result<Lookup>& found) {
  if (!found) return answer_of(found.error());
  if (!found->value) return Answer::ok;  // Struck before.
  auto hint = decode_stored_hint(*found->value);
  if (!hint) return answer_of(hint.error());
  const auto owner = std::lower_bound(hint->owners.begin(), hint->owners.end(), strike.owner);
  if (owner == hint->owners.end() || *owner != strike.owner) return Answer::ok;
  if (digest_of(hint->stored.record) != strike.digest && !KV_PLANTED(drop_grown_hint)) {
    ++core_.counters.hints_grown;
    return Answer::ok;
  }
  hint->owners.erase(owner);
  WriteBatch batch;
  size_t bytes_after = 0;
  if (hint->owners.empty()) {
    batch.remove(key);
  } else {
    const std::string bytes = encode_stored_hint(*hint);
    bytes_after = bytes.size();
    batch.put(key, bytes);
  }
  const auto sequence = core_.apply(batch);
  if (!sequence) return answer_of(sequence.error());
  core_.hint_tally.changed(partition, found->value->size(), bytes_after);
  ++core_.counters.hints_struck;
  return Answer::ok;
}

void HintAnswers::finish_one(const std::shared_ptr<Striking>& striking, Answer answer) {
  if (answer != Answer::ok) striking->answer.answer = answer;
  if (--striking->missing > 0) return;
  striking->answer.epoch = core_.epoch();
  core_.durable.when_all_durable([this, striking](const Status& durable) {
    if (!durable) striking->answer.answer = Answer::io;
    core_.answers.answer(striking->asker, striking->answer);
  });
}

}  // namespace kv
