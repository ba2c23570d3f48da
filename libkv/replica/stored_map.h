// The newest cluster map that a kv-node has seen, as it keeps it: table `map`, row `newest`
// (codec/map_codec.h). On disk: never change.
#pragma once

#include "libkv/base/result.h"
#include "libkv/meta/meta_store.h"
#include "libkv/model/cluster_map.h"

namespace kv {

/// Null if there is none yet. Errors: corrupt, format, the metadata's.
Result<MapPointer> read_stored_map(MetaStore& meta);
Status keep_map(const ClusterMap& map, MetaStore& meta);

}  // namespace kv
