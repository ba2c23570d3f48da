// What both meta stores share: which table names they take, and the checksum of a row.
//
// Pure.
#pragma once

#include <cstdint>
#include <string>

#include "libkv/base/bytes.h"
#include "libkv/base/result.h"

namespace kv {

/// Ok for `[a-z_][a-z0-9_]*` of at most 64 bytes that does not begin with `kv_` or `sqlite_`, which
/// belong to the stores themselves; else `invalid`. Lower case only, for SQLite folds the case.
Status check_table_name(const std::string& table);

/// The hash of a row with all that says where it belongs, so that neither a changed nor a moved
/// row passes. On disk: never change.
uint64_t row_checksum(BytesView table, BytesView key, BytesView value);

}  // namespace kv
