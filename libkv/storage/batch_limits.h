// What an engine accepts; above it a batch is refused whole, with nothing stored. Pure.
#pragma once

#include "libkv/storage/engine.h"

namespace kv {

/// `invalid`, naming the size and the limit (base/limits.h).
Status check_limits(const WriteBatch& batch);
Status check_limits(const KeyRange& range);
Status check_limits(BytesView key, BytesView value);

}  // namespace kv
