// One put (or delete) in an AP keyspace, from the client's request to its reply and until the slots
// that were late are settled (protocols.md §3; DeCandia et al., "Dynamo", 2007, 4.4–4.6).
//
//            ┌───────── refused, or not answered in time: attempt n+1 elsewhere ◀──┐
//            ▼                                                                     │
//   start ─▶ minting ── mint made ─▶ spreading ── W durable ─▶ siblings remained? ─┼─ yes, once:
//            │  ▲                     │   │                          │             │  attempt n+1
//            │  └── a slot was in a ──┘   │                          no            │  over the
//            joined │      later purge round     │                          ▼             │ context
//            │                            │                       reply ok ────────┘
//            ▼                            ▼                          │
//        no time or nobody left      no time, or W                   ▼
//        to ask: unavailable,        cannot be reached:          settling: hints or owed repairs
//        or unknown                  unknown                     for late slots ─▶ finished
//
//   stale_epoch, from anyone: the action `replan`; with the newer plan the minted record is spread
//   anew, or, if there is none, minted anew.
//
// Rules it keeps:
// - Only the *highest attempt that was sent and not refused* counts. An earlier attempt that is
//   answered late is covered by it, wherever it may have been made; a delete that saw only the
//   earlier one would otherwise be undone by the later one. Its replica, being alive, is where the
//   next attempt goes if one is needed.
// - What one replica alone is to keep, and has not answered, is sent again to it, as the same
//   attempt, after ever longer times: if it had arrived it is known there. As another attempt it
//   would be minted and written once more, and be waited for in place of the first: a node that is
//   behind would fall back further with all that is asked of it.
// - It says *unavailable* only if every attempt was refused: if nothing can be stored anywhere.
// - Nothing is minted if the plan already shows that W cannot be reached. Where it can be only
//   with slots that gossip does not say are up, or where all others have failed, those are
//   *sounded out* first: asked for a digest, once. Who answers is live to this put.
// - Every wait, attempt, send and new plan is bounded (PutSettings).
//
// Pure; deterministic. Not thread-safe. Owns what it is constructed with. After `finished`, no
// call.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "libkv/base/inline_vector.h"
#include "libkv/protocol/coordinator_actions.h"
#include "libkv/protocol/coordinator_plan.h"
#include "libkv/protocol/put_layout.h"
#include "libkv/protocol/put_spread.h"

namespace kv {

struct PutSettings {
  /// How long after the client's deadline slots that are late are still settled.
  Duration grace = 2s;
  unsigned replans_max = 3;
  unsigned sends_max = 3;  ///< Of one copy to one place.
  /// Of mints; one that is sent again counts again. REQUIRES: at most msg::kAttemptsPerTry.
  unsigned attempts_max = msg::kAttemptsPerTry;
};

class PutMachine {
 public:
  /// REQUIRES: plan.keyspace->kind is ap; the low 16 bits of `base` are 0.
  PutMachine(const PutSettings& settings, msg::ClientPut request, Plan plan, msg::RequestId base);
  PutMachine(const PutMachine&) = delete;
  PutMachine& operator=(const PutMachine&) = delete;

  void start(const Moment& at, CoordinatorActions* actions);
  /// Answers that are late, repeated or unknown are taken or ignored as is right.
  void on_answer(msg::MintMade made, const Moment& at, CoordinatorActions* actions);
  void on_answer(const msg::MintDurable& durable, const Moment& at, CoordinatorActions* actions);
  void on_answer(const msg::Merged& merged, const Moment& at, CoordinatorActions* actions);
  void on_answer(const msg::Done& done, const Moment& at, CoordinatorActions* actions);
  void on_answer(const msg::ReadDone& done, const Moment& at, CoordinatorActions* actions);
  /// The request never left this process (no connection, full queue): certainly not received.
  void on_not_sent(msg::RequestId id, const Moment& at, CoordinatorActions* actions);
  void on_tick(const Moment& at, CoordinatorActions* actions);
  /// After the action `replan`. REQUIRES: a plan for the same key, of a map no older.
  void replan(Plan plan, const Moment& at, CoordinatorActions* actions);
  /// Ends it: the keyspace is gone, or the daemon stops. Replies, if nothing was replied yet, with
  /// `answer` if nothing can have been stored, else unknown.
  void abandon(Answer answer, const std::string& why, const Moment& at,
               CoordinatorActions* actions);
  const msg::ClientPut& request() const { return request_; }

