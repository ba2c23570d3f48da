// What happened to a simulated cluster's keys, and the judgement over it.
//
// The history knows every put that a client began, every dot that a replica minted for it (seen on
// the network), what each mint covered, and what was acknowledged. From that it decides, without
// trusting any merge of the code under test, what may and what must be visible:
//
//   lost      an acknowledged put that is neither visible, nor covered by the context with which
//   any
//             other put was made (the one sent; for a plain put what its minting replica held)
//   ghost     a visible value that an acknowledged put covered, or an attempt of one of which that
//             put covered a later attempt
//   left      in the end, a value beside a plain put that began after it was acknowledged, at a
//   slot
//             that held both: a plain overwrite leaves nothing that was there
//   stale     a strict get or a row of a strict scan that began after an acknowledged put and does
//             not know it (their quorums overlapping), or a get that knows less than an earlier one
//   false     a value shown for a key for which no client wrote it
//   unbacked  a put answered ok, or its count of copies, without the word of as many slots that
//   they
//             hold it durably; a slot and a hint for it are one
//   twice     a dot made for two values, or two attempts of a put in one record
//
// A request for a put that the network delivers twice may be made twice, the second time after what
// covered the first: no transport that is used does that. Such a put's own revival is not judged.
// Where disks lose durable copies, only what more copies acknowledged than may be lost is judged.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "libkv/base/time.h"
#include "libkv/model/ids.h"
#include "libkv/model/mint.h"
#include "libkv/model/record.h"
#include "libkv/protocol/client_messages.h"
#include "libkv/protocol/node_messages.h"
#include "tests/sim/sim_network.h"

namespace kv {

class History {
 public:
  /// How many holders of a partition may lose what they held durably. Now, for good.
  void set_copies_lost(unsigned copies) { copies_lost_ = copies; }
  /// By how much a value may be shown too long: what clocks are apart, and a put's time left.
  static constexpr Duration kExpirySlack = 40s;
  /// Only falsehood is a violation from now on: more copies may be lost than anything survives.
  void judge_falsehood_only() { falsehood_only_ = true; }

  /// What a put waits for.
  struct Terms {
    unsigned w = 0, n = 0;
    bool strict = false;  ///< Hints do not count.
  };
  /// A client begins a put.
  void begin_put(const std::string& key, const msg::ClientPut& put, const Terms& terms,
                 Instant now);
  /// Its client has its answer.
  void end_put(const std::string& key, const msg::ClientPut& put, const msg::PutDone& done,
               Instant now);
  /// A strict get of `r` of `n` slots began at `began` and was answered.
  struct StrictGet {
    Instant began, ended;
    unsigned r = 0, n = 0;
  };
  void end_strict_get(const std::string& key, const msg::GetDone& done, const StrictGet& get);
  /// A strict scan of the same terms showed this.
  void saw_strict_row(const std::string& key, const Record& visible, const StrictGet& scan);
  /// Anything was shown of a key.
  void saw_visible(const std::string& key, const Record& visible, Instant now);
  /// Those of `keys` of which a strict read of `r` of `n` slots that begins now must know a put.
  std::set<std::string> known_to_strict(const std::vector<std::string>& keys, unsigned r,
                                        unsigned n) const;

  // Seen on the network.
  void saw_sent_twice(BytesView key, const PutId& put);
  void saw_mint(SimHost coordinator, const msg::Mint& mint);
  void saw_made(SimHost coordinator, const msg::MintMade& made);
  void saw_durable(SimHost coordinator, SimHost member, const msg::MintDurable& durable);
  void saw_merge(SimHost asker, const msg::Merge& merge);
  void saw_read(SimHost asker, const msg::Read& read);
  void saw_read_done(SimHost asker, const msg::ReadDone& done);
  void saw_merged(SimHost asker, SimHost member, const msg::Merged& merged);

  /// Judges what is visible of a key at the end.
  void judge(const std::string& key, const Record& visible);

  struct Figures {
    uint64_t puts = 0, acknowledged = 0, unknown = 0, unavailable = 0, checked = 0;
    uint64_t gets_checked = 0, scans_checked = 0;
  };
  const Figures& figures() const { return figures_; }
  const std::vector<std::string>& violations() const { return violations_; }
  std::vector<std::string> keys() const;
  void violation(std::string what) { violations_.push_back(std::move(what)); }
  /// A violation unless only falsehood is.
  void stale(std::string what) { say(std::move(what)); }
  void checked_scan() { ++figures_.scans_checked; }

 private:
  struct Mint {
    Dot dot;
    CausalContext covered;
  };
  struct Put {
    PutMode mode = PutMode::over_what_is_there;
    CausalContext sent_context;
    bool tombstone = false;
    SharedBytes value;
    Duration ttl{0};
    Instant begun{};
    Terms terms;
    unsigned copies = 0;  // That acknowledged it.
    unsigned slots = 0;   // Of these, not hints.
    bool sent_twice = false;
    bool acknowledged = false;
    Instant acknowledged_at{};
    CausalContext reply_context;
    std::map<Attempt, std::vector<Mint>> mints;
    std::set<MemberNumber> direct, hinted;  // Slots that said durable, or for which a hint did.
  };
  struct KeyHistory {
    std::map<PutId, Put> puts;
    std::set<PutId> open;  // Not answered yet.
    std::vector<std::pair<StrictGet, CausalContext>> strict_gets;
  };
  struct Asked {
    std::string key;
    PutId put;
    Attempt attempt;
    PutMode mode;
    CausalContext context;
    msg::Members hint_for;
  };
  struct AskedToMerge {
    std::string key;
    CausalContext context;
    msg::Members hint_for;
  };

  bool is_covered_by_another(const KeyHistory& history, const PutId& put) const;
  static bool covers_any(const CausalContext& covered, const PutId& id, const Put& put);
  static Attempt attempt_known(const CausalContext& context, const PutId& id, const Put& put);
  static CausalContext claimed_cover(const Put& put);
  bool may_be_made_twice(const std::string& key, const PutId& id) const;
  void check_attempts(const std::string& key, const Record& record);
  void note_holder(const std::string& key, const PutId& id, SimHost member,
                   const msg::Members& hint_for);
  void check_backing(const std::string& key, const PutId& id, const Put& put,
                     const msg::PutDone& done);
  void judge_ghosts(const std::string& key, const KeyHistory& history, const Record& visible);
  void judge_left(const std::string& key, const KeyHistory& history, const Record& visible);
  bool replaces(const Put& plain, const Put& put) const;
  static bool is_shown(const Record& visible, const PutId& id, const Put& put);
  void check_strict(const std::string& key, const Record& visible, const StrictGet& read,
                    const char* what);
  bool binds_strict(const Put& put, unsigned r, unsigned n) const;
  void say(std::string what) {
    if (!falsehood_only_) violation(std::move(what));
  }

  std::map<std::string, KeyHistory> keys_;
  std::map<std::pair<SimHost, msg::RequestId>, Asked> asked_;
  std::map<std::pair<SimHost, msg::RequestId>, AskedToMerge> asked_to_merge_;
  std::map<std::pair<SimHost, msg::RequestId>, std::string> asked_to_read_;
  std::map<std::pair<std::string, Dot>, std::pair<PutId, Attempt>> made_;
  unsigned copies_lost_ = 0;
  bool falsehood_only_ = false;
  Figures figures_;
  std::vector<std::string> violations_;
};

}  // namespace kv
