// Anti-entropy, the flat form: keeps its member's partitions equal with the other slots' copies.
//
// When a peer returns, where a repair is owed or a partition is refilling, and every few seconds
// while idle, one message a peer asks for the root hashes of all partitions shared with it; those
// that differ (or are owed) are exchanged (partition_exchange.h), a few at a time. A debt is paid
// when an exchange that began after the debt was listed ends equal; a refilling partition is level
// when exchanges with every other slot ended equal since it was listed. A fallback owes, too (for
// slots that its hint was not for, or hints that it lost), and has no copy to compare: it has the
// slot compared with every other one, and its node lists the debt when its hints have left.
//
// Of two members, both compare: each one's own kv-repair. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "libkv/base/random.h"
#include "libkv/model/view.h"
#include "libkv/protocol/partition_exchange.h"

namespace kv {

class AntiEntropy {
 public:
  struct Settings {
    Duration interval = 5s;       ///< Between comparisons with a peer while idle.
    Duration owed_interval = 1s;  ///< Between looks at what the own node owes.
    Duration answer_timeout = 5s;
    size_t exchanges_max = 4;  ///< At once.
    PartitionExchange::Settings exchange;
  };
  AntiEntropy(MemberNumber self, RepairRequestIds ids, Settings settings, uint64_t seed);

  void on_view(const View& view, Instant now, RepairActions* actions);
  void on_tick(Instant now, RepairActions* actions);
  void on_roots(const msg::TreeRootsTold& answer, Instant now, RepairActions* actions);
  void on_leaves(const msg::TreeLeavesTold& answer, Instant now, RepairActions* actions);
  void on_keys(msg::LeafKeysTold answer, Instant now, RepairActions* actions);
  void on_fetched(msg::Fetched answer, Instant now, RepairActions* actions);
  void on_merged(const msg::Merged& answer, Instant now, RepairActions* actions);
  void on_owed(const msg::OwedTold& answer, Instant now, RepairActions* actions);
  Instant next_wake() const { return wake_; }

  struct Counters {
    uint64_t comparisons = 0, exchanges = 0, failed = 0, records_moved = 0, debts_paid = 0;
  };
  const Counters& counters() const { return counters_; }
  /// When each partition was last found equal with every other slot; absent: never yet.
  std::map<PartitionKey, Instant> proven_equal() const;
  /// How many partitions this member has that others have too: those which can be proven equal.
  size_t shared_partitions() const;

 private:
  using Pair = std::pair<PartitionKey, MemberNumber>;  ///< A partition and a slot of it.
  struct Task {                                        ///< Two slots of a partition to compare.
    PartitionKey partition;
    MemberNumber one = 0, other = 0;
    friend auto operator<=>(const Task&, const Task&) = default;
  };
  struct Debt {
    uint64_t mark = 0;
    Instant since{};  ///< When it was first listed with this mark.
  };

  struct Comparison {  ///< Roots asked of both sides, for one peer.
    msg::RequestId own_id = 0, peer_id = 0;
    std::map<PartitionKey, uint64_t> own, theirs;
    bool own_told = false, peer_told = false;
    Instant asked{};
  };
  std::map<MemberNumber, std::vector<PartitionKey>> shared() const;
  void compare_with(MemberNumber peer, const std::vector<PartitionKey>& partitions, Instant now,
                    RepairActions* actions);
  void finish_comparison(MemberNumber peer);
  void enqueue(const Task& task, bool urgent);
  void enqueue_debt(const Pair& debt, Instant since);
  bool is_slot(const PartitionKey& partition) const;
  void pay_debts(const PartitionKey& partition, RepairActions* actions);
  bool is_equal_since(const Task& task, Instant since) const;
  void pump(Instant now, RepairActions* actions);
  void reap(Instant now, RepairActions* actions);
  void tell_if_level(const PartitionKey& partition, RepairActions* actions);
  std::set<MemberNumber> other_slots(const PartitionKey& partition) const;
  PartitionExchange* awaiting(msg::RequestId id);
  void ask_owed(Instant now, RepairActions* actions);

  struct Running {
    std::unique_ptr<PartitionExchange> exchange;
    Task task;
    Instant began;
  };

  const MemberNumber self_;
  RepairRequestIds ids_;
  const Settings settings_;
  Random random_;
  View view_;
  Instant wake_{};
  std::map<MemberNumber, Instant> compare_at_;
  std::map<MemberNumber, Comparison> comparing_;
  std::deque<Task> queue_;
  std::set<Task> queued_;
  std::vector<Running> running_;
  std::map<Pair, Debt> debts_;                 ///< What is owed to whom, as last listed.
  std::map<PartitionKey, Instant> refilling_;  ///< Since when it is known to refill.
  std::map<Task, Instant> equal_at_;           ///< When the exchange or comparison began.
  msg::RequestId owed_id_ = 0;
  Instant owed_at_{};
  Instant ask_owed_at_{};
  Counters counters_;
};

}  // namespace kv