 private:
  enum class AttemptState { waiting, silent, made, refused };
  struct MintSend {
    msg::RequestId id = 0;
    Instant sent{};
    bool refused = false;
  };
  struct MintAttempt {
    InlineVector<MintSend, 2> sends;
    Attempt number = 1;
    MintSite site;
    unsigned plan_number = 0;
    AttemptState state = AttemptState::waiting;
    bool durable = false;
    bool second_put = false;  ///< Its context covers what the merges of an earlier one found.
    std::optional<Instant> due;
    Record record;
    Round round = 0;
  };

  /// Members that are not up are asked whether they answer (put_machine_sounding.cc).
  struct Sounding {
    bool done = false;  ///< Once a plan.
    std::vector<std::pair<msg::RequestId, MemberNumber>> silent;
    Instant sent{};
    std::optional<Instant> due;  ///< Empty: nothing waits for it.
  };

  void begin_plan(const Step& step);
  void go_on(const Step& step);
  bool sound_out(const Step& step);
  std::optional<MemberNumber> take_sounded(msg::RequestId id);
  void sounded(MemberNumber member, const Step& step);
  void sounding_is_over(const Step& step);
  void end_sounding(const Step& step);
  void mint_next(const Step& step);
  bool is_alone(const MintSite& site);
  MintAttempt& attempt_at(const MintSite& site);
  void send_mint(MintAttempt* attempt, const Step& step);
  const PutLayout& layout_for(const MintSite& site);
  std::optional<MintSite> choose_site();
  struct Sent {
    MintAttempt* attempt = nullptr;
    MintSend* send = nullptr;
  };
  std::optional<Sent> find_sent(msg::RequestId id);
  std::optional<size_t> standing() const;
  void made(MintAttempt& attempt, msg::MintMade made, const Step& step);
  void refused(const Sent& sent, Answer answer, Epoch epoch, const Step& step);
  void attempt_is_late(MintAttempt& attempt, const Step& step);
  void adopt(size_t index, const Step& step);
  void want_replan(Epoch epoch, const Step& step);

  void settle(const Step& step);
  void look_at_spread(const Step& step);
  bool needs_second_put() const;
  void fail(Answer if_nothing_stored, const std::string& why, const Step& step);
  void fail_short(const Step& step);
  void reply(Answer answer, std::string detail, const Step& step);
  std::string facts() const;
  bool may_be_stored() const;
  CausalContext context_to_show() const;
  std::optional<Instant> next_wake() const;

  PutSettings settings_;
  msg::ClientPut request_;
  Plan plan_;
  RequestIds ids_;

  size_t needed_ = 1;
  bool hints_count_ = false;
  Instant deadline_{};
  Instant give_up_{};

  MintSites sites_;
  std::optional<PutLayout> layout_;  ///< Of the plan, for layout_site_.
  MintSite layout_site_;
  size_t next_site_ = 0;
  std::optional<MintSite> preferred_site_;
  std::set<MemberNumber> refused_by_;
  std::set<MemberNumber> corrupt_at_;  ///< Of those.
  Sounding sounding_;
  std::vector<MintAttempt> attempts_;  ///< In the order of their numbers.
  unsigned mints_sent_ = 0;
  std::optional<size_t> adopted_;  ///< The attempt that is being spread.
  std::optional<PutSpread> spread_;
  CausalContext context_;  ///< What the next attempt covers.
  bool second_put_ = false;
  std::string last_refusal_;

  unsigned plan_number_ = 0;
  std::optional<Epoch> replan_wanted_;
  bool replied_ = false;
  bool finished_ = false;
};

}  // namespace kv
