// Walks several sorted sources as one. An error of any source ends the walk with that error: a
// missing source must not look like missing keys. Not thread-safe.
#pragma once

#include <memory>
#include <vector>

#include "libkv/storage/entry.h"

namespace kv {

/// After a seek() or seek_to_first() only next() may follow, after seek_before() or seek_to_last()
/// only prev().
std::unique_ptr<EntryIterator> merge_iterators(std::vector<std::unique_ptr<EntryIterator>> sources);

}  // namespace kv
