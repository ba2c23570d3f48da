#include "libkv/protocol/put_machine.h"

#include <algorithm>
#include <utility>

#include "libkv/base/assert.h"
#include "libkv/base/planted.h"

namespace kv {

namespace {

// A refusal that every replica would repeat: the request itself is at fault.
bool is_final(Answer answer) {
  return answer == Answer::invalid || answer == Answer::denied ||
         answer == Answer::too_many_siblings || answer == Answer::conflict;
}

}  // namespace

PutMachine::PutMachine(const PutSettings& settings, msg::ClientPut request, Plan plan,
                       msg::RequestId base)
    : settings_(settings),
      request_(std::move(request)),
      plan_(std::move(plan)),
      ids_(base),
      context_(request_.context) {
  KV_ASSERT(plan_.keyspace->kind == KeyspaceKind::ap);
  KV_ASSERT(settings_.attempts_max <= msg::kAttemptsPerTry);
}

void PutMachine::start(const Moment& at, CoordinatorActions* actions) {
  const Step step{at, ids_, *actions};
  deadline_ = deadline_of(request_.time_left, at.now);
  give_up_ = deadline_ + settings_.grace;
  hints_count_ = !request_.strict && !plan_.keyspace->strict;
  begin_plan(step);
  settle(step);
}

void PutMachine::begin_plan(const Step& step) {
  layout_.reset();
  sites_ = mint_sites(plan_, hints_count_);
  const auto needed =
      replicas_needed({request_.w, plan_.keyspace->w, plan_.list.slots.size(), 'W'});
  if (!needed) return fail(Answer::invalid, needed.error().what, step);
  needed_ = *needed;
  next_site_ = 0;
  preferred_site_.reset();
  refused_by_.clear();
  corrupt_at_.clear();
  sounding_ = {};
  // Nobody is left to settle with; the client has its answer.
  if (replied_ && sites_.empty()) {
    finished_ = true;
    return;
  }
  go_on(step);
}

// With the plan as it is, or as it is after a sounding.
void PutMachine::go_on(const Step& step) {
  const size_t reachable = sites_.empty() ? 0 : layout_for(sites_[0]).reachable();
  if (reachable < needed_ && !replied_) {
    if (sound_out(step)) return;
    fail(Answer::unavailable,
         to_string(QuorumFacts{reachable, needed_, "can be reached", 'W', plan_.epoch()}), step);
  }
  const auto stands = standing();
  if (stands && attempts_[*stands].state == AttemptState::made) {
    if (adopted_ != stands) adopt(*stands, step);
  } else if (!replied_) {
    mint_next(step);
  }
}

// Where the copies go if `site` mints: nearly always the same as was asked for last.
const PutLayout& PutMachine::layout_for(const MintSite& site) {
  if (!layout_ || !(layout_site_ == site)) {
    layout_.emplace(plan_, PutLayout::Terms{needed_, hints_count_}, site);
    layout_site_ = site;
  }
  return *layout_;
}

// The highest attempt that may have been made. All below it are covered by it.
std::optional<size_t> PutMachine::standing() const {
  for (size_t i = attempts_.size(); i > 0; --i) {
    if (attempts_[i - 1].state != AttemptState::refused) return i - 1;
  }
  return std::nullopt;
}

std::optional<MintSite> PutMachine::choose_site() {
  if (preferred_site_) return std::exchange(preferred_site_, std::nullopt);
  // Each once, then again those that have not refused.
  for (size_t tries = 0; tries < sites_.size(); ++tries) {
    const MintSite site = sites_[next_site_++ % sites_.size()];
    if (refused_by_.count(site.member) == 0) return site;
  }
  return std::nullopt;
}

void PutMachine::mint_next(const Step& step) {
  if (replied_ || replan_wanted_) return;
  const bool all_asked = !preferred_site_ && !second_put_ && next_site_ >= sites_.size();
  if (all_asked && sound_out(step)) return;
  const bool any_left = mints_sent_ < settings_.attempts_max;
  const auto site = any_left ? choose_site() : std::nullopt;
  if (site) return send_mint(&attempt_at(*site), step);
  const auto stands = standing();
  const bool awaited = stands && attempts_[*stands].state != AttemptState::made;
  // What was asked and not answered may still be; else there is nothing to wait for.
  if (!awaited) fail_short(step);
}

/// Nobody else gets a copy: should the replica forget the attempt, as it starts anew,
/// nobody has what it made of it either. (Else both would live, and a delete that saw one of them
/// would be undone by the other.)
bool PutMachine::is_alone(const MintSite& site) {
  const auto& slots = layout_for(site).slots();
  return !site.hint && slots.size() == 1 && slots[0].direct.size() == 1 && slots[0].hint_at == 0;
}

/// The next attempt; or the last once more, if it was to be made there and nowhere else.
PutMachine::MintAttempt& PutMachine::attempt_at(const MintSite& site) {
  const auto stands = standing();
  if (stands && is_alone(site) && !KV_PLANTED(mint_anew_at_once)) {
    MintAttempt& last = attempts_[*stands];
    const bool is_open = last.state == AttemptState::waiting || last.state == AttemptState::silent;
    if (is_open && last.site == site && last.plan_number == plan_number_ &&
        last.second_put == second_put_)
      return last;
  }
  MintAttempt& attempt = attempts_.emplace_back();
  attempt.number =
      request_.try_number * msg::kAttemptsPerTry + static_cast<Attempt>(attempts_.size());
  attempt.site = site;
  attempt.plan_number = plan_number_;
  attempt.second_put = second_put_;
  return attempt;
}

void PutMachine::send_mint(MintAttempt* attempt, const Step& step) {
  const MintSite& site = attempt->site;
  const Duration left = std::max(Duration::zero(), deadline_ - step.now());
  // Doubled by each one in vain, the first aside, which may have met the one that is slow: where
  // all are behind they are not to be given more of it.
  const unsigned doublings = std::min(mints_sent_, 6U) - std::min(mints_sent_, 1U);
  const Duration patience = plan_.candidate(site.member).patience * (1 << doublings) +
                            patience_for(request_.value.size()) * (1 << std::min(mints_sent_, 3U));
  attempt->due = step.now() + std::min(patience, std::max<Duration>(left / 3, 1ms));
  attempt->state = AttemptState::waiting;
  attempt->sends.push_back({step.ids.draw(), step.now()});
  ++mints_sent_;

  msg::Mint mint;
  mint.id = attempt->sends.back().id;
  mint.epoch = plan_.epoch();
  mint.time_left = left;
  mint.keyspace = plan_.keyspace->id;
  mint.key = request_.key;
  mint.mode = request_.mode;
  mint.context = context_;
  mint.put = request_.put;
  mint.attempt = attempt->number;
  mint.tombstone = request_.tombstone;
  mint.value = request_.value;
  if (!request_.tombstone) {
    mint.ttl = request_.ttl != Duration::zero() ? request_.ttl : plan_.keyspace->ttl;
  }
  if (site.hint) mint.hint_for = members_of(plan_.list.slots[site.slot]).to_vector();
  mint.owed = layout_for(site).owed();
  if (KV_PLANTED(mint_at_two_slots) && sites_.size() > 1) {
    step.send(sites_[next_site_ % sites_.size()].member, mint);
  }
  step.send(site.member, std::move(mint));
}

std::optional<PutMachine::Sent> PutMachine::find_sent(msg::RequestId id) {
  for (MintAttempt& attempt : attempts_) {
    for (MintSend& send : attempt.sends) {
      if (send.id == id) return Sent{&attempt, &send};
    }
  }
  return std::nullopt;
}

void PutMachine::on_answer(msg::MintMade answer, const Moment& at, CoordinatorActions* actions) {
  const Step step{at, ids_, *actions};
  const auto sent = find_sent(answer.id);
  if (!sent || sent->attempt->state == AttemptState::made) return settle(step);
  MintAttempt& attempt = *sent->attempt;
  step.note_answered(attempt.site.member, sent->send->sent, false);
  const bool is_sound = is_of_kind(answer.record, plan_.keyspace->record_kind());
  if (answer.answer == Answer::ok && is_sound) {
    made(attempt, std::move(answer), step);
  } else if (is_refusal(answer.answer)) {
    refused(*sent, answer.answer, answer.epoch, step);
  } else {
    // It may have been made, and no more will be heard of it.
    last_refusal_ = told_by(attempt.site.member, is_sound ? answer.answer : Answer::invalid);
    attempt_is_late(attempt, step);
  }
  settle(step);
}

void PutMachine::made(MintAttempt& attempt, msg::MintMade answer, const Step& step) {
  attempt.state = AttemptState::made;
  attempt.due.reset();
  attempt.record = std::move(answer.record);
  attempt.round = answer.round;
  const auto index = static_cast<size_t>(&attempt - attempts_.data());
  if (standing() == index) {
    adopt(index, step);
  } else if (attempt.plan_number == plan_number_) {
    // Overtaken by a later attempt, which covers it; but this replica answers.
    preferred_site_ = attempt.site;
  }
}

void PutMachine::refused(const Sent& sent, Answer answer, Epoch epoch, const Step& step) {
  MintAttempt& attempt = *sent.attempt;
  const auto index = static_cast<size_t>(&attempt - attempts_.data());
  const bool was_standing = standing() == index;
  sent.send->refused = true;
  const bool all_refused = std::all_of(attempt.sends.begin(), attempt.sends.end(),
                                       [](const MintSend& send) { return send.refused; });
  if (all_refused) attempt.state = AttemptState::refused;
  // Else what was sent before may have been made.
  if (sent.send == &attempt.sends.back()) attempt.due.reset();
  last_refusal_ = told_by(attempt.site.member, answer);
  if (attempt.plan_number == plan_number_) {
    refused_by_.insert(attempt.site.member);
    if (answer == Answer::corrupt) corrupt_at_.insert(attempt.site.member);
  }
  if (is_final(answer)) return fail(answer, last_refusal_, step);
  const bool newer_map =
      epoch > plan_.epoch() && (answer == Answer::stale_epoch || answer == Answer::not_replica);
  if (newer_map) want_replan(epoch, step);
  if (!was_standing) return;
  const auto stands = standing();
  const bool earlier_was_made = stands && attempts_[*stands].state == AttemptState::made;
  if (earlier_was_made && adopted_ != stands) {
    adopt(*stands, step);
  } else {
    mint_next(step);
  }
}

void PutMachine::attempt_is_late(MintAttempt& attempt, const Step& step) {
  attempt.due.reset();
  if (attempt.state == AttemptState::waiting) attempt.state = AttemptState::silent;
  const auto index = static_cast<size_t>(&attempt - attempts_.data());
  if (standing() == index) mint_next(step);
}

void PutMachine::adopt(size_t index, const Step& step) {
  const MintAttempt& attempt = attempts_[index];
  // Made under an older plan, and by this one nobody is there to spread it to: not yet (a sounding
  // may find somebody), or not in this put's time.
  const bool same_plan = attempt.plan_number == plan_number_;
  if (!same_plan && sites_.empty()) return;
  PutSpread::Terms terms;
  terms.plan = &plan_;
  terms.key = request_.key;
  terms.record = attempt.record;
  terms.round = attempt.round;
  // Earlier attempts that were made elsewhere are covered, but what they had seen is worth sending.
  for (size_t i = 0; i < index; ++i) {
    if (attempts_[i].state != AttemptState::made) continue;
    terms.record = merge(terms.record, attempts_[i].record);
    terms.round = std::min(terms.round, attempts_[i].round);
  }
  terms.needed = needed_;
  terms.hints_count = hints_count_;
  terms.deadline = deadline_;
  terms.give_up = give_up_;
  terms.sends_max = settings_.sends_max;
  // A mint under an older plan was acknowledged by nobody under this one.
  const MintSite site = same_plan ? attempt.site : sites_[0];
  adopted_ = index;
  spread_.emplace(std::move(terms), layout_for(site));
  spread_->start(same_plan ? std::optional(site) : std::nullopt, step);
  if (same_plan && attempt.durable) spread_->mint_durable(Answer::ok, step);
  if (replied_) spread_->after_reply(step);
}

void PutMachine::on_answer(const msg::MintDurable& durable, const Moment& at,
                           CoordinatorActions* actions) {
  const Step step{at, ids_, *actions};
  const auto sent = find_sent(durable.id);
  if (!sent || sent->attempt->durable) return settle(step);
  MintAttempt* attempt = sent->attempt;
  attempt->durable = durable.answer == Answer::ok;
  const auto index = static_cast<size_t>(attempt - attempts_.data());
  if (spread_ && adopted_ == index && attempt->plan_number == plan_number_) {
    spread_->mint_durable(durable.answer, step);
  }
  settle(step);
}

void PutMachine::on_answer(const msg::Merged& merged, const Moment& at,
                           CoordinatorActions* actions) {
  const Step step{at, ids_, *actions};
  if (spread_) spread_->on_merged(merged, step);
  settle(step);
}

void PutMachine::on_answer(const msg::Done& done, const Moment& at, CoordinatorActions* actions) {
  const Step step{at, ids_, *actions};
  if (spread_) spread_->on_done(done, step);
  settle(step);
}

void PutMachine::on_not_sent(msg::RequestId id, const Moment& at, CoordinatorActions* actions) {
  const Step step{at, ids_, *actions};
  const auto sent = find_sent(id);
  if (sent && sent->attempt->state == AttemptState::waiting) {
    step.note_timed_out(sent->attempt->site.member);
    refused(*sent, Answer::unavailable, 0, step);
  } else if (const auto member = take_sounded(id)) {
    step.note_timed_out(*member);
    if (sounding_.due && sounding_.silent.empty()) end_sounding(step);
  } else if (spread_) {
    spread_->on_not_sent(id, step);
  }
  settle(step);
}

void PutMachine::on_tick(const Moment& at, CoordinatorActions* actions) {
  const Step step{at, ids_, *actions};
  if (at.now >= deadline_) fail_short(step);
  // A new attempt is due later: only those that were there are looked at.
  const size_t count = attempts_.size();
  for (size_t i = 0; i < count; ++i) {
    if (!attempts_[i].due || *attempts_[i].due > at.now) continue;
    step.note_timed_out(attempts_[i].site.member);
    attempt_is_late(attempts_[i], step);
  }
  if (sounding_.due && *sounding_.due <= at.now) sounding_is_over(step);
  if (spread_) spread_->on_tick(step);
  settle(step);
}

void PutMachine::want_replan(Epoch epoch, const Step& step) {
  if (plan_number_ >= settings_.replans_max || finished_) return;
  if (replan_wanted_ && *replan_wanted_ >= epoch) return;
  replan_wanted_ = epoch;
  step.out.replan = epoch;
}

void PutMachine::replan(Plan plan, const Moment& at, CoordinatorActions* actions) {
  KV_ASSERT(plan.list.epoch >= plan_.list.epoch);
  const Step step{at, ids_, *actions};
  if (!replan_wanted_ || finished_) return settle(step);
  replan_wanted_.reset();
  ++plan_number_;
  spread_.reset();
  adopted_.reset();
  plan_ = std::move(plan);
  begin_plan(step);
  settle(step);
}

void PutMachine::abandon(Answer answer, const std::string& why, const Moment& at,
                         CoordinatorActions* actions) {
  const Step step{at, ids_, *actions};
  fail(answer, why, step);
  finished_ = true;
  settle(step);
}

// After every event: is there something to reply, is it over, when to wake.
void PutMachine::settle(const Step& step) {
  if (spread_) look_at_spread(step);
  if (!replied_ && step.now() >= deadline_) fail_short(step);
  if (replied_ && !replan_wanted_) {
    const bool settled = spread_ ? spread_->is_settled() : !may_be_stored();
    if (settled) finished_ = true;
  }
  if (replied_ && step.now() >= give_up_) finished_ = true;
  step.out.finished = finished_;
  step.out.wake_at = finished_ ? std::nullopt : next_wake();
}

void PutMachine::look_at_spread(const Step& step) {
  if (spread_->newer_epoch()) want_replan(*spread_->newer_epoch(), step);
  if (replied_ || standing() != adopted_) return;
  if (spread_->quorum().met()) {
    if (!needs_second_put()) return reply(Answer::ok, "", step);
    if (replan_wanted_) return;
    // What the mint did not cover must not stay beside a plain overwrite.
    second_put_ = true;
    context_.join(spread_->joined_context());
    preferred_site_ = attempts_[*adopted_].site;
    if (attempts_[*adopted_].plan_number != plan_number_) preferred_site_ = sites_[0];
    return mint_next(step);
  }
  const auto later = spread_->later_round();
  if (later && reader_of(plan_.list.slots[later->slot]) == later->member &&
      mints_sent_ < settings_.attempts_max) {
    preferred_site_ = later;
    return mint_next(step);
  }
  if (spread_->can_be_met() || replan_wanted_ || spread_->try_not_up(step)) return;
  fail_short(step);
}

bool PutMachine::needs_second_put() const {
  return request_.mode == PutMode::over_what_is_there && !attempts_[*adopted_].second_put &&
         spread_->siblings_remain() && !KV_PLANTED(skip_second_put);
}

bool PutMachine::may_be_stored() const {
  return standing().has_value();
}

std::string PutMachine::facts() const {
  const size_t reached = spread_ ? spread_->quorum().acknowledged() : 0;
  std::string facts = to_string(QuorumFacts{reached, needed_, "acknowledged", 'W', plan_.epoch()});
  if (second_put_ && reached >= needed_) {
    facts += "; what it was to replace could not be covered in time";
  }
  if (spread_) facts += spread_->refusals();
  const bool told = facts.find(last_refusal_) != std::string::npos;  // Of an empty one, too.
  if (!told) facts += "; " + last_refusal_;
  return facts;
}

void PutMachine::fail_short(const Step& step) {
  const auto& slots = plan_.list.slots;
  const auto corrupt = std::count_if(slots.begin(), slots.end(), [this](const Slot& slot) {
    return corrupt_at_.count(reader_of(slot)) != 0;
  });
  fail(shortfall(slots.size(), static_cast<size_t>(corrupt), needed_), facts(), step);
}

void PutMachine::fail(Answer if_nothing_stored, const std::string& why, const Step& step) {
  if (replied_) return;
  reply(may_be_stored() ? Answer::unknown : if_nothing_stored, why, step);
}

void PutMachine::reply(Answer answer, std::string detail, const Step& step) {
  msg::PutDone done;
  done.id = request_.id;
  done.answer = answer;
  done.detail = std::move(detail);
  done.epoch = plan_.epoch();
  done.needed = static_cast<uint8_t>(needed_);
  if (spread_) {
    done.slots = static_cast<uint8_t>(spread_->quorum().slots());
    done.hints = static_cast<uint8_t>(spread_->quorum().hints());
  }
  if (answer == Answer::ok) done.context = context_to_show();
  replied_ = true;
  step.out.reply = std::move(done);
  if (spread_) spread_->after_reply(step);
}

// The writer may send this context with its next put. It must not cover siblings that the writer
// has not been shown: where some survive beside this put, what the writer sent is joined with its
// own put id only (a dot would cover all earlier ones of its actor).
CausalContext PutMachine::context_to_show() const {
  const MintAttempt& attempt = attempts_[*adopted_];
  const bool alone =
      std::all_of(attempt.record.siblings.begin(), attempt.record.siblings.end(),
                  [this](const Sibling& sibling) { return sibling.put == request_.put; });
  if (alone) return attempt.record.context;
  CausalContext context = request_.context;
  context.see(request_.put, attempt.number);
  return context;
}

std::optional<Instant> PutMachine::next_wake() const {
  std::optional<Instant> wake = replied_ ? give_up_ : deadline_;
  if (!replied_) {
    for (const MintAttempt& attempt : attempts_) wake = earlier(wake, attempt.due);
    wake = earlier(wake, sounding_.due);
  }
  if (spread_) wake = earlier(wake, spread_->wake_at());
  return wake;
}

}  // namespace kv
