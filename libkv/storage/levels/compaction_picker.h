// Chooses what to compact next: the level that is most over its size, and there the table that
// rewrites least of the next level for each of its own bytes (RocksDB's kMinOverlappingRatio; that
// the choice of what is merged decides most of what leveled merging writes: Sarkar et al.,
// "Constructing and Analyzing the LSM Compaction Design Space", 2021).
//
// A table that cannot be read stays where it is, and what would have to be merged with it stays
// above it. Level 0 goes on all the same, or damage in one place would stop all writes:
//
//   one of level 1 is bad   its range is merged around, and stays on level 0
//   one of level 0 is bad   what is older sinks; what is newer is gathered, like sizes together
//
// Pure but for its memory of such tables.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "libkv/storage/levels/compaction_plan.h"
#include "libkv/storage/levels/version.h"

namespace kv {

class CompactionPicker {
 public:
  explicit CompactionPicker(const CompactionOptions& options) : options_(options) {}
  std::optional<CompactionPlan> pick(const Version& version) const;
  /// Level 0 and what it overlaps, however little it is.
  std::optional<CompactionPlan> pick_level0(const Version& version) const {
    return plan(version, 0);
  }
  /// What is worth merging when there is nothing else to do: level 0, unless it would rewrite much
  /// for little, and tables of which many entries are removals that could be dropped below.
  /// Ends: what it merges it does not find again.
  std::optional<CompactionPlan> pick_idle(const Version& version) const;
  /// What the levels below 0 hold over their targets.
  uint64_t excess_bytes(const Version& version) const;
  /// The table of this number cannot be read through.
  void leave_out(uint64_t number) { unreadable_.insert(number); }
  /// A merge has left this one on level 0: it is no reason for another.
  void note_stayed(uint64_t number) { stayed_.insert(number); }
  bool has_stayed(uint64_t number) const { return stayed_.count(number) != 0; }
  bool is_readable(uint64_t number) const { return unreadable_.count(number) == 0; }

 private:
  double score(const Version& version, size_t level) const;
  double level0_score(const Version& version) const;
  bool rewrites_much(const Version& version) const;
  double target_bytes(size_t level) const;
  std::optional<CompactionPlan> plan(const Version& version, size_t level) const;
  std::optional<CompactionPlan> plan_sink(const Version& version) const;
  std::optional<CompactionPlan> plan_gather(const Version& version) const;
  CompactionPlan plan_of(const Version& version, size_t level, std::vector<TablePtr> upper) const;
  static std::vector<TablePtr> cheapest_first(const Version& version, size_t level);
  std::vector<TablePtr> mergeable_of_level0(const Version& version) const;
  bool is_readable(const CompactionPlan& plan) const;
  bool has_new(const std::vector<TablePtr>& tables) const;

  const CompactionOptions options_;
  std::set<uint64_t> unreadable_;
  std::set<uint64_t> stayed_;
};

}  // namespace kv
