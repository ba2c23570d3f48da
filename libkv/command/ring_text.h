// What kv-ring shows of a cluster map: each member's share, and the partitions' owners. Pure.
#pragma once

#include <string>

#include "libkv/model/report.h"

namespace kv {

/// `ring`: a coordinator's answer to the verb `ring`. Lines are at most `columns` wide, unless one
/// partition alone is wider. For each placement a table of shares, then the partitions in rows,
/// each row beginning with the number of its first one. A partition is its slots' owners in their
/// order, the first mints: `2,1,3`. A member that is down has a `!` behind it, a suspected one a
/// `?`; `1>4` is a slot that moves from 1 to 4.
std::string ring_text(const Report& ring, size_t columns = 80);

}  // namespace kv
