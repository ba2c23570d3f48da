// Hint replay: hands the hints that its member's kv-node holds back to their owners, and has each
// owner struck that durably acknowledged exactly what the hint then was (DeCandia et al. 2007,
// 4.6).
//
//   idle ── tick ──▶ list a page from the own node
//                      │ for each hint and each owner that is alive
//                      ▼
//                    Merge to the owner ── Merged ok ──▶ strike (hint's digest) at the own node
//                      │ not ok, or no answer in time: the hint stays; another round brings it
//                      ▼
//                    page done ──▶ next page, or idle until the next tick
//
// A hint for a member that is no longer an owner goes to all present owners, and is struck when all
// have acknowledged. The hint may grow meanwhile: the node then keeps it, since the digest differs.
// Pure; one at a time a page, windows per owner.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "libkv/model/view.h"
#include "libkv/protocol/pace.h"
#include "libkv/protocol/repair_actions.h"

namespace kv {

class HintReplay {
 public:
  struct Settings {
    Duration interval = 500ms;  ///< Between rounds that found nothing to do.
    Duration answer_timeout = 5s;
    uint32_t records_per_page = 256;
  };
  HintReplay(MemberNumber self, RepairRequestIds ids, Settings settings);

  void on_view(const View& view, Instant now, RepairActions* actions);
  void on_tick(Instant now, RepairActions* actions);
  void on_hints(const msg::HintsListed& answer, Instant now, RepairActions* actions);
  void on_merged(const msg::Merged& answer, Instant now, RepairActions* actions);
  Instant next_wake() const { return wake_; }

  struct Counters {
    uint64_t delivered = 0, refused = 0, timed_out = 0, struck = 0;
  };
  const Counters& counters() const { return counters_; }

 private:
  struct Delivery {
    size_t hint;
    MemberNumber to;
    Instant sent;
  };
  struct Waiting {  ///< A hint of the present page.
    msg::Hint hint;
    Hash128 digest;
    std::map<MemberNumber, std::set<MemberNumber>>
        needs;  ///< Owner named → members to acknowledge.
  };

  void list_page(Instant now, RepairActions* actions);
  void plan(msg::Hint hint);
  void pump(Instant now, RepairActions* actions);
  void settle(size_t hint, MemberNumber by);
  void finish_page(Instant now, RepairActions* actions);
  bool knows(KeyspaceId keyspace) const;
  void end_round(Instant now);

  const MemberNumber self_;
  RepairRequestIds ids_;
  const Settings settings_;
  View view_;
  Instant wake_{};
  msg::RequestId listing_ = 0;
  Instant listed_at_{};
  KeyspaceId after_keyspace_ = 0;
  std::string after_;
  bool more_ = false;
  Epoch page_epoch_ = 0;  ///< By which map the page was planned.
  bool round_found_ = false;
  bool round_sent_ = false;
  uint64_t round_version_ = 0;
  std::optional<uint64_t> vain_version_;  ///< Of the hints when a whole round sent nothing.
  std::vector<Waiting> page_;
  std::vector<std::pair<size_t, MemberNumber>> to_send_;
  std::map<msg::RequestId, Delivery> sent_;
  std::map<MemberNumber, size_t> in_flight_;
  std::map<MemberNumber, Pace> pace_;
  std::vector<msg::HintStrike> strikes_;
  Counters counters_;
};

}  // namespace kv
