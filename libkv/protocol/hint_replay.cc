#include "libkv/protocol/hint_replay.h"

#include <algorithm>

#include "libkv/model/preference_list.h"

namespace kv {

HintReplay::HintReplay(MemberNumber self, RepairRequestIds ids, Settings settings)
    : self_(self), ids_(ids), settings_(settings) {}

void HintReplay::on_view(const View& view, Instant now, RepairActions* actions) {
  // Somebody came back, or owners changed: do not wait for the interval.
  bool is_news = view.epoch() != view_.epoch();
  for (const auto& [member, state] : view.liveness)
    is_news |= state.is_up(DaemonKind::node) && !view_.is_up(member, DaemonKind::node);
  if (is_news) {
    wake_ = now;
    vain_version_.reset();
  }
  view_ = view;
  on_tick(now, actions);
}

void HintReplay::on_tick(Instant now, RepairActions* actions) {
  if (listing_ != 0 && now - listed_at_ >= settings_.answer_timeout) listing_ = 0;
  for (auto it = sent_.begin(); it != sent_.end();) {
    if (now - it->second.sent < settings_.answer_timeout) {
      ++it;
      continue;
    }
    pace_[it->second.to].on_failure();
    --in_flight_[it->second.to];
    ++counters_.timed_out;
    it = sent_.erase(it);
  }
  if (!page_.empty()) {
    pump(now, actions);
  } else if (listing_ == 0 && now >= wake_) {
    list_page(now, actions);
  } else if (listing_ != 0) {
    wake_ = listed_at_ + settings_.answer_timeout;
  }
}

void HintReplay::list_page(Instant now, RepairActions* actions) {
  if (!view_.map) {
    wake_ = now + settings_.interval;
    return;
  }
  msg::HintList list;
  list.id = listing_ = ids_.next();
  list.epoch = view_.epoch();
  list.after_keyspace = after_keyspace_;
  list.after = after_;
  list.records_max = settings_.records_per_page;
  listed_at_ = now;
  wake_ = now + settings_.answer_timeout;
  actions->sends.push_back({self_, std::move(list)});
}

bool HintReplay::knows(KeyspaceId keyspace) const {
  return view_.map && view_.map->keyspace(keyspace) != nullptr;
}

void HintReplay::plan(msg::Hint hint) {
  Waiting waiting{std::move(hint), {}, {}};
  waiting.digest = digest_of(waiting.hint.record);
  const Keyspace& keyspace = *view_.map->keyspace(waiting.hint.keyspace);
  const PreferenceList list = preference_list(*view_.map, keyspace, waiting.hint.key.view());
  std::set<MemberNumber> owners;
  for (const Slot& slot : list.slots) {
    owners.insert(slot.owner);
    if (slot.successor != 0) owners.insert(slot.successor);
  }
  const size_t index = page_.size();
  std::set<MemberNumber> targets;
  for (const MemberNumber named : waiting.hint.owners) {
    std::set<MemberNumber>& needs = waiting.needs[named];
    needs = owners.count(named) != 0 ? std::set<MemberNumber>{named} : owners;
    targets.insert(needs.begin(), needs.end());
  }
  for (const MemberNumber target : targets)
    if (view_.is_up(target, DaemonKind::node)) to_send_.emplace_back(index, target);
  page_.push_back(std::move(waiting));
}

void HintReplay::on_hints(const msg::HintsListed& answer, Instant now, RepairActions* actions) {
  if (answer.id != listing_) return;
  listing_ = 0;
  if (answer.answer != Answer::ok) round_found_ = false;  // Not all of them were seen.
  if (answer.answer != Answer::ok || answer.hints.empty()) return end_round(now);
  const bool is_first = after_keyspace_ == 0 && after_.empty();
  if (is_first && vain_version_ == answer.version) return end_round(now);
  if (is_first) round_version_ = answer.version;
  more_ = answer.more;
  page_epoch_ = view_.epoch();
  round_found_ = true;
  after_keyspace_ = answer.hints.back().keyspace;
  after_ = std::string(answer.hints.back().key.view());
  for (const msg::Hint& hint : answer.hints)
    if (knows(hint.keyspace)) plan(hint);
  pump(now, actions);
}

void HintReplay::pump(Instant now, RepairActions* actions) {
  for (auto it = to_send_.begin(); it != to_send_.end();) {
    const auto [index, to] = *it;
    if (!view_.is_up(to, DaemonKind::node)) {
      it = to_send_.erase(it);
      continue;
    }
    if (in_flight_[to] >= pace_[to].window()) {
      ++it;
      continue;
    }
    const msg::Hint& hint = page_[index].hint;
    msg::Merge merge;
    merge.id = ids_.next();
    merge.epoch = view_.epoch();
    merge.time_left = settings_.answer_timeout;
    merge.keyspace = hint.keyspace;
    merge.key = hint.key;
    merge.record = hint.record;
    merge.round = hint.round;
    sent_[merge.id] = {index, to, now};
    ++in_flight_[to];
    actions->sends.push_back({to, std::move(merge)});
    round_sent_ = true;
    it = to_send_.erase(it);
  }
  if (to_send_.empty() && sent_.empty()) {
    finish_page(now, actions);
  } else {
    wake_ = now + settings_.answer_timeout / 4;
  }
}

void HintReplay::on_merged(const msg::Merged& answer, Instant now, RepairActions* actions) {
  const auto found = sent_.find(answer.id);
  if (found == sent_.end()) return;
  const Delivery delivery = found->second;
  sent_.erase(found);
  --in_flight_[delivery.to];
  if (answer.answer == Answer::ok) {
    pace_[delivery.to].on_answer(now - delivery.sent);
    ++counters_.delivered;
    settle(delivery.hint, delivery.to);
  } else {
    pace_[delivery.to].on_failure();
    ++counters_.refused;
  }
  pump(now, actions);
}

void HintReplay::settle(size_t index, MemberNumber by) {
  Waiting& waiting = page_[index];
  for (auto& [named, needs] : waiting.needs) {
    if (needs.erase(by) == 0 || !needs.empty()) continue;
    strikes_.push_back({waiting.hint.keyspace, waiting.hint.key, named, waiting.digest});
  }
}

void HintReplay::finish_page(Instant now, RepairActions* actions) {
  page_.clear();
  if (!strikes_.empty()) {
    msg::HintStrikes strikes;
    strikes.id = ids_.next();
    strikes.epoch = page_epoch_;
    counters_.struck += strikes_.size();
    strikes.strikes = std::move(strikes_);
    strikes_.clear();
    // A strike that is not done is found again by the next round: the hint still stands.
    actions->sends.push_back({self_, std::move(strikes)});
  }
  if (more_) {
    list_page(now, actions);
    return;
  }
  end_round(now);
}

// Where hints stand for owners that are all down, reading all of them again and again helps nobody:
// until a hint is added or there is news of the members, a round is one page.
void HintReplay::end_round(Instant now) {
  after_keyspace_ = 0;
  after_.clear();
  if (round_sent_) vain_version_.reset();
  if (round_found_ && !round_sent_) vain_version_ = round_version_;
  round_found_ = round_sent_ = false;
  wake_ = now + settings_.interval;
}

}  // namespace kv
