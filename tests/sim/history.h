// What happened to a simulated cluster's keys, and the judgement over it.
//
// The history knows every put that a client began, every dot that a replica minted for it (seen on
// the network), what each mint covered, and what was acknowledged. From that it decides, without
// trusting any merge of the code under test, what may and what must be visible:
//
//   lost    an acknowledged put that is neither visible, nor covered by the context with which any
//           other put was made (the one sent; for a plain put what its minting replica held)
//   ghost   a visible value that an acknowledged put covered
//   stale   a strict get that began after an acknowledged put and does not know it (their quorums
//           overlapping), or one that knows less than an earlier strict get did
//   false   a value shown for a key for which no client wrote it
//
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

  /// A client begins a put. `strict_w`: how many slots a strict put waits for, else 0.
  void begin_put(const std::string& key, const msg::ClientPut& put, unsigned strict_w, Instant now);
  /// Its client has its answer.
  void end_put(const std::string& key, const msg::ClientPut& put, const msg::PutDone& done,
               Instant now);
  /// A strict get of `r` of `n` slots began at `began` and was answered.
  struct StrictGet {
    Instant began, ended;
    unsigned r = 0, n = 0;
  };
  void end_strict_get(const std::string& key, const msg::GetDone& done, const StrictGet& get);
  /// Anything was shown of a key.
  void saw_visible(const std::string& key, const Record& visible, Instant now);
  /// Those of `keys` of which a strict read of `r` of `n` slots that begins now must know a put.
  std::set<std::string> known_to_strict(const std::vector<std::string>& keys, unsigned r,
                                        unsigned n) const;

  // Seen on the network.
  void saw_mint(SimHost coordinator, const msg::Mint& mint);
  void saw_made(SimHost coordinator, const msg::MintMade& made);

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
    unsigned strict_w = 0;
    unsigned copies = 0;  // That acknowledged it.
    bool acknowledged = false;
    Instant acknowledged_at{};
    CausalContext reply_context;
    std::map<Attempt, std::vector<Mint>> mints;
  };
  struct KeyHistory {
    std::map<PutId, Put> puts;
    std::vector<std::pair<StrictGet, CausalContext>> strict_gets;
  };
  struct Asked {
    std::string key;
    PutId put;
    Attempt attempt;
    PutMode mode;
    CausalContext context;
  };

  bool is_covered_by_another(const KeyHistory& history, const PutId& put) const;
  static bool covers_any(const CausalContext& covered, const PutId& id, const Put& put);
  static CausalContext claimed_cover(const Put& put);
  static bool is_shown(const Record& visible, const PutId& id, const Put& put);
  bool binds_strict(const Put& put, unsigned r, unsigned n) const;
  void say(std::string what) {
    if (!falsehood_only_) violation(std::move(what));
  }

  std::map<std::string, KeyHistory> keys_;
  std::map<std::pair<SimHost, msg::RequestId>, Asked> asked_;
  unsigned copies_lost_ = 0;
  bool falsehood_only_ = false;
  Figures figures_;
  std::vector<std::string> violations_;
};

}  // namespace kv
