#include "libkv/protocol/quorum.h"

#include <algorithm>

#include "libkv/base/planted.h"
#include "libkv/protocol/client_messages.h"

namespace kv {

MemberNumber reader_of(const Slot& slot) {
  return slot.stage == SlotStage::read_new && slot.successor != 0 ? slot.successor : slot.owner;
}

SlotMembers members_of(const Slot& slot) {
  SlotMembers members;
  members.push_back(slot.owner);
  if (slot.successor != 0) members.push_back(slot.successor);
  return members;
}

Result<uint8_t> replicas_needed(const QuorumAsked& asked) {
  const std::string letter(1, asked.letter);
  size_t needed = asked.requested == 0 ? asked.of_keyspace : asked.requested;
  if (asked.requested == static_cast<uint8_t>(msg::Quorum::all)) needed = asked.n;
  if (needed == 0) needed = 1;
  if (needed > asked.n) {
    return fail(ErrorKind::invalid, letter + "=" + std::to_string(needed) + " is more than the " +
                                        std::to_string(asked.n) + " replicas of a key");
  }
  return static_cast<uint8_t>(needed);
}

std::string to_string(const QuorumFacts& facts) {
  return std::to_string(facts.reached) + " of " + std::to_string(facts.needed) + " replicas " +
         facts.did + " (" + facts.letter + "=" + std::to_string(facts.needed) + ", epoch " +
         std::to_string(facts.epoch) + ")";
}

Answer shortfall(size_t slots, size_t corrupt, size_t needed) {
  return slots < needed + corrupt ? Answer::corrupt : Answer::unavailable;
}

bool WriteQuorum::SlotState::whole() const {
  return std::all_of(parts.begin(), parts.end(),
                     [](const Part& p) { return p.acknowledged || p.member == 0; });
}

bool WriteQuorum::SlotState::ruled_out() const {
  return std::any_of(parts.begin(), parts.end(),
                     [](const Part& p) { return p.ruled_out && !p.acknowledged; });
}

WriteQuorum::WriteQuorum(std::span<const Slot> slots, size_t needed, bool hints_count)
    : needed_(needed), hints_count_(hints_count) {
  for (const Slot& slot : slots) {
    SlotState state;
    state.parts[0].member = slot.owner;
    state.parts[1].member = slot.successor;
    slots_.push_back(state);
  }
}

void WriteQuorum::acknowledge(MemberNumber member) {
  for (SlotState& slot : slots_) {
    for (Part& part : slot.parts) {
      if (part.member == member) part.acknowledged = true;
    }
  }
}

void WriteQuorum::acknowledge_hint(size_t slot) {
  slots_[slot].hinted = true;
}

void WriteQuorum::rule_out(MemberNumber member) {
  for (SlotState& slot : slots_) {
    for (Part& part : slot.parts) {
      if (part.member == member) part.ruled_out = true;
    }
  }
}

void WriteQuorum::admit(MemberNumber member) {
  for (SlotState& slot : slots_) {
    for (Part& part : slot.parts) {
      if (part.member == member) part.ruled_out = false;
    }
  }
}

size_t WriteQuorum::slots() const {
  return static_cast<size_t>(std::count_if(slots_.begin(), slots_.end(),
                                           [](const SlotState& slot) { return slot.whole(); }));
}

size_t WriteQuorum::hints() const {
  return static_cast<size_t>(std::count_if(slots_.begin(), slots_.end(), [](const SlotState& slot) {
    const bool twice = KV_PLANTED(count_slot_and_hint_twice);
    return slot.hinted && (twice || !slot.whole());
  }));
}

size_t WriteQuorum::acknowledged() const {
  return slots() + (hints_count_ ? hints() : 0);
}

size_t WriteQuorum::possible(size_t hints_possible) const {
  size_t direct = 0;
  size_t lost = 0;
  for (const SlotState& slot : slots_) {
    const bool counted = slot.whole() || (hints_count_ && slot.hinted);
    if (counted || !slot.ruled_out()) {
      ++direct;
    } else {
      ++lost;
    }
  }
  return direct + (hints_count_ ? std::min(lost, hints_possible) : 0);
}

bool WriteQuorum::met() const {
  const size_t needed = KV_PLANTED(ack_at_w_minus_one) && needed_ > 1 ? needed_ - 1 : needed_;
  return acknowledged() >= needed;
}

bool WriteQuorum::is_acknowledged(MemberNumber member) const {
  for (const SlotState& slot : slots_) {
    for (const Part& part : slot.parts) {
      if (part.member == member) return part.acknowledged;
    }
  }
  return false;
}

}  // namespace kv
