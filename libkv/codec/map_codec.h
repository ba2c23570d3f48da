// The cluster map as bytes. What is decoded has been checked: its limits while it is read, its
// rules by check() (model/cluster_map.h). Pure.
//
// On disk and on the wire: never change; fields are only added at the end, and a decoder passes
// over those it does not know. A greater format number is refused.
//
//   map        [1, cluster id (16 bytes), epoch, partition bits, members, voters, placements,
//               keyspaces, reason]
//   member     [number, dc, rack, host, endpoints by daemon, weight, state, store id]
//   placement  [id, n, counts, table]       counts: flat array, dc, copies, …; table: Q rows
//   row        [changed, owners, fallbacks, leaving, moves]
//                moves: flat array, index of the slot, successor, stage, … (stable slots are not
//                listed)
//   keyspace   [id, name, kind, placement, r, w, flags, ttl in nanoseconds, created]
//                flags  1: strict, 2: last write wins
#pragma once

#include <string>

#include "libkv/base/result.h"
#include "libkv/codec/msgpack_reader.h"
#include "libkv/codec/msgpack_writer.h"
#include "libkv/model/cluster_map.h"

namespace kv {

std::string encode_map(const ClusterMap& map);
/// Errors: corrupt (it does not parse, or breaks a rule of check()), format.
Result<ClusterMap> decode_map(BytesView bytes);

}  // namespace kv
