#include "libkv/replica/stored_map.h"

#include <utility>

#include "libkv/codec/map_codec.h"

namespace kv {

namespace {

constexpr const char* kTable = "map";
constexpr const char* kRow = "newest";

}  // namespace

Result<MapPointer> read_stored_map(MetaStore& meta) {
  const auto row = meta.get(kTable, kRow);
  if (!row && row.error().kind == ErrorKind::not_found) return MapPointer();
  if (!row) return fail(row.error());
  KV_ASSIGN(ClusterMap map, decode_map(*row));
  return std::make_shared<const ClusterMap>(std::move(map));
}

Status keep_map(const ClusterMap& map, MetaStore& meta) {
  MetaTransaction change;
  change.put(kTable, kRow, encode_map(map));
  return meta.commit(change);
}

}  // namespace kv
