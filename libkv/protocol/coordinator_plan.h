// What one get or put is planned with: the key's preference list by one map, and how its members
// look from here at this moment. A newer map makes a new one.
#pragma once

#include <vector>

#include "libkv/base/inline_vector.h"
#include "libkv/model/preference_list.h"
#include "libkv/model/view.h"
#include "libkv/protocol/routing.h"

namespace kv {

struct Plan {
  MapPointer map;  ///< Keeps `keyspace` alive.
  const Keyspace* keyspace = nullptr;
  PreferenceList list;
  /// Every slot's owner and successor, then the fallbacks, each once.
  InlineVector<Candidate, 4> candidates;

  Epoch epoch() const { return list.epoch; }
  /// REQUIRES: the member is a slot's or a fallback.
  const Candidate& candidate(MemberNumber member) const;
  /// A member that was not up has answered. REQUIRES: as above.
  void hear(MemberNumber member);
};

/// REQUIRES: the map is there, and `keyspace` is one of it.
Plan plan_for(const MapPointer& map, const Keyspace& keyspace, BytesView key,
              const Routing& routing, Instant now);

/// When an operation must have been answered, so that the answer reaches the client in its time:
/// a sixteenth of what is left goes to the way back. Bounded by limits::request_timeout_max.
Instant deadline_of(Duration time_left, Instant now);

}  // namespace kv
