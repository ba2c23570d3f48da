// What is left to do after ranges were dropped: tables that are masked as a whole leave the
// manifest unread, tables of which a part is masked are written again without it, cut where drops
// begin and end, and a drop's row goes once no table overlaps it that holds older sequences.
//
// Pure.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "libkv/storage/levels/compaction_plan.h"
#include "libkv/storage/levels/version.h"

namespace kv {

/// Whether a table may hold entries that the drop masks.
bool may_mask(const Version& version, const RangeDrop& drop);

/// Of the version's drops those that mask nothing in it any more, once it is without `removed` and
/// with `added`, or nothing that newer ones do not mask as well. Ascending.
std::vector<Sequence> idle_drops(const Version& version, const std::vector<TablePtr>& removed,
                                 const std::vector<TableInfo>& added);

/// All tables that are masked as a whole, and the rows of idle drops. Costs no reading: before
/// everything else.
std::optional<CompactionPlan> plan_discard(const Version& version);

/// Whether a table of level 0 keeps a drop from going: merging it down, with the others there, ends
/// that, but for those that `has_stayed` says would stay.
bool is_level0_masked(const Version& version, const std::function<bool(uint64_t)>& has_stayed);

/// A table below level 0 that keeps a drop from going. Frees little: after everything else.
std::optional<CompactionPlan> plan_rewrite(const Version& version,
                                           const std::function<bool(uint64_t)>& is_readable);

}  // namespace kv
