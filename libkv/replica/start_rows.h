// Rows that a start reads: few, and not worth a node that does not start.
#pragma once

#include <functional>
#include <vector>

#include "libkv/base/bytes.h"
#include "libkv/base/result.h"
#include "libkv/storage/engine.h"

namespace kv {

/// What of them could not be read.
using UnreadableRows = std::vector<Error>;

/// Visits the rows of a range. A block that cannot be read is passed over and noted; then rows may
/// be missing, and older versions of some may be visited. Errors: those of `visit`, and of the
/// engine but for `corrupt`.
Status read_start_rows(Engine& engine, const KeyRange& range, UnreadableRows* unreadable,
                       const std::function<Status(BytesView key, BytesView value)>& visit);

}  // namespace kv
