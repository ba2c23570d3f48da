// What kv-gossip's log says of the others: every suspicion as it comes up, here or by hearsay, and
// as it is cleared, and what follows from them. An event a line:
//
//   member_suspected member=3 by=1          member_liveness member=3 was=alive is=suspect
//   member_cleared member=3 suspected_by=1  member_daemons member=3 up=kv-node,kv-gossip
//
// Not thread-safe.
#pragma once

#include <map>
#include <set>

#include "libkv/base/log.h"
#include "libkv/protocol/failure_detector.h"

namespace kv {

class LivenessLog {
 public:
  /// Logs what has changed since it looked last; costs next to nothing if nothing has.
  void look(const FailureDetector& detector, Log& log);

 private:
  struct Seen {
    MemberLiveness state{Liveness::suspect, 0};
    std::set<MemberNumber> suspecters;
  };
  uint64_t version_ = 0;
  uint64_t suspicion_changes_ = 0;
  std::map<MemberNumber, Seen> seen_;
};

}  // namespace kv
