// Many keys looked up together in what memory holds. One look-up is a chain of waits for memory — a
// line of the filter, the cache's slot, the block's index, the entry — each of which tells where
// the next one is. Those of different keys do not depend on each other: so all keys take each step
// together, and each step asks for the lines of the next.
//
//   memtables ─▶ filters ─▶ slots of the block cache ─▶ the blocks' buckets ─▶ entries
//
// After "group prefetching": Chen, Ailamaki, Gibbons, Mowry, "Improving Hash Join Performance
// through Prefetching" (2004).
#pragma once

#include <span>
#include <vector>

#include "libkv/storage/engine.h"
#include "libkv/storage/engines/read_view.h"

namespace kv {

/// Sets the answers of all keys that need no disk; the indexes of the others come back, ascending.
/// REQUIRES: as many `answers` as `keys`.
std::vector<size_t> look_up_many(const ReadView& view, TableCache& cache,
                                 std::span<const BytesView> keys, Sequence at,
                                 std::span<Result<Lookup>> answers);

}  // namespace kv
