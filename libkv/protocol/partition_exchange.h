// One exchange of anti-entropy: makes a partition's copies at two members equal, moving only what
// differs.
//
//   leaves of both ──▶ differing leaves ──▶ keys and digests of those, page by page
//        ──▶ records of the differing keys from both ──▶ each merged into the other's copy ──▶ done
//
// Pure. Ends as `equal` (every record that differed when it was listed is durably merged at both)
// or `failed` (no answer in time, a refusal, a corrupt record): then it is tried again later.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "libkv/protocol/repair_actions.h"

namespace kv {

class PartitionExchange {
 public:
  enum class State { running, equal, failed };
  struct Settings {
    Duration answer_timeout = 5s;
    uint32_t keys_per_page = 1000;
    uint32_t records_per_fetch = 64;
  };
  PartitionExchange(PartitionKey partition, MemberNumber self, MemberNumber peer, Epoch epoch,
                    RepairRequestIds* ids, Settings settings, Instant now, RepairActions* actions);

  PartitionKey partition() const { return partition_; }
  MemberNumber peer() const { return peer_; }
  State state() const { return state_; }
  uint64_t records_moved() const { return records_moved_; }
  /// Whether the answer with this id is awaited here.
  bool awaits(msg::RequestId id) const { return awaited_.count(id) != 0; }

  void on_leaves(const msg::TreeLeavesTold& answer, Instant now, RepairActions* actions);
  void on_keys(msg::LeafKeysTold answer, Instant now, RepairActions* actions);
  void on_fetched(msg::Fetched answer, Instant now, RepairActions* actions);
  void on_merged(const msg::Merged& answer, Instant now, RepairActions* actions);
  void on_tick(Instant now);

 private:
  struct Side {
    MemberNumber member;
    std::optional<std::vector<std::pair<uint32_t, uint64_t>>> leaves;
    std::optional<msg::LeafKeysTold> keys;
    std::optional<msg::Fetched> fetched;
  };
  using Name = std::pair<KeyspaceId, std::string>;

  Side* side_of(msg::RequestId id);
  template <typename M>
  void ask(Side& side, M message, RepairActions* actions);
  void compare_leaves(RepairActions* actions);
  void ask_keys(RepairActions* actions);
  void compare_keys(RepairActions* actions);
  void fetch_next(RepairActions* actions);
  void merge_fetched(RepairActions* actions);
  void send_merge(Side& to, const msg::KeyName& name, const Record& record, Round round,
                  RepairActions* actions);

  const PartitionKey partition_;
  const MemberNumber peer_;
  const Epoch epoch_;
  RepairRequestIds* const ids_;
  const Settings settings_;
  State state_ = State::running;
  Instant last_answer_;
  Side sides_[2];
  std::map<msg::RequestId, int> awaited_;  ///< To the index of the side.
  std::vector<uint32_t> differing_leaves_;
  Name after_;
  Name page_end_;
  bool more_keys_ = false;
  std::vector<msg::KeyName> to_fetch_;
  std::vector<msg::KeyName> fetching_;
  size_t merges_waiting_ = 0;
  bool failed_once_ = false;
  uint64_t records_moved_ = 0;
};

}  // namespace kv
