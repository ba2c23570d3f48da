// The files of the engine in memory: what it takes from tables that were prepared, and a copy of
// itself, which is a log with a batch of everything. Blocking file operations.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "libkv/storage/engine.h"
#include "libkv/storage/levels/manifest.h"

namespace kv {

using MemoryPairs = std::map<std::string, SharedBytes, std::less<>>;

/// All pairs of tables that IngestWriters made, verified. Errors: those of Engine::ingest.
Result<WriteBatch> read_prepared_tables(Environment& environment, const Manifest& manifest,
                                        const std::vector<std::string>& paths);

/// Writes a log of `pairs` as of the sequence `at`, and syncs it and the directory. Returns the
/// manifest that it goes with. `secret`: fresh entropy. REQUIRES: no more pairs than sequences.
/// Errors: io, no_space.
Result<ManifestState> write_pairs_as_log(FileSystem& files, const std::string& directory,
                                         uint64_t secret, const MemoryPairs& pairs, Sequence at);

}  // namespace kv
