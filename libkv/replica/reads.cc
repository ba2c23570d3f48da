#include "libkv/replica/reads.h"

#include <algorithm>
#include <utility>

#include "libkv/base/planted.h"
#include "libkv/codec/record_codec.h"
#include "libkv/replica/key_layout.h"
#include "libkv/replica/refusals.h"

namespace kv {

struct Reads::ReadStep {
  Asker asker;
  msg::Read request;
  Instant deadline;
  Placed placed;
  bool wants_hint = false;
  Record record;
  Round round = 0;
};

struct Reads::FetchStep {
  Asker asker;
  msg::Fetched answer;
  size_t missing = 0;
  size_t bytes = 0;
};

Reads::Reads(ReplicaCore& core) : core_(core), self_(std::make_shared<Reads*>(this)) {}

void Reads::look_up(const std::string& key, LookedUp then) {
  if (gathers_) {
    gathered_.push_back({key, std::move(then)});
    if (gathered_.size() >= limits::reads_together_max) answer_gathered();
    return;
  }
  if (const auto cached = core_.engine.get_if_cached(key)) return then(*cached);
  look_up_on_disk(key, std::move(then));
}

// What is answered may ask for more: its hint.
void Reads::answer_gathered() {
  while (!gathered_.empty()) look_up_together(std::exchange(gathered_, {}));
}

void Reads::look_up_together(std::vector<Wanted> wanted) {
  std::vector<BytesView> keys;
  keys.reserve(wanted.size());
  for (const Wanted& one : wanted) keys.emplace_back(one.key);
  const auto answers = core_.engine.get_many_if_cached(keys);
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (answers[i]) {
      wanted[i].then(*answers[i]);
    } else {
      look_up_on_disk(wanted[i].key, std::move(wanted[i].then));
    }
  }
}

void Reads::look_up_on_disk(const std::string& key, LookedUp then) {
  if (on_disk_ >= limits::disk_reads_max) {
    return then(fail(ErrorKind::busy, "too many reads wait for the disk"));
  }
  ++on_disk_;
  ++core_.counters.reads_on_disk;
  core_.engine.get(key, [alive = std::weak_ptr<Reads*>(self_),
                         then = std::move(then)](const Result<Lookup>& found) {
    const auto self = alive.lock();
    if (!self) return;
    --(*self)->on_disk_;
    then(found);
  });
}

// Reading for coordinators.

void Reads::read(Asker asker, const msg::Read& request, Instant deadline) {
  auto step = std::make_shared<ReadStep>(ReadStep{asker, request, deadline, {}, false, {}, 0});
  Answer answer = core_.place(request.epoch, request.keyspace, request.key.view(), &step->placed);
  if (answer == Answer::ok && core_.now() >= deadline) answer = Answer::late;
  if (answer == Answer::ok && !step->placed.standing.any()) answer = Answer::not_replica;
  if (answer == Answer::ok && request.durable && core_.durable.failed()) answer = Answer::io;
  if (answer != Answer::ok) return tell_read(*step, answer);
  ++core_.counters.reads;
  const PartitionKey partition = step->placed.partition;
  step->record.kind = step->placed.kind;
  step->round = core_.rounds.of(partition);
  step->wants_hint = core_.hint_tally.may_hold(partition);
  if (!step->placed.standing.holds_own()) return read_hint(step);
  const std::string key = record_key(Space::own, partition, request.keyspace, request.key.view());
  look_up(key, [this, step](const Result<Lookup>& found) {
    if (!found) return tell_read(*step, answer_of(found.error()));
    if (found->value) {
      auto stored = decode_stored_record(*found->value);
      if (!stored) return tell_read(*step, answer_of(stored.error()));
      step->record = std::move(stored->record);
    }
    read_hint(step);
  });
}

void Reads::read_hint(const std::shared_ptr<ReadStep>& step) {
  if (!step->wants_hint) return finish_read(step);
  const std::string key = record_key(Space::hint, step->placed.partition, step->request.keyspace,
                                     step->request.key.view());
  look_up(key, [this, step](const Result<Lookup>& found) {
    if (!found) return tell_read(*step, answer_of(found.error()));
    if (found->value) {
      const auto hint = decode_stored_hint(*found->value);
      if (!hint) return tell_read(*step, answer_of(hint.error()));
      step->record = merge(step->record, hint->stored.record);
      step->round = std::min(step->round, hint->stored.round);
    }
    finish_read(step);
  });
}

void Reads::finish_read(const std::shared_ptr<ReadStep>& step) {
  // The map may have changed while a block was read: then this member may not be who it was asked
  // as.
  const msg::Read& request = step->request;
  Answer answer = core_.place(request.epoch, request.keyspace, request.key.view(), &step->placed);
  if (answer == Answer::ok && core_.now() >= step->deadline) answer = Answer::late;
  if (answer != Answer::ok || !request.durable) return tell_read(*step, answer);
  core_.durable.when_all_durable(
      [this, step](const Status& durable) { tell_read(*step, durable ? Answer::ok : Answer::io); });
}

