// Who comes first in each row, and who stands in (step 4 of placement_table.h). Pure. Internal to
// compute_table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "libkv/model/placement_labels.h"

namespace kv {

using PlacementRow = std::vector<PlacementLabels::Index>;

/// Reorders rows so that each member comes first in an N-th of its slots, rounded down or up. As
/// few rows as that takes are touched.
void spread_first_slots(const PlacementLabels& labels, std::vector<PlacementRow>* rows);

/// Up to `count` stand-ins for each row: on hosts of their own while there are some, each slot's
/// data centre in turn; those of `present` stay where they serve as well; in proportion to weight.
std::vector<PlacementRow> choose_fallbacks(const PlacementLabels& labels,
                                           const std::vector<PlacementRow>& rows,
                                           const std::vector<PlacementRow>& present, size_t count);

}  // namespace kv
