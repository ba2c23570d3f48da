// Walks tables whose key ranges do not overlap, in order, opening each when it is reached. Not
// thread-safe; holds the table that it is in.
#pragma once

#include <memory>
#include <span>

#include "libkv/storage/engine.h"
#include "libkv/storage/entry.h"
#include "libkv/storage/levels/table_cache.h"
#include "libkv/storage/levels/version.h"

namespace kv {

/// All arguments must outlive the iterator: a walk of a few keys should not pay for copies of what
/// is nearly always there anyway. `tables` are sorted by key; one that holds nothing of `range`
/// (null: all) is not opened.
std::unique_ptr<EntryIterator> iterate_level(TableCache& cache, std::span<const TablePtr> tables,
                                             ReadMode mode, const KeyRange* range = nullptr);

}  // namespace kv
