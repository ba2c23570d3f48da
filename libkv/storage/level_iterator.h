// Walks tables whose key ranges do not overlap, in order, opening each when it is reached. Not
// thread-safe; holds the tables.
#pragma once

#include <memory>
#include <vector>

#include "libkv/storage/engine.h"
#include "libkv/storage/entry.h"
#include "libkv/storage/table_cache.h"
#include "libkv/storage/version.h"

namespace kv {

/// `cache` must outlive the iterator. `tables` are sorted by key; one that holds nothing of `range`
/// is not opened.
std::unique_ptr<EntryIterator> iterate_level(TableCache& cache, std::vector<TablePtr> tables,
                                             ReadMode mode, KeyRange range = {});

}  // namespace kv
