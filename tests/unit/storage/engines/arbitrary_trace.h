// Checks arbitrary traces of commands for an engine (engine_trace.h), which rapidcheck draws and
// shortens.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "tests/unit/storage/engines/engine_trace.h"

namespace kv {

struct TraceCheck {
  int traces;
  /// What is replayed to shorten one with a problem: shrinking has no end of its own in sight.
  size_t commands_to_shrink = 60'000;
};
using ProblemOf = std::function<std::optional<std::string>(const EngineTrace&)>;

/// Checks arbitrary traces, from a seed that is always the same; RC_PARAMS may ask for others. One
/// with a problem is shortened and told. False: there is one, or others were asked for.
bool check_traces(const TraceCheck& check, const ProblemOf& problem_of);

}  // namespace kv
