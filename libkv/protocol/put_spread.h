// One minted record on its way to the other places it belongs: part of a put (put_machine.h).
//
//   a copy:   sent ──answer ok──────────────────────▶ durable
//              │ patience over: hint elsewhere, or sent again ──▶ (its answer still counts)
//              └ refused ─────▶ hint elsewhere, or sent again after a pause ──▶ given up
//
// Members that are not up get no copy, but when one is late or refused that has no fallback left:
// then once, and with a short patience.
//
// A slot is *settled* when each of its members holds the record durably, or a hint for the slot is
// durable, or a durable holder has been told to keep a repair owed to it. Answers and time come in;
// requests go out through the Step. Every copy is sent at most `sends_max` times, every fallback
// asked once.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "libkv/protocol/coordinator_actions.h"
#include "libkv/protocol/put_layout.h"
#include "libkv/protocol/quorum.h"

namespace kv {

class PutSpread {
 public:
  struct Terms {
    const Plan* plan = nullptr;  ///< Outlives it.
    SharedBytes key;
    Record record;
    Round round = 0;
    size_t needed = 1;
    bool hints_count = false;
    Instant deadline{};  ///< The client's.
    Instant give_up{};   ///< The operation's: what is sent may be stored until then.
    unsigned sends_max = 3;
  };
  PutSpread(Terms terms, PutLayout layout);

  /// Sends the copies. `minted`: where the record was made, which gets none and becomes durable by
  /// mint_durable(); empty after a new plan, when every place gets one.
  void start(const std::optional<MintSite>& minted, const Step& step);
  void mint_durable(Answer answer, const Step& step);
  /// Each returns whether the answer was to one of its requests.
  bool on_merged(const msg::Merged& merged, const Step& step);
  bool on_done(const msg::Done& done, const Step& step);
  bool on_not_sent(msg::RequestId id, const Step& step);
  void on_tick(const Step& step);
  /// From now on nothing is sent again; what is late is hinted or owed.
  void after_reply(const Step& step);

  const WriteQuorum& quorum() const { return quorum_; }
  /// Whether W can still be reached.
  bool can_be_met() const;
  /// Sends copies to the slots' members that are not up, once. True if there were any.
  bool try_not_up(const Step& step);
  /// Of the answers so far that found siblings the mint had not covered: their contexts, joined.
  bool siblings_remain() const { return siblings_remain_; }
  const CausalContext& joined_context() const { return joined_; }
  /// A replica that plans by a newer map.
  std::optional<Epoch> newer_epoch() const { return newer_epoch_; }
  /// A slot in a later purge round: the mint must be made again, there.
  std::optional<MintSite> later_round() const { return later_round_; }
  /// `; member 2: busy` for each place that refused and is not durable; for the client's message.
  std::string refusals() const;
  bool is_settled() const;
  std::optional<Instant> wake_at() const;

 private:
  struct Copy {
    MemberNumber member = 0;
    size_t slot = 0;
    bool hint = false;
    bool minted = false;  ///< Durable by the mint itself.
    bool durable = false;
    bool given_up = false;  ///< Nothing more is sent to it; a late answer counts all the same.
    bool refused = false;
    Answer last_refusal = Answer::ok;
    bool not_up = false;  ///< Sent by try_not_up(), and nothing heard.
    unsigned sends = 0;
    Instant sent{};
    std::optional<Instant> due;
    InlineVector<msg::RequestId, 3> ids;
  };
  struct OwedMember {
    MemberNumber member = 0;
    bool promised = false;  ///< A durable holder keeps the repair.
  };

  void send(size_t index, const Step& step);
  void add(const Copy& copy, const Step& step);
  Duration patience_with(MemberNumber member, const Step& step) const;
  Copy* copy_of(msg::RequestId id);
  void became_durable(Copy& copy, const Step& step);
  void refuse(Copy& copy, Answer answer, Epoch epoch, const Step& step);
  void late(size_t index, const Step& step);
  bool hint_elsewhere(size_t index, const Step& step);
  bool hint_is_under_way(size_t slot) const;
  void give_up(size_t index, const Step& step);
  bool member_is_settled(MemberNumber member, size_t slot) const;
  void collect_owed();
  void send_owe(const Step& step);
  std::optional<MemberNumber> next_holder();

  Terms terms_;
  PutLayout layout_;
  WriteQuorum quorum_;
  std::vector<Copy> copies_;
  bool replied_ = false;
  bool tried_not_up_ = false;
  bool siblings_remain_ = false;
  CausalContext joined_;
  std::optional<Epoch> newer_epoch_;
  std::optional<MintSite> later_round_;

  std::vector<OwedMember> owed_;
  std::vector<MemberNumber> holders_asked_;
  std::optional<msg::RequestId> owe_id_;
  std::vector<MemberNumber> owe_members_;
  Instant owe_due_{};
};

}  // namespace kv
