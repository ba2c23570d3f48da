// A fallback that has become an owner merges the hints it holds for the partition into its own
// data: what they acknowledged is read from its slot from then on.
//
// The hints themselves stay until they are struck: they may name owners who still lack them, and
// what was meant for an owner of before goes to the present ones (kv-repair delivers them).
// Partitions one after another, a bounded number of hints at a time. Repeating it changes nothing,
// so that after a restart it is simply done again. Lives on the loop's thread.
#pragma once

#include <deque>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "libkv/replica/replica_core.h"
#include "libkv/replica/writes.h"

namespace kv {

class HintPromotion {
 public:
  HintPromotion(ReplicaCore& core, Writes& writes) : core_(core), writes_(writes) {}

  /// The map has changed, or the hints have been counted.
  void look();
  /// Takes up again, now and then, what could not be read or written.
  void on_time(Instant now);
  bool is_idle() const { return !running_ && waiting_.empty(); }

 private:
  struct Page {
    PartitionKey partition;
    std::vector<HintRow> found;
    UnreadableHints unreadable;
    std::string last_key;
    bool more = false;
    size_t missing = 0;
    bool failed = false;
  };
  void begin_next();
  void begin_page(const PartitionKey& partition, std::string from);
  void take_page(const std::shared_ptr<Page>& page);
  void taken_one(const std::shared_ptr<Page>& page, Answer answer);

  ReplicaCore& core_;
  Writes& writes_;
  std::set<PartitionKey> done_;       // Since it became a slot.
  std::deque<PartitionKey> waiting_;  // Found by look().
  bool running_ = false;
  Instant look_again_{};
};

}  // namespace kv
