// Verifies all that the storage engine keeps in a directory: the manifest against the files, every
// block of every table, the levels, every segment of the log. For a directory that no engine has
// open; it changes nothing.
//
// Blocking file operations; a block, or a segment of the log, in memory at a time. One thread's.
#pragma once

#include <string>

#include "libkv/base/environment.h"
#include "libkv/meta/meta_store.h"
#include "libkv/storage/finding.h"

namespace kv {

/// What was looked through.
struct EngineCheckCounts {
  uint64_t tables = 0, blocks = 0, entries = 0;
  uint64_t segments = 0, records = 0;
};

/// What is known of the rows that the manifest is read from.
enum class ManifestRows {
  whole,    ///< All are there that were written.
  damaged,  ///< Some are missing: which tables are live is not known.
};

class EngineCheckVisitor {
 public:
  virtual ~EngineCheckVisitor() = default;
  virtual void finding(const Finding&) = 0;
  /// A file could not be read, or a newer version wrote it: what is in it was not verified.
  virtual void unverified(const Error&) = 0;
  /// A key and its value, of a table (then `offset` is its block's) or of the log (its record's):
  /// for who knows what the values mean. All versions of a key come, in no order.
  virtual void put(const std::string& /*file*/, uint64_t /*offset*/, BytesView /*key*/,
                   BytesView /*value*/) {}
};

/// `meta_path` is named where the manifest is wrong. Errors: not_found (the metadata has no
/// manifest), format, io.
Result<EngineCheckCounts> check_engine(FileSystem& files, MetaStore& meta,
                                       const std::string& meta_path, const std::string& directory,
                                       ManifestRows rows, EngineCheckVisitor& visitor);

}  // namespace kv
