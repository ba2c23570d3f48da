// The part of GetMachine that makes replicas equal: before the reply where quorums are strict,
// after it in any case.
#include <algorithm>
#include <utility>

#include "libkv/base/planted.h"
#include "libkv/protocol/get_machine.h"

namespace kv {

bool GetMachine::holds(MemberNumber member) const {
  for (const Source& source : sources_) {
    if (source.candidate.member != member) continue;
    if (source.refilling) return false;
    if (source.state != State::answered) continue;
    if (source.digest == merged_digest_) return true;
    if (merged_->is_empty()) return true;
  }
  return std::any_of(repairs_.begin(), repairs_.end(), [member](const Repair& repair) {
    return repair.member == member && repair.acknowledged;
  });
}

// Up, or not but it has answered this get.
bool GetMachine::is_heard(MemberNumber member) const {
  return plan_->candidate(member).up ||
         std::any_of(sources_.begin(), sources_.end(), [member](const Source& source) {
           return source.candidate.member == member && source.state == State::answered;
         });
}

size_t GetMachine::slots_holding() const {
  const auto& slots = plan_->list.slots;
  return static_cast<size_t>(std::count_if(slots.begin(), slots.end(), [this](const Slot& slot) {
    const Slot reader_alone{reader_of(slot), 0, SlotStage::stable};
    const SlotMembers members = members_of(merged_->is_empty() ? reader_alone : slot);
    return std::all_of(members.begin(), members.end(),
                       [this](MemberNumber member) { return holds(member); });
  }));
}

void GetMachine::look_at_strict(const Step& step) {
  if (slots_holding() >= needed_ || KV_PLANTED(skip_strict_repair)) return reply_record(step);
  if (repairs_.empty()) start_strict_repair(false, step);
  const auto awaited = [this] {
    return std::any_of(repairs_.begin(), repairs_.end(),
                       [](const Repair& repair) { return !repair.acknowledged && !repair.failed; });
  };
  const bool any_late = std::any_of(repairs_.begin(), repairs_.end(), [](const Repair& repair) {
    return repair.failed || (!repair.acknowledged && repair.sends > 1);
  });
  if ((any_late || !awaited()) && !repaired_all_slots_) {
    repaired_all_slots_ = true;
    start_strict_repair(true, step);
  }
  if (!awaited()) fail_short(step);
}

// First at the slots that were read; when one of them is late or refuses, at the others as well.
void GetMachine::start_strict_repair(bool all_slots, const Step& step) {
  for (size_t i = 0; i < plan_->list.slots.size(); ++i) {
    bool read = false;
    bool excluded = false;
    for (const Source& source : sources_) {
      if (source.slot != i) continue;
      read = source.state == State::answered;
      excluded = source.corrupt || source.refilling;
    }
    if (excluded || (!read && !all_slots)) continue;
    for (MemberNumber member : members_of(plan_->list.slots[i])) {
      if ((all_slots || is_heard(member)) && !holds(member)) repair(member, step);
    }
  }
}

// After the reply: every slot that answered with something else gets what was replied.
void GetMachine::repair_stale(const Step& step) {
  if (merged_->is_empty()) return;
  for (const Source& source : sources_) {
    if (source.state != State::answered || !source.slot) continue;
    if (source.digest != merged_digest_) repair(source.candidate.member, step);
  }
  owe_corrupt(step);
}

void GetMachine::repair(MemberNumber member, const Step& step) {
  const bool known = std::any_of(repairs_.begin(), repairs_.end(),
                                 [member](const Repair& r) { return r.member == member; });
  if (known) return;
  Repair repair;
  repair.member = member;
  repairs_.push_back(std::move(repair));
  send_repair(repairs_.back(), step);
}

void GetMachine::send_repair(Repair& repair, const Step& step) {
  msg::Merge merge;
  merge.id = step.ids.draw();
  merge.epoch = plan_->epoch();
  merge.time_left = std::max(Duration::zero(), give_up_ - step.now());
  merge.keyspace = plan_->keyspace->id;
  merge.key = request_.key;
  merge.record = *merged_;
  merge.round = merged_round_;
  ++repair.sends;
  repair.ids.push_back(merge.id);
  repair.sent = step.now();
  Duration patience =
      plan_->candidate(repair.member).durable_patience + patience_for(merge.record.value_bytes());
  if (!replied_)
    patience = std::min(patience, std::max<Duration>((deadline_ - step.now()) / 2, 1ms));
  repair.due = step.now() + patience;
  step.send(repair.member, std::move(merge));
}

void GetMachine::repair_is_late(Repair& repair, const Step& step) {
  repair.due.reset();
  step.note_timed_out(repair.member);
  if (!is_heard(repair.member)) {
    repair.failed = true;
  } else if (!replied_ && repair.sends < settings_.sends_max) {
    send_repair(repair, step);
  }
}

// A merge would be refused there for that key; kv-repair fetches the whole range.
void GetMachine::owe_corrupt(const Step& step) {
  if (owed_sent_) return;
  msg::Owe owe;
  std::optional<MemberNumber> holder;
  for (const Source& source : sources_) {
    if (source.corrupt) owe.members.push_back(source.candidate.member);
    if (source.slot && source.state == State::answered && !holder) holder = source.candidate.member;
  }
  if (owe.members.empty() || !holder) return;
  owed_sent_ = true;
  owe.id = step.ids.draw();
  owe.epoch = plan_->epoch();
  owe.partitions = {plan_->list.partition};
  owe_id_ = owe.id;
  step.send(*holder, std::move(owe));
}

}  // namespace kv
