// How many slots each member is to have (step 1 of placement_table.h). Pure. Internal to
// compute_table.
#pragma once

#include <cstdint>
#include <vector>

#include "libkv/model/placement_labels.h"

namespace kv {

/// One number a member, in the labels' order; they add up to Q·N and keep Q times every bound. Each
/// is its share rounded down or up; up rather where `held` (slots so far) is more.
std::vector<uint32_t> slot_shares(const PlacementLabels& labels, uint32_t partitions,
                                  const std::vector<uint32_t>& held);

}  // namespace kv
