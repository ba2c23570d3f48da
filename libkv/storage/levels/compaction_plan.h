// What a compaction is to do: which tables it takes, and what becomes of them. Plain values,
// without behaviour; compaction_picker.h and drop_tidying.h make plans, compaction.h carries them
// out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "libkv/storage/levels/version.h"

namespace kv {

struct CompactionOptions {
  /// From so many on level 0 is merged down; if that rewrites much of level 1 for what it brings,
  /// from as many as the second.
  size_t level0_tables = 4, level0_tables_lazy = 6;
  uint64_t level1_bytes = 256u << 20;
  uint64_t level_ratio = 10;
  uint64_t file_bytes_max = 16u << 20;
  uint64_t step_bytes = 1u << 20;  ///< What a step reads, about.
  /// Of tables that stay on level 0; those of half of it are not gathered any more.
  uint64_t staying_file_bytes_max = 1u << 30;
  /// Keys that begin with the same bytes, so many, share tables; 0: no key is special.
  size_t group_prefix_bytes = 0;
};

enum class CompactionKind {
  merge,    ///< `upper` and `lower` into the level below.
  gather,   ///< `upper`, of level 0, into larger tables of level 0: they cannot sink.
  discard,  ///< `upper`, of any level, leaves unread: dropped ranges mask it. It may be empty.
  rewrite,  ///< `upper`, one table below level 0, into its own level, without what is masked.
};

struct CompactionPlan {
  size_t level = 0;
  std::vector<TablePtr> upper;  ///< Of `level`.
  std::vector<TablePtr> lower;  ///< Of `level` + 1: what they overlap.
  CompactionKind kind = CompactionKind::merge;
  /// Of level 1, cannot be read: what of level 0 lies in their ranges stays there.
  std::vector<TablePtr> around;
  /// The last one found no room: nothing is written before there is as much as the inputs take.
  bool asks_for_room = false;
};

}  // namespace kv
