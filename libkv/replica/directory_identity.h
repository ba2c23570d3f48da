// Whose a data directory is: rows of its metadata, of which a daemon makes sure before it opens the
// rest.
//
//   table `identity`: format  → 1
//                     daemon  → kv-node or kv-gossip
//                     member  → decimal
//                     store   → hex, drawn when the directory was created
//                     cluster → 32 hex digits, once it is known
//
// On disk: never change.
#pragma once

#include <optional>
#include <string>

#include "libkv/base/result.h"
#include "libkv/meta/meta_store.h"
#include "libkv/model/ids.h"

namespace kv {

inline constexpr const char* kIdentityTable = "identity";
inline constexpr uint64_t kDirectoryFormat = 1;  ///< Raised with every incompatible change.

struct DirectoryIdentity {
  std::string daemon;  ///< `kv-node`
  std::string member;
  uint64_t store_id = 0;
  ClusterId cluster;  ///< None until it was bound.
};

/// Nothing in a new directory. Errors: corrupt, format, the metadata's.
Result<std::optional<DirectoryIdentity>> read_identity(MetaStore& meta);

}  // namespace kv
