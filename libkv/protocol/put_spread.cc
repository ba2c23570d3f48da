#include "libkv/protocol/put_spread.h"

#include <algorithm>
#include <utility>

#include "libkv/base/assert.h"

namespace kv {

PutSpread::PutSpread(Terms terms, PutLayout layout)
    : terms_(std::move(terms)),
      layout_(std::move(layout)),
      quorum_(terms_.plan->list.slots, terms_.needed, terms_.hints_count) {}

void PutSpread::start(const std::optional<MintSite>& minted, const Step& step) {
  copies_.reserve(layout_.slots().size() + 1);
  for (size_t i = 0; i < layout_.slots().size(); ++i) {
    const SlotLayout slot = layout_.slots()[i];
    for (MemberNumber member : slot.direct) {
      Copy copy;
      copy.member = member;
      copy.slot = i;
      copy.minted = minted && !minted->hint && minted->member == member;
      add(copy, step);
    }
    for (MemberNumber member : slot.owed) quorum_.rule_out(member);
    if (slot.hint_at == 0) continue;
    // The slot counts by its hint only, as long as a member of it is down.
    for (MemberNumber member : members_of(terms_.plan->list.slots[i])) {
      if (!slot.direct.contains(member)) {
        quorum_.rule_out(member);
      }
    }
    Copy copy;
    copy.member = slot.hint_at;
    copy.slot = i;
    copy.hint = true;
    copy.minted = minted && minted->hint && minted->member == slot.hint_at;
    add(copy, step);
  }
}

void PutSpread::add(const Copy& copy, const Step& step) {
  copies_.push_back(copy);
  Copy& added = copies_.back();
  if (!added.minted) {
    send(copies_.size() - 1, step);
    return;
  }
  added.sent = step.now();
  added.due = step.now() + patience_with(copy.member, step);
}

// While the client waits, no more than half of its time goes to one answer.
Duration PutSpread::patience_with(MemberNumber member, const Step& step) const {
  const Duration patience =
      terms_.plan->candidate(member).durable_patience + patience_for(terms_.record.value_bytes());
  if (replied_) return patience;
  return std::min(patience, std::max<Duration>((terms_.deadline - step.now()) / 2, 1ms));
}

void PutSpread::send(size_t index, const Step& step) {
  Copy& copy = copies_[index];
  msg::Merge merge;
  merge.id = step.ids.draw();
  merge.epoch = terms_.plan->epoch();
  merge.time_left = std::max(Duration::zero(), terms_.give_up - step.now());
  merge.keyspace = terms_.plan->keyspace->id;
  merge.key = terms_.key;
  merge.record = terms_.record;
  merge.round = terms_.round;
  if (copy.hint) merge.hint_for = members_of(terms_.plan->list.slots[copy.slot]).to_vector();
  merge.owed = layout_.owed();
  copy.ids.push_back(merge.id);
  copy.sent = step.now();
  copy.due = step.now() + patience_with(copy.member, step) * ++copy.sends;
  step.send(copy.member, std::move(merge));
}

PutSpread::Copy* PutSpread::copy_of(msg::RequestId id) {
  for (Copy& copy : copies_) {
    if (std::find(copy.ids.begin(), copy.ids.end(), id) != copy.ids.end()) return &copy;
  }
  return nullptr;
}

void PutSpread::became_durable(Copy& copy, const Step& step) {
  if (copy.durable) return;
  copy.durable = true;
  copy.due.reset();
  if (copy.hint) {
    quorum_.acknowledge_hint(copy.slot);
  } else {
    quorum_.acknowledge(copy.member);
  }
  if (replied_) send_owe(step);
}

void PutSpread::mint_durable(Answer answer, const Step& step) {
  for (Copy& copy : copies_) {
    if (!copy.minted) continue;
    if (answer != Answer::ok) {
      refuse(copy, answer, 0, step);
      return;
    }
    step.note_answered(copy.member, copy.sent, true);
    became_durable(copy, step);
    return;
  }
}

bool PutSpread::on_merged(const msg::Merged& merged, const Step& step) {
  Copy* copy = copy_of(merged.id);
  if (copy == nullptr) return false;
  step.note_answered(copy->member, copy->sent, merged.answer == Answer::ok);
  if (merged.answer != Answer::ok) {
    if (!copy->durable) refuse(*copy, merged.answer, merged.epoch, step);
    return true;
  }
  if (merged.siblings_remain) {
    siblings_remain_ = true;
    joined_.join(merged.context);
  }
  became_durable(*copy, step);
  return true;
}

bool PutSpread::on_not_sent(msg::RequestId id, const Step& step) {
  if (owe_id_ == id) {
    owe_id_.reset();
    send_owe(step);
    return true;
  }
  Copy* copy = copy_of(id);
  if (copy == nullptr) return false;
  step.note_timed_out(copy->member);
  if (!copy->durable) refuse(*copy, Answer::busy, 0, step);
  return true;
}

void PutSpread::refuse(Copy& copy, Answer answer, Epoch epoch, const Step& step) {
  const bool newer_map = epoch > terms_.plan->epoch() &&
                         (answer == Answer::stale_epoch || answer == Answer::not_replica);
  if (newer_map) newer_epoch_ = std::max(newer_epoch_.value_or(0), epoch);
  if (answer == Answer::stale_round && !copy.hint) {
    later_round_ = MintSite{copy.member, copy.slot, false};
  }
  copy.refused = true;
  copy.last_refusal = answer;
  copy.not_up = false;
  const auto index = static_cast<size_t>(&copy - copies_.data());
  if (hint_elsewhere(index, step)) {
    if (!copies_[index].hint) quorum_.rule_out(copies_[index].member);
    copies_[index].given_up = true;
    copies_[index].due.reset();
    return;
  }
  const bool may_pass = answer == Answer::busy || answer == Answer::late ||
                        answer == Answer::no_map || answer == Answer::unavailable;
  if (may_pass && !replied_ && copy.sends < terms_.sends_max) {
    copy.due = step.now() + patience_with(copy.member, step) / 4;
    return;
  }
  if (!copy.hint) quorum_.rule_out(copy.member);
  give_up(index, step);
}

bool PutSpread::hint_is_under_way(size_t slot) const {
  return std::any_of(copies_.begin(), copies_.end(), [slot](const Copy& copy) {
    return copy.hint && copy.slot == slot && (copy.durable || !copy.given_up);
  });
}

// Hints the copy's slot at the next fallback. False if there is none, or none is wanted.
bool PutSpread::hint_elsewhere(size_t index, const Step& step) {
  const size_t slot = copies_[index].slot;
  if (copies_[index].hint) copies_[index].given_up = true;
  if (hint_is_under_way(slot)) return true;
  const auto fallback = layout_.take_fallback(slot);
  if (!fallback) return false;
  Copy hint;
  hint.member = *fallback;
  hint.slot = slot;
  hint.hint = true;
  add(hint, step);
  return true;
}

// The patience with a copy is over, or the pause before it is sent again.
void PutSpread::late(size_t index, const Step& step) {
  const bool paused = copies_[index].refused;
  copies_[index].refused = false;
  copies_[index].due.reset();
  if (!paused) {
    step.note_timed_out(copies_[index].member);
    if (hint_elsewhere(index, step)) return;
    if (copies_[index].not_up) {
      quorum_.rule_out(copies_[index].member);
      return give_up(index, step);
    }
    if (!replied_) try_not_up(step);
  }
  // A mint whose "durable" was lost is asked again by a merge, which is idempotent.
  if (!replied_ && copies_[index].sends < terms_.sends_max) {
    copies_[index].given_up = false;
    send(index, step);
    return;
  }
  give_up(index, step);
}

bool PutSpread::try_not_up(const Step& step) {
  if (std::exchange(tried_not_up_, true)) return false;
  const size_t count = copies_.size();
  for (size_t i = 0; i < layout_.slots().size(); ++i) {
    for (MemberNumber member : members_of(terms_.plan->list.slots[i])) {
      if (layout_.slots()[i].direct.contains(member)) continue;
      Copy copy;
      copy.member = member;
      copy.slot = i;
      copy.not_up = true;
      quorum_.admit(member);
      add(copy, step);
    }
  }
  return copies_.size() > count;
}

void PutSpread::give_up(size_t index, const Step& step) {
  copies_[index].given_up = true;
  copies_[index].due.reset();
  if (replied_) send_owe(step);
}

void PutSpread::on_tick(const Step& step) {
  // New copies (hints) are due later: the count is taken first.
  const size_t count = copies_.size();
  for (size_t i = 0; i < count; ++i) {
    if (copies_[i].due && *copies_[i].due <= step.now()) late(i, step);
  }
  if (owe_id_ && owe_due_ <= step.now()) {
    owe_id_.reset();
    send_owe(step);
  }
}

void PutSpread::after_reply(const Step& step) {
  replied_ = true;
  send_owe(step);
}

bool PutSpread::can_be_met() const {
  const auto pending =
      static_cast<size_t>(std::count_if(copies_.begin(), copies_.end(), [](const Copy& copy) {
        return copy.hint && !copy.durable && !copy.given_up;
      }));
  return quorum_.possible(pending + layout_.fallbacks_left()) >= quorum_.needed();
}

std::string PutSpread::refusals() const {
  std::string text;
  for (const Copy& copy : copies_) {
    if (copy.durable || copy.last_refusal == Answer::ok) continue;
    text += "; " + told_by(copy.member, copy.last_refusal);
  }
  return text;
}

bool PutSpread::member_is_settled(MemberNumber member, size_t slot) const {
  if (quorum_.is_acknowledged(member) || quorum_.is_hinted(slot)) return true;
  if (layout_.slots()[slot].owed.contains(member)) return true;
  return std::any_of(owed_.begin(), owed_.end(), [member](const OwedMember& owed) {
    return owed.member == member && owed.promised;
  });
}

bool PutSpread::is_settled() const {
  for (size_t i = 0; i < layout_.slots().size(); ++i) {
    for (MemberNumber member : members_of(terms_.plan->list.slots[i])) {
      if (!member_is_settled(member, i)) return false;
    }
  }
  return true;
}

// Members of slots to which nothing more is under way.
void PutSpread::collect_owed() {
  for (size_t i = 0; i < layout_.slots().size(); ++i) {
    const bool waiting = std::any_of(copies_.begin(), copies_.end(), [i](const Copy& copy) {
      return copy.slot == i && !copy.durable && copy.due;
    });
    if (waiting) continue;
    for (MemberNumber member : members_of(terms_.plan->list.slots[i])) {
      const bool known = std::any_of(owed_.begin(), owed_.end(),
                                     [&](const OwedMember& o) { return o.member == member; });
      if (!known && !member_is_settled(member, i)) owed_.push_back({member, false});
    }
  }
}

std::optional<MemberNumber> PutSpread::next_holder() {
  for (const Copy& copy : copies_) {
    const bool asked = std::find(holders_asked_.begin(), holders_asked_.end(), copy.member) !=
                       holders_asked_.end();
    if (!copy.durable || asked) continue;
    holders_asked_.push_back(copy.member);
    return copy.member;
  }
  return std::nullopt;
}

void PutSpread::send_owe(const Step& step) {
  if (owe_id_) return;
  collect_owed();
  std::vector<MemberNumber> members;
  for (const OwedMember& owed : owed_) {
    if (!owed.promised) members.push_back(owed.member);
  }
  if (members.empty()) return;
  const auto holder = next_holder();
  if (!holder) return;
  msg::Owe owe;
  owe.id = step.ids.draw();
  owe.epoch = terms_.plan->epoch();
  owe.partitions = {terms_.plan->list.partition};
  owe.members = members;
  owe_id_ = owe.id;
  owe_members_ = members;
  owe_due_ = step.now() + patience_with(*holder, step);
  step.send(*holder, std::move(owe));
}

bool PutSpread::on_done(const msg::Done& done, const Step& step) {
  if (owe_id_ != done.id) return false;
  owe_id_.reset();
  if (done.answer == Answer::ok) {
    for (OwedMember& owed : owed_) {
      const bool named =
          std::find(owe_members_.begin(), owe_members_.end(), owed.member) != owe_members_.end();
      if (named) owed.promised = true;
    }
    // The same holder may keep what comes to be owed later.
    holders_asked_.clear();
  }
  send_owe(step);
  return true;
}

std::optional<Instant> PutSpread::wake_at() const {
  std::optional<Instant> wake;
  for (const Copy& copy : copies_) wake = earlier(wake, copy.due);
  if (owe_id_) wake = earlier(wake, owe_due_);
  return wake;
}

}  // namespace kv
