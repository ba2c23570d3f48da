#include "libkv/protocol/coordinator_plan.h"

#include <algorithm>

#include "libkv/base/assert.h"
#include "libkv/base/limits.h"
#include "libkv/protocol/quorum.h"

namespace kv {

const Candidate& Plan::candidate(MemberNumber member) const {
  const auto found = std::find_if(candidates.begin(), candidates.end(),
                                  [&](const Candidate& c) { return c.member == member; });
  KV_ASSERT(found != candidates.end());
  return *found;
}

void Plan::hear(MemberNumber member) {
  const auto found = std::find_if(candidates.begin(), candidates.end(),
                                  [&](const Candidate& c) { return c.member == member; });
  KV_ASSERT(found != candidates.end());
  found->up = found->live = true;
  found->dc_down = false;
}

Plan plan_for(const MapPointer& map, const Keyspace& keyspace, BytesView key,
              const Routing& routing, Instant now) {
  Plan plan;
  plan.map = map;
  plan.keyspace = map->keyspace(keyspace.id);
  KV_ASSERT(plan.keyspace != nullptr);
  plan.list = preference_list(*map, *plan.keyspace, key);
  for (const Slot& slot : plan.list.slots) {
    for (MemberNumber member : members_of(slot)) {
      plan.candidates.push_back(routing.candidate(member, now));
    }
  }
  for (MemberNumber member : plan.list.fallbacks) {
    plan.candidates.push_back(routing.candidate(member, now));
  }
  return plan;
}

Instant deadline_of(Duration time_left, Instant now) {
  const Duration bounded = std::min(time_left, limits::request_timeout_max);
  return now + bounded - bounded / 16;
}

}  // namespace kv
