#include "libkv/protocol/get_machine.h"

#include <algorithm>
#include <utility>

#include "libkv/base/assert.h"
#include "libkv/base/planted.h"
#include "libkv/protocol/put_layout.h"

namespace kv {

namespace {

bool is_empty_digest(const Hash128& digest) {
  static const Hash128 kEmpty[] = {
      digest_of(Record{RecordKind::causal, {}, {}}),
      digest_of(Record{RecordKind::last_write_wins, {}, {}}),
  };
  return digest == kEmpty[0] || digest == kEmpty[1];
}

}  // namespace

GetMachine::GetMachine(const GetSettings& settings, msg::ClientGet request, Plan plan,
                       msg::RequestId base)
    : settings_(settings),
      request_(std::move(request)),
      plan_(std::make_unique<const Plan>(std::move(plan))),
      ids_(base) {
  KV_ASSERT(plan_->keyspace->kind == KeyspaceKind::ap);
}

void GetMachine::start(const Moment& at, CoordinatorActions* actions) {
  const Step step{at, ids_, *actions};
  deadline_ = deadline_of(request_.time_left, at.now);
  give_up_ = deadline_ + settings_.grace;
  strict_ = request_.strict || plan_->keyspace->strict;
  begin_plan(step);
  settle(step);
}

void GetMachine::begin_plan(const Step& step) {
  const auto needed =
      replicas_needed({request_.r, plan_->keyspace->r, plan_->list.slots.size(), 'R'});
  if (!needed) return fail(Answer::invalid, needed.error().what, step);
  needed_ = *needed;
  merged_.reset();
  repairs_.clear();
  repaired_all_slots_ = false;
  make_sources();
  for (size_t i = 0; i < needed_; ++i) ask_next(step);
}

// Live slots, nearest and quickest first; the fallbacks at which a put would leave the hints for
// those that are not live; slots that only this coordinator doubts; last, those that are not up.
void GetMachine::make_sources() {
  sources_.clear();
  std::vector<Candidate> readers;
  for (const Slot& slot : plan_->list.slots) {
    readers.push_back(plan_->candidate(reader_of(slot)));
  }
  sort_for_reading(&readers);
  const auto add = [this](const Candidate& candidate, std::optional<size_t> slot) {
    Source source;
    source.candidate = candidate;
    source.slot = slot;
    sources_.push_back(std::move(source));
  };
  const auto add_slots = [&](bool live) {
    for (const Candidate& candidate : readers) {
      if (candidate.live != live) continue;
      for (size_t i = 0; i < plan_->list.slots.size(); ++i) {
        if (reader_of(plan_->list.slots[i]) == candidate.member) add(candidate, i);
      }
    }
  };
  add_slots(true);
  const auto sites = strict_ ? MintSites() : mint_sites(*plan_, true);
  if (!sites.empty()) {
    const PutLayout layout(*plan_, {plan_->list.slots.size(), true}, sites[0]);
    for (const SlotLayout& slot : layout.slots()) {
      if (slot.hint_at != 0) add(plan_->candidate(slot.hint_at), std::nullopt);
    }
  }
  add_slots(false);
}

bool GetMachine::needs_full() const {
  return std::none_of(sources_.begin(), sources_.end(), [](const Source& source) {
    if (source.state == State::waiting) return source.full && !source.hedged;
    return source.state == State::answered && source.record.has_value();
  });
}

// Those that are not up stand last, and are asked together: most likely they are dead, and the
// client should not wait for one after the other.
void GetMachine::ask_next(const Step& step) {
  for (Source& source : sources_) {
    if (source.state != State::unasked) continue;
    send_read(source, needs_full(), step);
    if (source.candidate.up) return;
  }
}

// Beside one that is late, and may yet answer.
void GetMachine::hedge(const Step& step) {
  const auto next = std::find_if(sources_.begin(), sources_.end(), [](const Source& source) {
    return source.state == State::unasked;
  });
  if (next != sources_.end() && next->candidate.up) ask_next(step);
}

// Those that count, and those that may come to count soon.
size_t GetMachine::expected() const {
  return counted() + static_cast<size_t>(
                         std::count_if(sources_.begin(), sources_.end(), [](const Source& source) {
                           return source.state == State::waiting && !source.timed_out;
                         }));
}

void GetMachine::send_read(Source& source, bool full, const Step& step) {
  msg::Read read;
  read.id = step.ids.draw();
  read.epoch = plan_->epoch();
  read.time_left = std::max(Duration::zero(), deadline_ - step.now());
  read.keyspace = plan_->keyspace->id;
  read.key = request_.key;
  read.digest_only = !full;
  read.durable = strict_;
  source.state = State::waiting;
  source.full = full;
  source.hedged = false;
  source.timed_out = false;
  ++source.sends;
  source.ids.push_back(read.id);
  source.sent = step.now();
  if (!source.candidate.up) {
    Candidate& last = source.candidate;
    last.patience = patience_with_not_up(last.patience, read.time_left);
    last.hedge_after = std::min(last.hedge_after, last.patience);
  }
  source.due = step.now() + source.candidate.hedge_after;
  step.send(source.candidate.member, std::move(read));
}

bool GetMachine::counts(const Source& source) const {
  if (source.state != State::answered) return false;
  return !strict_ || (source.slot && (!source.refilling || KV_PLANTED(count_refilling)));
}

size_t GetMachine::counted() const {
  return static_cast<size_t>(std::count_if(sources_.begin(), sources_.end(),
                                           [this](const Source& s) { return counts(s); }));
}

GetMachine::Source* GetMachine::source_of(msg::RequestId id) {
  for (Source& source : sources_) {
    if (std::find(source.ids.begin(), source.ids.end(), id) != source.ids.end()) return &source;
  }
  return nullptr;
}

void GetMachine::on_answer(const msg::ReadDone& done, const Moment& at,
                           CoordinatorActions* actions) {
  const Step step{at, ids_, *actions};
  Source* source = source_of(done.id);
  const bool awaited = source != nullptr && source->state == State::waiting;
  // A digest that comes after the record was asked for does not answer that.
  const bool answers = awaited && (done.answer != Answer::ok || done.has_record || !source->full ||
                                   is_empty_digest(done.digest));
  if (!answers) return settle(step);
  step.note_answered(source->candidate.member, source->sent, strict_);
  const bool is_sound = !done.has_record || is_of_kind(done.record, plan_->keyspace->record_kind());
  if (done.answer != Answer::ok || !is_sound) {
    refuse(*source, is_sound ? done.answer : Answer::invalid, done.epoch, step);
    return settle(step);
  }
  source->state = State::answered;
  source->candidate.up = true;
  source->due.reset();
  source->refilling = done.refilling;
  source->digest = done.digest;
  source->round = done.round;
  if (done.has_record) source->record = done.record;
  if (!done.has_record && is_empty_digest(done.digest)) source->record = Record();
  // One that does not count leaves its place to another.
  if (!counts(*source) && is_reading()) ask_next(step);
  settle(step);
}

void GetMachine::refuse(Source& source, Answer answer, Epoch epoch, const Step& step) {
  source.state = State::refused;
  source.due.reset();
  source.corrupt = answer == Answer::corrupt;
  last_refusal_ = told_by(source.candidate.member, answer);
  if (epoch > plan_->epoch() && (answer == Answer::stale_epoch || answer == Answer::not_replica)) {
    want_replan(epoch, step);
  }
  if (is_reading()) ask_next(step);
}

void GetMachine::on_answer(const msg::Merged& merged, const Moment& at,
                           CoordinatorActions* actions) {
  const Step step{at, ids_, *actions};
  for (Repair& repair : repairs_) {
    if (std::find(repair.ids.begin(), repair.ids.end(), merged.id) == repair.ids.end()) continue;
    step.note_answered(repair.member, repair.sent, merged.answer == Answer::ok);
    repair.due.reset();
    repair.acknowledged |= merged.answer == Answer::ok;
    repair.failed = !repair.acknowledged;
    if (merged.answer == Answer::stale_epoch && merged.epoch > plan_->epoch()) {
      want_replan(merged.epoch, step);
    }
    break;
  }
  settle(step);
}

void GetMachine::on_answer(const msg::Done& done, const Moment& at, CoordinatorActions* actions) {
  const Step step{at, ids_, *actions};
  if (owe_id_ == done.id) owe_id_.reset();
  settle(step);
}

void GetMachine::on_not_sent(msg::RequestId id, const Moment& at, CoordinatorActions* actions) {
  const Step step{at, ids_, *actions};
  if (owe_id_ == id) owe_id_.reset();
  Source* source = source_of(id);
  if (source != nullptr && source->state == State::waiting) {
    step.note_timed_out(source->candidate.member);
    refuse(*source, Answer::unavailable, 0, step);
  }
  for (Repair& repair : repairs_) {
    if (std::find(repair.ids.begin(), repair.ids.end(), id) == repair.ids.end()) continue;
    repair.failed = !repair.acknowledged;
    repair.due.reset();
  }
  settle(step);
}

void GetMachine::on_tick(const Moment& at, CoordinatorActions* actions) {
  const Step step{at, ids_, *actions};
  if (at.now >= deadline_) fail_short(step);
  for (Source& source : sources_) {
    if (source.due && *source.due <= at.now) source_is_late(source, step);
  }
  for (size_t i = 0; i < repairs_.size(); ++i) {
    if (repairs_[i].due && *repairs_[i].due <= at.now) repair_is_late(repairs_[i], step);
  }
  settle(step);
}

// First the time for a hedge passes, then the patience.
void GetMachine::source_is_late(Source& source, const Step& step) {
  const Instant patience_over =
      source.sent + std::max(source.candidate.patience, source.candidate.hedge_after + 1ms);
  if (!source.hedged) {
    source.hedged = true;
    source.due = patience_over;
    if (is_reading()) hedge(step);
    if (step.now() < patience_over) return;
  }
  source.due.reset();
  source.timed_out = true;
  step.note_timed_out(source.candidate.member);
  if (!is_reading()) return;
  if (expected() < needed_) ask_next(step);
  const bool again = source.candidate.up && source.sends < settings_.sends_max;
  if (again) send_read(source, source.full, step);
}

void GetMachine::want_replan(Epoch epoch, const Step& step) {
  if (replied_ || plan_number_ >= settings_.replans_max) return;
  if (replan_wanted_ && *replan_wanted_ >= epoch) return;
  replan_wanted_ = epoch;
  step.out.replan = epoch;
}

void GetMachine::replan(Plan plan, const Moment& at, CoordinatorActions* actions) {
  KV_ASSERT(plan.list.epoch >= plan_->list.epoch);
  const Step step{at, ids_, *actions};
  if (!replan_wanted_ || replied_) return settle(step);
  replan_wanted_.reset();
  ++plan_number_;
  plan_ = std::make_unique<const Plan>(std::move(plan));
  begin_plan(step);
  settle(step);
}

void GetMachine::abandon(Answer answer, const std::string& why, const Moment& at,
                         CoordinatorActions* actions) {
  const Step step{at, ids_, *actions};
  fail(answer, why, step);
  finished_ = true;
  settle(step);
}

// After every event: what is the next step, is it over, when to wake.
void GetMachine::settle(const Step& step) {
  if (!replied_) {
    progress(step);
  } else if (merged_) {
    repair_stale(step);
  }
  if (!replied_ && step.now() >= deadline_) fail_short(step);
  look_for_end();
  if (replied_ && step.now() >= give_up_) finished_ = true;
  step.out.finished = finished_;
  step.out.wake_at = finished_ ? std::nullopt : next_wake();
}

void GetMachine::look_for_end() {
  if (!replied_) return;
  const bool reads_awaited =
      merged_ && std::any_of(sources_.begin(), sources_.end(), [](const Source& source) {
        return source.state == State::waiting && !source.timed_out;
      });
  const bool repairs_awaited = std::any_of(repairs_.begin(), repairs_.end(),
                                           [](const Repair& r) { return r.due.has_value(); });
  if (!reads_awaited && !repairs_awaited && !owe_id_) finished_ = true;
}

bool GetMachine::may_still_answer() const {
  return std::any_of(sources_.begin(), sources_.end(), [](const Source& source) {
    const bool is_lost = source.timed_out && !source.candidate.up;
    return source.state == State::unasked || (source.state == State::waiting && !is_lost);
  });
}

void GetMachine::progress(const Step& step) {
  if (replan_wanted_) return;
  if (!merged_) {
    if (counted() < needed_) {
      if (!may_still_answer()) fail_short(step);
      return;
    }
    if (fetch_differing(step)) return;
    merge_answers();
  }
  if (strict_) return look_at_strict(step);
  reply_record(step);
}

bool GetMachine::is_known(const Hash128& digest) const {
  return std::any_of(sources_.begin(), sources_.end(), [&](const Source& source) {
    return source.state == State::answered && source.record && source.digest == digest;
  });
}

// Asks for the records whose digest no record at hand has; true if there were any.
bool GetMachine::fetch_differing(const Step& step) {
  bool fetched = false;
  std::vector<Hash128> asked;
  for (Source& source : sources_) {
    if (source.state != State::answered || source.record || is_known(source.digest)) continue;
    // Equal digests are equal records: one of them is enough.
    if (std::find(asked.begin(), asked.end(), source.digest) != asked.end()) continue;
    asked.push_back(source.digest);
    send_read(source, true, step);
    fetched = true;
  }
  return fetched;
}

void GetMachine::merge_answers() {
  merged_ = Record();
  std::optional<Round> round;
  for (const Source& source : sources_) {
    if (source.state != State::answered) continue;
    if (source.record) merged_ = merge(*merged_, *source.record);
    round = std::min(round.value_or(source.round), source.round);
  }
  merged_digest_ = digest_of(*merged_);
  merged_round_ = round.value_or(0);
}

void GetMachine::reply_record(const Step& step) {
  msg::GetDone done;
  done.id = request_.id;
  done.epoch = plan_->epoch();
  done.replicas = static_cast<uint8_t>(counted());
  done.needed = static_cast<uint8_t>(needed_);
  done.record.kind = plan_->keyspace->record_kind();
  done.record.context = merged_->context;
  for (size_t index : visible_siblings(*merged_, step.at.wall)) {
    done.record.siblings.push_back(merged_->siblings[index]);
  }
  if (done.record.siblings.empty()) done.answer = Answer::not_found;
  replied_ = true;
  step.out.reply = std::move(done);
  repair_stale(step);
}

std::string GetMachine::facts() const {
  QuorumFacts facts{counted(), needed_, "answered", 'R', plan_->epoch()};
  if (merged_) {
    facts.reached = slots_holding();
    facts.did = "hold it durably";
  }
  std::string text = to_string(facts);
  if (!last_refusal_.empty()) text += "; " + last_refusal_;
  return text;
}

void GetMachine::fail_short(const Step& step) {
  const auto corrupt = std::count_if(sources_.begin(), sources_.end(), [](const Source& source) {
    return source.corrupt && source.slot.has_value();
  });
  const size_t slots = plan_->list.slots.size();
  fail(shortfall(slots, static_cast<size_t>(corrupt), needed_), facts(), step);
}

void GetMachine::fail(Answer answer, const std::string& why, const Step& step) {
  if (replied_) return;
  msg::GetDone done;
  done.id = request_.id;
  done.answer = answer;
  done.detail = why;
  done.epoch = plan_->epoch();
  done.replicas = static_cast<uint8_t>(counted());
  done.needed = static_cast<uint8_t>(needed_);
  replied_ = true;
  merged_.reset();
  step.out.reply = std::move(done);
}

std::optional<Instant> GetMachine::next_wake() const {
  std::optional<Instant> wake = replied_ ? give_up_ : deadline_;
  for (const Source& source : sources_) wake = earlier(wake, source.due);
  for (const Repair& repair : repairs_) wake = earlier(wake, repair.due);
  return wake;
}

}  // namespace kv