void Reads::tell_read(const ReadStep& step, Answer answer) {
  msg::ReadDone done = refusal(step.request, answer, core_.epoch());
  if (answer == Answer::ok) {
    done.round = step.round;
    done.digest = digest_of(step.record);
    done.has_record = !step.request.digest_only;
    if (done.has_record) done.record = step.record;
    done.refilling =
        step.placed.standing.filling || core_.in_doubt ||
        (step.placed.standing.slot && core_.refilling.contains(step.placed.partition) &&
         !KV_PLANTED(serve_while_refilling));
  } else {
    ++core_.counters.refused;
    if (answer == Answer::stale_epoch) ++core_.counters.refused_stale_epoch;
  }
  core_.answers.answer(step.asker, done);
}

// Fetching for repairs.

void Reads::fetch(Asker asker, const msg::Fetch& request, Instant) {
  auto step = std::make_shared<FetchStep>();
  step->asker = asker;
  step->answer = refusal(request, Answer::ok, core_.epoch());
  const size_t count = request.keys.size();
  if (count > limits::repair_keys_per_page) {
    return core_.answers.answer(asker, refusal(request, Answer::invalid, core_.epoch()));
  }
  step->answer.records.resize(count);
  step->missing = count + 1;  // One for this loop, so that it ends only once.
  for (size_t i = 0; i < count; ++i) {
    const msg::KeyName& name = request.keys[i];
    msg::FetchedRecord& told = step->answer.records[i];
    Placed placed;
    told.answer = core_.place(request.epoch, name.keyspace, name.key.view(), &placed);
    if (told.answer == Answer::ok && !placed.standing.holds_own()) {
      told.answer = Answer::not_replica;
    }
    if (told.answer != Answer::ok) {
      --step->missing;
      continue;
    }
    told.record.kind = placed.kind;
    told.round = core_.rounds.of(placed.partition);
    ++core_.counters.fetched;
    look_up(record_key(Space::own, placed.partition, name.keyspace, name.key.view()),
            [this, step, i](const Result<Lookup>& found) { fetched_one(step, i, found); });
  }
  if (--step->missing == 0) finish_fetch(step);
}

void Reads::fetched_one(const std::shared_ptr<FetchStep>& step, size_t index,
                        const Result<Lookup>& found) {
  msg::FetchedRecord& told = step->answer.records[index];
  if (!found) {
    told.answer = answer_of(found.error());
  } else if (found->value) {
    const size_t bytes = found->value->size();
    auto stored = decode_stored_record(*found->value);
    if (!stored) {
      told.answer = answer_of(stored.error());
    } else if (step->bytes > 0 && step->bytes + bytes > limits::fetch_bytes_max) {
      told.answer = Answer::busy;  // One answer has a bound: to be fetched again.
    } else {
      step->bytes += bytes;
      told.record = std::move(stored->record);
    }
  }
  if (--step->missing == 0) finish_fetch(step);
}

// Who fetched it need not bring it back here: as with the answers about trees, it must not be lost.
void Reads::finish_fetch(const std::shared_ptr<FetchStep>& step) {
  core_.durable.when_all_durable([this, step](const Status& durable) {
    if (!durable) {
      step->answer.answer = Answer::io;
      step->answer.records.clear();
    }
    core_.answers.answer(step->asker, step->answer);
  });
}

// Explaining.

void Reads::explain(KeyspaceId keyspace, const SharedBytes& key,
                    std::function<void(const KeyFacts&)> done) {
  auto facts = std::make_shared<KeyFacts>();
  facts->epoch = core_.epoch();
  Placed placed;
  facts->answer = core_.place(core_.epoch(), keyspace, key.view(), &placed);
  if (facts->answer != Answer::ok) return done(*facts);
  facts->partition = placed.partition;
  facts->standing = placed.standing;
  facts->leaf = leaf_of_key(core_.map->partition_bits, keyspace, key.view());
  facts->round = core_.rounds.of(placed.partition);
  facts->refilling = core_.refilling.contains(placed.partition);
  const auto look_at_hint = [this, facts, keyspace, key, done = std::move(done)] {
    const std::string hint_key = record_key(Space::hint, facts->partition, keyspace, key.view());
    look_up(hint_key, [facts, done](const Result<Lookup>& found) {
      if (!found) {
        facts->answer = answer_of(found.error());
      } else if (found->value) {
        auto hint = decode_stored_hint(*found->value);
        if (hint) facts->hint = std::move(*hint);
        if (!hint) facts->answer = Answer::corrupt;
      }
      done(*facts);
    });
  };
  look_up(record_key(Space::own, placed.partition, keyspace, key.view()),
          [facts, look_at_hint](const Result<Lookup>& found) {
            if (!found) {
              facts->answer = answer_of(found.error());
            } else {
              facts->own_found_in = found->found_in;
              facts->own_level = found->level;
            }
            if (found && found->value) {
              auto own = decode_stored_record(*found->value);
              if (own) facts->own = std::move(*own);
              if (!own) facts->answer = Answer::corrupt;
            }
            look_at_hint();
          });
}

}  // namespace kv
