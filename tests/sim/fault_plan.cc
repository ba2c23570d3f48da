#include "tests/sim/fault_plan.h"

namespace kv {

void FaultPlan::fail_nth(uint64_t n, FaultKind kind, bool from_then_on) {
  nth_ = Nth{calls(kind) + n, kind, from_then_on};
}

void FaultPlan::clear() {
  nth_.reset();
  sync_failure_ = 0;
}

bool FaultPlan::strikes(FaultKind kind) {
  const uint64_t call = ++calls_[static_cast<size_t>(kind)];
  if (!nth_ || nth_->kind != kind) return false;
  return nth_->from_then_on ? call >= nth_->at : call == nth_->at;
}

std::optional<FaultKind> FaultPlan::count(FaultKind kind, bool needs_space) {
  const bool by_any = strikes(FaultKind::any);
  const bool by_kind = strikes(kind);
  const bool by_space = needs_space && strikes(FaultKind::no_space);
  if (by_space) return FaultKind::no_space;
  if (by_any || by_kind) return kind;
  if (kind == FaultKind::sync && sync_failure_ > 0 && random_.chance(sync_failure_)) return kind;
  return std::nullopt;
}

}  // namespace kv
