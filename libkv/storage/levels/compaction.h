// Compaction: merges tables of one level with those they overlap in the next, so that reads have
// few tables to look into and what is shadowed or removed leaves the disk (leveled compaction:
// O'Neil et al., "The Log-Structured Merge-Tree", 1996; LevelDB).
//
// Only the newest version of a key is kept: whoever reads an older state holds the old tables
// themselves. A removal is dropped where nothing below could hold the key, and what a dropped range
// masks (range_drops.h) everywhere: drops that the manifest names come before all that is newer.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "libkv/storage/levels/manifest.h"
#include "libkv/storage/levels/table_cache.h"
#include "libkv/storage/levels/version.h"
#include "libkv/storage/table/table_output.h"

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

/// Chooses what to compact next: the level that is most over its size, and there the table that
/// rewrites least of the next level for each of its own bytes (RocksDB's kMinOverlappingRatio; that
/// the choice of what is merged decides most of what leveled merging writes: Sarkar et al.,
/// "Constructing and Analyzing the LSM Compaction Design Space", 2021).
///
/// A table that cannot be read stays where it is, and what would have to be merged with it stays
/// above it. Level 0 goes on all the same, or damage in one place would stop all writes:
///
///   one of level 1 is bad   its range is merged around, and stays on level 0
///   one of level 0 is bad   what is older sinks; what is newer is gathered, like sizes together
///
/// Pure but for its memory of such tables.
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

/// One compaction. step() blocks and belongs to Lane::background: it reads some, writes what comes
/// of it and returns, so that a flush can go between. The rest belongs to the loop, between steps.
class Compaction {
 public:
  Compaction(CompactionPlan plan, std::shared_ptr<const Version> version,
             std::shared_ptr<TableCache> cache, std::shared_ptr<TableDirectory> directory,
             Manifest manifest, const CompactionOptions& options, uint64_t salt_seed);

  void step();
  /// All is written and in the manifest, or it failed.
  bool over() const { return over_; }
  /// Errors: corrupt (an input), io, no_space.
  const Status& status() const { return status_; }
  /// It failed as an input could not be read, or opened.
  bool input_failed() const { return input_failed_; }
  /// It failed in what it wrote, or in the manifest: nobody knows what the disk has.
  bool is_in_doubt() const {
    return manifest_failed_ ||
           (!status_ && status_.error().kind == ErrorKind::io && !input_failed_);
  }
  bool manifest_failed() const { return manifest_failed_; }
  const CompactionPlan& plan() const { return plan_; }
  /// The table kept its file and only changes its level.
  bool is_move() const;
  const std::vector<TableInfo>& added() const { return added_; }
  /// The drops of the version whose rows went with it.
  const std::vector<Sequence>& drops_removed() const { return drops_removed_; }
  uint64_t written_bytes() const { return output_.written_bytes() + staying_.written_bytes(); }
  /// After an error that would be met again: the numbers of the inputs that cannot be read
  /// through, or of all of them, where each can, yet not together.
  const std::vector<uint64_t>& unreadable() const { return unreadable_; }

 private:
  Status advance();
  Status check_room() const;
  void start();
  Status read_on();
  Status take(const Entry& entry);
  Status take_down(const Entry& entry);
  bool is_new_group(BytesView key) const;
  bool pass_around(BytesView key);
  bool stays(BytesView key) const;
  bool hides_nothing(BytesView key, bool stays) const;
  bool is_masked(const Entry& entry) const;
  Status cut_at_drops(BytesView key);
  Status commit(std::vector<TableInfo> added);
  void find_unreadable();

  const CompactionPlan plan_;
  const std::shared_ptr<const Version> version_;
  const std::shared_ptr<TableCache> cache_;
  const CompactionOptions options_;
  Manifest manifest_;
  TableOutput output_;
  TableOutput staying_;     // On level 0.
  size_t next_around_ = 0;  // Of the plan's: the first that does not lie before the last key.
  const RangeDrops::Ptr masks_;
  size_t place_ = 0;  // Of the last key among them.
  std::unique_ptr<EntryIterator> inputs_;
  std::string last_key_;
  bool any_key_ = false;
  bool group_ended_ = false;  // Since the last entry that was written.
  std::vector<TableInfo> added_;
  std::vector<Sequence> drops_removed_;
  std::vector<uint64_t> unreadable_;
  bool over_ = false;
  bool input_failed_ = false;
  bool manifest_failed_ = false;
  Status status_;
};

}  // namespace kv
