// The map with one more keyspace: what `kv-keyspace create` proposes. Pure.
#pragma once

#include "libkv/base/result.h"
#include "libkv/model/cluster_map.h"
#include "libkv/model/report.h"

namespace kv {

/// `arguments`: name, and optionally n, r, w, strict. N, R, W default to min(3, members) and its
/// majority. A placement of that N is shared if there is one, else computed.
/// Errors: invalid (a bad or taken name, N above the members, R or W above N, more keyspaces than
/// the limit).
Result<ClusterMap> with_keyspace(const ClusterMap& map, const Report& arguments);

/// How a keyspace is shown.
Report report_of(const ClusterMap& map, const Keyspace& keyspace);

}  // namespace kv
