#include "libkv/service/liveness_log.h"

#include <string>
#include <utility>

namespace kv {
namespace {

std::string listed(const std::set<MemberNumber>& members) {
  std::string text;
  for (const MemberNumber member : members) {
    text += (text.empty() ? "" : ",") + std::to_string(member);
  }
  return text;
}

std::string daemons_listed(uint8_t daemons_up) {
  std::string text;
  for (int kind = 0; kind < kDaemonKinds; ++kind) {
    if ((daemons_up & (1u << kind)) == 0) continue;
    text += text.empty() ? "" : ",";
    text += to_string(static_cast<DaemonKind>(kind));
  }
  return text.empty() ? "none" : text;
}

std::set<MemberNumber> suspecters_of(const MemberRow* row) {
  std::set<MemberNumber> suspecters;
  if (row == nullptr) return suspecters;
  for (const msg::Suspicion& suspicion : row->suspicions) suspecters.insert(suspicion.suspecter);
  return suspecters;
}

}  // namespace

void LivenessLog::look(const FailureDetector& detector, Log& log) {
  const uint64_t suspicion_changes = detector.table().suspicion_changes();
  if (detector.liveness_version() == version_ && suspicion_changes == suspicion_changes_) return;
  version_ = detector.liveness_version();
  suspicion_changes_ = suspicion_changes;
  std::map<MemberNumber, Seen> now;
  for (const auto& [member, state] : detector.liveness()) {
    const Seen before = seen_[member];
    Seen after{state, suspecters_of(detector.table().find(member))};
    for (const MemberNumber suspecter : after.suspecters) {
      if (before.suspecters.count(suspecter) != 0) continue;
      log.info("member_suspected", {{"member", member}, {"by", suspecter}});
    }
    if (after.suspecters.empty() && !before.suspecters.empty()) {
      log.info("member_cleared", {{"member", member}, {"suspected_by", listed(before.suspecters)}});
    }
    if (state.liveness != before.state.liveness) {
      log.info("member_liveness", {{"member", member},
                                   {"was", to_string(before.state.liveness)},
                                   {"is", to_string(state.liveness)}});
    }
    if (state.daemons_up != before.state.daemons_up) {
      log.info("member_daemons", {{"member", member}, {"up", daemons_listed(state.daemons_up)}});
    }
    now.emplace(member, std::move(after));
  }
  seen_ = std::move(now);
}

}  // namespace kv
