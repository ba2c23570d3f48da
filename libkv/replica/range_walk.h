// Walking over a range of the engine without holding up the loop: slices of bounded length on
// Lane::read, and back to the loop between them.
//
//   loop   iterate (the range as of now) ─┐           ┌─ paused? ─┐           ┌─ paused(end)
//   read                                  └─ visit… ──┘           └─ visit… ──┘
//
// The walk sees the range as it was when it began; what is written meanwhile does not show. Who
// needs both adds the changes of the meantime itself.
#pragma once

#include <functional>
#include <memory>

#include "libkv/base/bytes.h"
#include "libkv/base/lane_tasks.h"
#include "libkv/base/result.h"
#include "libkv/storage/engine.h"

namespace kv {

struct RangeWalk {
  KeyRange range;
  /// What it walks over. Null: what there is when it begins.
  std::shared_ptr<const EngineSnapshot> snapshot;
  bool reverse = false;
  size_t slice_keys = 1;
  /// Off the loop, for each key in order. False ends the walk. An error ends it with this error.
  /// Must not touch what the loop uses, but for what it shares with `paused` alone.
  std::function<Result<bool>(BytesView key, BytesView value)> visit;
  /// Off the loop: a block of the range fails its checksum. Set, the walk goes on behind it, where
  /// that is possible, and older versions of the block's keys may be visited.
  std::function<void(const Error& error)> damaged;
  /// On the loop, after each slice. `ended`: the walk is over (by the range's end, by visit, or by
  /// an error); else false ends it there. Null: go on.
  std::function<bool(bool ended, const Status& status)> paused;
};

/// Begins the walk. REQUIRES: `tasks` outlives it, or abandons it, before the engine ends.
void begin_walk(Engine& engine, LaneTasks& tasks, RangeWalk walk);

}  // namespace kv
