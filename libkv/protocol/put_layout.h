// Where the copies of one put go, by its plan: which members of the slots get it themselves, which
// fallbacks take a hint for which slot, and which slots are only owed a repair.
//
//   slots      A (dc1)      B (dc1, down)    C (dc2, dc2 is down)
//   copies     A itself     hint at F1       W = 2 is reached: owed
//                           (dc1 first, on
//                           a host not used)
//
// - A live member gets its copy itself.
// - A slot that is down is hinted when hints count (sloppy) and a fallback is left, else owed.
// - Where a whole data centre is down there are no more hints than W needs.
// - A member that only this coordinator doubts, and that has no hint, gets its copy all the same.
// Pure.
#pragma once

#include <optional>
#include <vector>

#include "libkv/base/inline_vector.h"
#include "libkv/protocol/coordinator_plan.h"
#include "libkv/protocol/quorum.h"

namespace kv {

/// Where a dot may be minted: at a slot, or at a fallback as a hint for that slot.
struct MintSite {
  MemberNumber member = 0;
  size_t slot = 0;
  bool hint = false;
  friend bool operator==(const MintSite&, const MintSite&) = default;
};

/// In the order in which they are tried: live slots in the coordinator's data centre, live slots,
/// with hints the live fallbacks (those of the data centre first), then the slots that only this
/// coordinator doubts. Never a member that is not up: a put sounds those out before.
using MintSites = InlineVector<MintSite, 4>;
MintSites mint_sites(const Plan& plan, bool hints_count);

struct SlotLayout {
  SlotMembers direct;
  MemberNumber hint_at = 0;  ///< 0: none.
  SlotMembers owed;          ///< Neither direct nor covered by the hint.
};

class PutLayout {
 public:
  struct Terms {
    size_t needed = 1;
    bool hints_count = false;
  };
  PutLayout() = default;
  /// The plan must outlive it.
  PutLayout(const Plan& plan, const Terms& terms, const MintSite& site);

  const InlineVector<SlotLayout, 3>& slots() const { return slots_; }
  /// The members that will not be reached, to be named in the mint and the merges.
  std::vector<MemberNumber> owed() const;
  /// How many slots can come to count.
  size_t reachable() const;
  /// One more fallback, for a slot that turned out late; none with strict quorums.
  std::optional<MemberNumber> take_fallback(size_t slot);
  size_t fallbacks_left() const;

 private:
  enum class Why { down, data_centre_down };
  bool is_free(const Candidate& candidate) const;
  void use(MemberNumber member);
  void place_direct();
  void place_hints(Why why);
  void place_rest();
  size_t counted_so_far() const;

  const Plan* plan_ = nullptr;
  Terms terms_;
  InlineVector<SlotLayout, 3> slots_;
  InlineVector<MemberNumber, 8> used_;
  InlineVector<uint32_t, 8> hosts_used_;
};

}  // namespace kv
