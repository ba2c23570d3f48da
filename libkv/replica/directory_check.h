// Verifies everything in the data directory of a stopped kv-node: whose it is, each row of its
// metadata, all that its engine keeps, and that each value there is what its key says. Of a
// kv-gossip's directory, which has no engine, the first two. Changes nothing.
//
// Whether Merkle leaves are those of the data is not checked: the kv-node itself does, now and
// then.
#pragma once

#include <functional>
#include <string>

#include "libkv/base/environment.h"
#include "libkv/base/result.h"
#include "libkv/storage/check/engine_check.h"
#include "libkv/storage/finding.h"

namespace kv {

struct DirectoryCheck {
  uint64_t rows = 0;  ///< Of the metadata.
  EngineCheckCounts engine;
  uint64_t corrupt = 0, notes = 0;  ///< Findings.
  uint64_t unverified = 0;          ///< What could not be looked at.
};

/// Tells of each finding, and with `unverified` of each file that could not be read, as they come.
/// REQUIRES: the caller keeps the directory's daemon away. Errors: not_found
/// (there is no such directory), invalid (it is no data directory), format, io.
Result<DirectoryCheck> check_directory(Environment& environment, const std::string& directory,
                                       const TellFinding& finding,
                                       const std::function<void(const Error&)>& unverified);

/// Whether a value of the engine is one that a kv-node keeps under such a key. Errors: corrupt,
/// format.
Status check_stored_row(BytesView key, BytesView value);

}  // namespace kv
