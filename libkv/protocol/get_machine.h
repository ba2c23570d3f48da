// One get in an AP keyspace, from the client's request to its reply and the read repair after it
// (protocols.md §3; DeCandia et al., "Dynamo", 2007, 4.5 and 5).
//
//   start ─▶ reading: R of the slots, nearest and quickest first, one the record, others a digest
//              │   an answer late (p95): one more is asked     refused: one more is asked
//              ▼
//            R answered ── a digest differs ─▶ fetching: the records that differ
//              │                                   │
//              ▼                                   ▼
//            merge all ◀───────────────────────────┘
//              │ sloppy                    │ strict: do R slots hold it durably?
//              ▼                           ▼ no
//            reply                      repairing: merges to the stale, then to the other slots
//              │                           │ R slots hold it
//              ▼                           ▼
//            repair the stale ◀────────  reply
//              ▼
//            finished
//
// - Where hints count (sloppy), a live fallback is read in place of each slot that is down, and
//   counts towards R. Strictly, only slots count, and none that is refilling.
// - A moving slot is read at its reader, but holds something durably (strict) only when owner and
//   successor both do.
// - A slot that gossip does not say is up is asked last, once, and with a short patience: when the
//   others are fewer than R, or do not answer. A hedge never goes there.
// - A replica at which the key's bytes are corrupt does not count, and is named as owed a repair.
//
// Pure; deterministic. Not thread-safe. Owns what it is constructed with. After `finished`, no
// call.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libkv/protocol/coordinator_actions.h"
#include "libkv/protocol/coordinator_plan.h"
#include "libkv/protocol/quorum.h"

namespace kv {

struct GetSettings {
  /// How long after its reply late answers are still repaired.
  Duration grace = 1s;
  unsigned replans_max = 3;
  unsigned sends_max = 2;  ///< Of a read or repair to one place.
};

class GetMachine {
 public:
  /// REQUIRES: plan.keyspace->kind is ap; the low 16 bits of `base` are 0.
  GetMachine(const GetSettings& settings, msg::ClientGet request, Plan plan, msg::RequestId base);

  void start(const Moment& at, CoordinatorActions* actions);
  void on_answer(const msg::ReadDone& done, const Moment& at, CoordinatorActions* actions);
  void on_answer(const msg::Merged& merged, const Moment& at, CoordinatorActions* actions);
  void on_answer(const msg::Done& done, const Moment& at, CoordinatorActions* actions);
  void on_not_sent(msg::RequestId id, const Moment& at, CoordinatorActions* actions);
  void on_tick(const Moment& at, CoordinatorActions* actions);
  /// After the action `replan`. REQUIRES: a plan for the same key, of a map no older.
  void replan(Plan plan, const Moment& at, CoordinatorActions* actions);
  /// Ends it: replies with `answer` if nothing was replied yet.
  void abandon(Answer answer, const std::string& why, const Moment& at,
               CoordinatorActions* actions);
  const msg::ClientGet& request() const { return request_; }

 private:
  enum class State { unasked, waiting, answered, refused };
  struct Source {
    Candidate candidate;
    std::optional<size_t> slot;  ///< Empty: a fallback.
    State state = State::unasked;
    bool full = false;       ///< The last read asked for the record.
    bool hedged = false;     ///< Another was asked because this one is late.
    bool timed_out = false;  ///< Its patience is over.
    unsigned sends = 0;
    std::vector<msg::RequestId> ids;
    Instant sent{};
    std::optional<Instant> due;
    bool refilling = false;
    bool corrupt = false;
    Hash128 digest;
    std::optional<Record> record;
    Round round = 0;
  };
  struct Repair {
    MemberNumber member = 0;
    bool acknowledged = false;
    bool failed = false;
    unsigned sends = 0;
    std::vector<msg::RequestId> ids;
    Instant sent{};
    std::optional<Instant> due;
  };

  void begin_plan(const Step& step);
  void make_sources();
  bool is_reading() const { return !replied_ && !merged_ && !replan_wanted_; }
  void ask_next(const Step& step);
  void hedge(const Step& step);
  size_t expected() const;
  void send_read(Source& source, bool full, const Step& step);
  bool needs_full() const;
  bool counts(const Source& source) const;
  size_t counted() const;
  Source* source_of(msg::RequestId id);
  void refuse(Source& source, Answer answer, Epoch epoch, const Step& step);
  void source_is_late(Source& source, const Step& step);
  void want_replan(Epoch epoch, const Step& step);

  void settle(const Step& step);
  void progress(const Step& step);
  void look_at_strict(const Step& step);
  void look_for_end();
  bool fetch_differing(const Step& step);
  bool is_known(const Hash128& digest) const;
  void merge_answers();
  void start_strict_repair(bool all_slots, const Step& step);
  bool holds(MemberNumber member) const;
  bool is_heard(MemberNumber member) const;
  size_t slots_holding() const;
  void repair_stale(const Step& step);
  void repair(MemberNumber member, const Step& step);
  void send_repair(Repair& repair, const Step& step);
  void repair_is_late(Repair& repair, const Step& step);
  void owe_corrupt(const Step& step);
  bool may_still_answer() const;
  void reply_record(const Step& step);
  void fail(Answer answer, const std::string& why, const Step& step);
  void fail_short(const Step& step);
  std::string facts() const;
  std::optional<Instant> next_wake() const;

  GetSettings settings_;
  msg::ClientGet request_;
  std::unique_ptr<const Plan> plan_;
  RequestIds ids_;

  size_t needed_ = 1;
  bool strict_ = false;
  Instant deadline_{};
  Instant give_up_{};
  std::string last_refusal_;

  std::vector<Source> sources_;  ///< In the order in which they are asked.
  std::optional<Record> merged_;
  Hash128 merged_digest_;
  Round merged_round_ = 0;
  std::vector<Repair> repairs_;
  bool repaired_all_slots_ = false;
  std::optional<msg::RequestId> owe_id_;
  bool owed_sent_ = false;

  unsigned plan_number_ = 0;
  std::optional<Epoch> replan_wanted_;
  bool replied_ = false;
  bool finished_ = false;
};

}  // namespace kv
