// Compaction: merges tables of one level with those they overlap in the next, so that reads have
// few tables to look into and what is shadowed or removed leaves the disk (leveled compaction:
// O'Neil et al., "The Log-Structured Merge-Tree", 1996; LevelDB).
//
// Only the newest version of a key is kept: whoever reads an older state holds the old tables
// themselves. A removal is dropped where nothing below could hold the key, and what a dropped range
// masks (range_drops.h) everywhere: drops that the manifest names come before all that is newer.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "libkv/storage/levels/compaction_plan.h"
#include "libkv/storage/levels/manifest.h"
#include "libkv/storage/levels/table_cache.h"
#include "libkv/storage/levels/version.h"
#include "libkv/storage/table/table_output.h"

namespace kv {

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
