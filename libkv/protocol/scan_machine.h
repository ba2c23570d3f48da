// One page of a scan across the cluster, in key order (AP keyspaces).
//
//   member 1   a─────c───e│           Each member answers pages of what it holds, in key order. The
//   member 2   a─b───────────f│       streams are merged by key. A key is complete once the page of
//   member 3   ──b───c│               every answering member has passed it: here up to c; member 3
//                    ▲                is asked for more before e is looked at.
//                 frontier
//
// - It answers only where, for every partition, R slots (or fallbacks in place of slots that are
//   down) answer; else unavailable, saying how many partitions lack it.
// - A member that gossip does not say is up is asked, once, where the others are fewer than R.
// - A member that fails on the way is left out from there on, if the others still suffice; if not,
//   the page ends at the frontier. `next` is exact: no key is shown twice or left out between
//   pages.
// - A page is bounded in records, bytes and in keys looked at (deleted keys are looked at, not
//   shown), so it may be short, or empty, and still have more to come.
// - A strict scan sees every put that strict quorums acknowledged before it began (R + W > N);
// unlike
//   a strict get it repairs nothing, so two scans may differ on a put that was not acknowledged.
//
// Pure; deterministic. Not thread-safe. Owns what it is constructed with. After `finished`, no
// call.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "libkv/base/limits.h"
#include "libkv/protocol/coordinator_actions.h"
#include "libkv/protocol/scan_plan.h"

namespace kv {

struct ScanSettings {
  size_t records_max = limits::scan_page_records_max;
  size_t bytes_max = limits::scan_page_bytes_max;
  size_t looked_at_max = 10 * limits::scan_page_records_max;
  unsigned replans_max = 3;
  unsigned sends_max = 2;  ///< Of one page's request to one member.
};

class ScanMachine {
 public:
  /// REQUIRES: plan.keyspace->kind is ap; the low 16 bits of `base` are 0.
  ScanMachine(const ScanSettings& settings, msg::ClientScan request, ScanPlan plan,
              msg::RequestId base);

  void start(const Moment& at, CoordinatorActions* actions);
  void on_answer(const msg::ScanPageDone& done, const Moment& at, CoordinatorActions* actions);
  void on_not_sent(msg::RequestId id, const Moment& at, CoordinatorActions* actions);
  void on_tick(const Moment& at, CoordinatorActions* actions);
  /// After the action `replan`. REQUIRES: a plan for the same keyspace, of a map no older.
  void replan(ScanPlan plan, const Moment& at, CoordinatorActions* actions);
  /// Ends it: replies with `answer` if nothing was replied yet.
  void abandon(Answer answer, const std::string& why, const Moment& at,
               CoordinatorActions* actions);
  const msg::ClientScan& request() const { return request_; }

 private:
  struct Stream {
    bool waiting = false;
    bool exhausted = false;
    std::vector<msg::KeyRecord> page;  ///< Without what the member does not speak for.
    size_t position = 0;
    std::string cursor;  ///< The next page's start: `from`, or reverse `to`.
    std::set<PartitionId> refilling;
    std::vector<msg::RequestId> ids;  ///< Of the page that is awaited.
    unsigned sends = 0;
    unsigned pages = 0;  ///< Asked for so far.
    Instant sent{};
    std::optional<Instant> due;

    const msg::KeyRecord* head() const {
      return position < page.size() ? &page[position] : nullptr;
    }
  };

  void begin_plan(const Step& step);
  void ask_members(const Step& step);
  void send_page(MemberNumber member, Stream& stream, const Step& step);
  uint32_t records_per_page(const Stream& stream) const;
  Stream* stream_of(msg::RequestId id, MemberNumber* member);
  bool take_page(MemberNumber member, Stream& stream, const msg::ScanPageDone& done);
  bool is_sound(const Stream& stream, const std::vector<msg::KeyRecord>& records) const;
  void lose(MemberNumber member, const Step& step);
  ScanQuorum quorum() const { return {needed_, hints_count_, gone_}; }

  void settle(const Step& step);
  void advance(const Step& step);
  bool fetch_more(const Step& step);
  bool is_covered(const Step& step);
  bool has_more() const;
  std::optional<SharedBytes> next_key() const;
  void take_key(const SharedBytes& key, const Step& step);
  bool page_is_full() const;
  bool ids_run_short() const;
  Answer shortfall() const;
  void end_short(const Step& step);
  bool comes_before(BytesView a, BytesView b) const { return request_.reverse ? b < a : a < b; }
  std::string start_after(BytesView key) const;
  void finish_page(bool more, const Step& step);
  void fail(Answer answer, const std::string& why, const Step& step);
  std::string facts() const;

  ScanSettings settings_;
  msg::ClientScan request_;
  ScanPlan plan_;
  RequestIds ids_;

  size_t needed_ = 1;
  bool hints_count_ = false;
  size_t records_max_ = 1;
  Instant deadline_{};

  std::map<MemberNumber, Stream> streams_;
  std::set<MemberNumber> gone_;
  std::set<MemberNumber> corrupt_;  ///< Of those.
  bool coverage_known_ = false;
  size_t lacking_ = 0;

  std::optional<std::string> frontier_;  ///< The last key that was looked at.
  std::vector<msg::KeyRecord> records_;
  size_t bytes_ = 0;
  size_t looked_at_ = 0;

  std::string last_refusal_;
  unsigned plan_number_ = 0;
  std::optional<Epoch> replan_wanted_;
  bool finished_ = false;
};

}  // namespace kv
