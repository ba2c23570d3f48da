// The arithmetic of quorums, apart from everything else.
//
//   slots of a key (N = 3)      A          B → B' (moving)     C (down)
//   acknowledged by             A          B                   hint for C at F
//   counts                      1 slot     nothing yet: B'     1 hint, where hints count
//                                          has not answered
//
// - A slot counts when its owner and, while it moves, its successor have acknowledged.
// - A hint counts in place of the slot it is for, where hints count (sloppy): a slot and its hint
//   are counted once, and a fallback holds a hint for one slot.
// - For reads a moving slot is its reader: the owner before read-new, then the successor.
// R and W are numbers of slots, 1…N. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "libkv/base/assert.h"
#include "libkv/base/inline_vector.h"
#include "libkv/base/result.h"
#include "libkv/model/cluster_map.h"
#include "libkv/protocol/answer.h"

namespace kv {

/// The member that reads and mints for a slot: a successor does neither before read-new.
MemberNumber reader_of(const Slot& slot);
/// Members of one slot, an owner and a successor at most, as a value without allocation.
class SlotMembers {
 public:
  void push_back(MemberNumber member) {
    KV_ASSERT(count_ < members_.size());
    members_[count_++] = member;
  }
  size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  const MemberNumber* begin() const { return members_.data(); }
  const MemberNumber* end() const { return members_.data() + count_; }
  bool contains(MemberNumber member) const { return std::find(begin(), end(), member) != end(); }
  std::vector<MemberNumber> to_vector() const { return {begin(), end()}; }

 private:
  std::array<MemberNumber, 2> members_{};
  uint8_t count_ = 0;
};

/// The members that must acknowledge a write for the slot to count.
SlotMembers members_of(const Slot& slot);

/// R or W: what was asked for, 0 meaning the keyspace's and 0xff all of them.
/// Errors: invalid, if it is more than `n`.
struct QuorumAsked {
  uint8_t requested = 0;
  uint8_t of_keyspace = 1;
  size_t n = 1;
  char letter = 'W';  ///< For the error.
};
Result<uint8_t> replicas_needed(const QuorumAsked& asked);

/// `1 of 2 replicas answered (R=2, epoch 41)`.
struct QuorumFacts {
  size_t reached = 0;
  size_t needed = 0;
  const char* did = "answered";
  char letter = 'R';
  Epoch epoch = 0;
};
std::string to_string(const QuorumFacts& facts);

/// What it means that too few of a key's slots answered: *unavailable*; but *corrupt* where too few
/// have sound data, for then waiting and trying again mends nothing.
Answer shortfall(size_t slots, size_t corrupt, size_t needed);

class WriteQuorum {
 public:
  WriteQuorum() = default;
  WriteQuorum(std::span<const Slot> slots, size_t needed, bool hints_count);

  /// Durable at a slot's member; one that belongs to no slot changes nothing.
  void acknowledge(MemberNumber member);
  /// Durable as a hint for all members of the slot.
  void acknowledge_hint(size_t slot);
  /// The member will not acknowledge any more.
  void rule_out(MemberNumber member);
  /// It may, after all.
  void admit(MemberNumber member);

  size_t slots() const;  ///< Acknowledged by the slot itself.
  size_t hints() const;  ///< By a hint only.
  size_t acknowledged() const;
  /// What may still come to be acknowledged, if `hints_possible` more hints can be had.
  size_t possible(size_t hints_possible) const;
  size_t needed() const { return needed_; }
  bool met() const;
  bool is_acknowledged(MemberNumber member) const;
  bool is_hinted(size_t slot) const { return slots_[slot].hinted; }

 private:
  struct Part {
    MemberNumber member = 0;
    bool acknowledged = false;
    bool ruled_out = false;
  };
  struct SlotState {
    std::array<Part, 2> parts;  ///< Without a successor the second is nobody's.
    bool hinted = false;

    bool whole() const;
    bool ruled_out() const;
  };
  InlineVector<SlotState, 3> slots_;
  size_t needed_ = 1;
  bool hints_count_ = false;
};

}  // namespace kv
