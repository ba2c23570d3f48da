// What the machines of kv-repair ask for: messages to kv-nodes, their own member's among them.
#pragma once

#include <utility>
#include <variant>
#include <vector>

#include "libkv/protocol/repair_messages.h"

namespace kv {

using RepairMessage =
    std::variant<msg::Merge, msg::HintList, msg::HintStrikes, msg::TreeRoots, msg::TreeLeaves,
                 msg::LeafKeys, msg::Fetch, msg::OwedList, msg::OwedPaid>;

struct RepairActions {
  struct Send {
    MemberNumber to;
    RepairMessage message;
  };
  std::vector<Send> sends;
};

/// Hands out the ids of one machine: the service gives each machine its own top 16 bits and routes
/// answers by them.
class RepairRequestIds {
 public:
  explicit RepairRequestIds(uint16_t machine) : next_(static_cast<uint64_t>(machine) << 48) {}
  msg::RequestId next() { return ++next_; }
  static uint16_t machine_of(msg::RequestId id) { return static_cast<uint16_t>(id >> 48); }

 private:
  uint64_t next_;
};

}  // namespace kv
