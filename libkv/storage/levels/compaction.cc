#include "libkv/storage/levels/compaction.h"

#include <utility>

#include "libkv/base/planted.h"
#include "libkv/storage/levels/drop_tidying.h"
#include "libkv/storage/levels/level_iterator.h"
#include "libkv/storage/levels/merging_iterator.h"

namespace kv {

namespace {

size_t output_level(const CompactionPlan& plan) {
  return plan.kind == CompactionKind::merge ? plan.level + 1 : plan.level;
}

}  // namespace

Compaction::Compaction(CompactionPlan plan, std::shared_ptr<const Version> version,
                       std::shared_ptr<TableCache> cache, std::shared_ptr<TableDirectory> directory,
                       Manifest manifest, const CompactionOptions& options, uint64_t salt_seed)
    : plan_(std::move(plan)),
      version_(std::move(version)),
      cache_(std::move(cache)),
      options_(options),
      manifest_(manifest),
      output_(std::move(directory), static_cast<uint32_t>(output_level(plan_)),
              plan_.kind == CompactionKind::gather ? options.staying_file_bytes_max
                                                   : options.file_bytes_max,
              salt_seed),
      staying_(output_.directory(), 0, options.staying_file_bytes_max, salt_seed),
      masks_(version_->masks()) {}

bool Compaction::is_move() const {
  return plan_.kind == CompactionKind::merge && plan_.level > 0 && plan_.upper.size() == 1 &&
         plan_.lower.empty();
}

void Compaction::step() {
  status_ = advance();
  if (status_) return;
  over_ = true;
  const Error& error = status_.error();
  if (error.kind != ErrorKind::io && !manifest_failed_ && !Manifest::is_undone(error))
    find_unreadable();
}

void Compaction::find_unreadable() {
  for (const auto* tables : {&plan_.upper, &plan_.lower}) {
    for (const TablePtr& table : *tables) {
      const auto entries = iterate_level(*cache_, {&table, 1}, ReadMode::bypass_cache);
      entries->seek_to_first();
      while (entries->valid()) entries->next();
      const Status status = entries->status();
      if (!status && status.error().kind != ErrorKind::io)
        unreadable_.push_back(table->info().number);
    }
  }
  // Where the input that failed can be read now, the same may be tried again.
  if (!unreadable_.empty() || input_failed_) return;
  for (const auto* tables : {&plan_.upper, &plan_.lower})
    for (const TablePtr& table : *tables) unreadable_.push_back(table->info().number);
}

/// What did not fit would be written again and again, and take the room of the log meanwhile.
Status Compaction::check_room() const {
  if (!plan_.asks_for_room || KV_PLANTED(merge_without_room)) return {};
  uint64_t wanted = 0;
  for (const auto* tables : {&plan_.upper, &plan_.lower})
    for (const TablePtr& table : *tables) wanted += table->info().file_bytes;
  const std::string& directory = output_.directory()->path;
  KV_ASSIGN(const uint64_t free, output_.directory()->files.free_bytes(directory));
  if (free >= wanted) return {};
  return fail(ErrorKind::no_space, directory + ": a merge of " + std::to_string(wanted) +
                                       " bytes finds " + std::to_string(free) + " free");
}

void Compaction::start() {
  std::vector<std::unique_ptr<EntryIterator>> sources;
  if (plan_.level == 0) {
    for (const TablePtr& table : plan_.upper)
      sources.push_back(iterate_level(*cache_, {&table, 1}, ReadMode::bypass_cache));
  } else {
    sources.push_back(iterate_level(*cache_, plan_.upper, ReadMode::bypass_cache));
  }
  sources.push_back(iterate_level(*cache_, plan_.lower, ReadMode::bypass_cache));
  inputs_ = merge_iterators(std::move(sources));
  inputs_->seek_to_first();
}

Status Compaction::advance() {
  if (is_move()) {
    TableInfo moved = plan_.upper.front()->info();
    ++moved.level;
    return commit({std::move(moved)});
  }
  if (plan_.kind == CompactionKind::discard) return commit({});
  if (inputs_ == nullptr) {
    KV_TRY(check_room());
    start();
  }
  KV_TRY(read_on());
  if (inputs_->valid()) return {};
  input_failed_ = !inputs_->status();
  KV_TRY(inputs_->status());
  KV_TRY(output_.finish());
  KV_TRY(staying_.finish());
  std::vector<TableInfo> added = output_.tables();
  added.insert(added.end(), staying_.tables().begin(), staying_.tables().end());
  return commit(std::move(added));
}

/// As much as a step may.
Status Compaction::read_on() {
  const size_t tables_before = output_.tables().size();
  uint64_t read = 0;
  for (; inputs_->valid(); inputs_->next()) {
    if (output_.tables().size() > tables_before || read >= options_.step_bytes) return {};
    const Entry& entry = inputs_->entry();
    read += entry.key.size() + entry.value.size();
    KV_TRY(take(entry));
  }
  return {};
}

/// The next of the inputs' entries: newer ones of a key come before older ones.
Status Compaction::take(const Entry& entry) {
  if (any_key_ && entry.key == last_key_) return {};
  if (any_key_ && is_new_group(entry.key)) group_ended_ = true;
  last_key_.assign(entry.key);
  any_key_ = true;
  if (pass_around(entry.key)) KV_TRY(output_.cut());
  const bool stays_above = stays(entry.key);
  if (entry.kind == EntryKind::removal && hides_nothing(entry.key, stays_above)) return {};
  if (is_masked(entry)) return {};
  if (!stays_above) return take_down(entry);
  return KV_PLANTED(drop_what_stays) ? Status{} : staying_.add(entry);
}

Status Compaction::take_down(const Entry& entry) {
  if (plan_.kind == CompactionKind::gather) return output_.add(entry);
  KV_TRY(cut_at_drops(entry.key));
  if (std::exchange(group_ended_, false) && output_.open_bytes() >= options_.file_bytes_max / 2)
    KV_TRY(output_.cut());
  return output_.add(entry);
}

bool Compaction::is_new_group(BytesView key) const {
  const size_t prefix = options_.group_prefix_bytes;
  return prefix != 0 && !KV_PLANTED(cut_anywhere) &&
         key.substr(0, prefix) != BytesView(last_key_).substr(0, prefix);
}

/// Whether a table that is merged around lies between the key before and this one, or ends there:
/// what comes now must not be in one table with what came before it.
bool Compaction::pass_around(BytesView key) {
  const size_t before = next_around_;
  while (next_around_ < plan_.around.size() &&
         BytesView(plan_.around[next_around_]->info().last_key) < key)
    ++next_around_;
  return next_around_ != before;
}

bool Compaction::stays(BytesView key) const {
  return next_around_ < plan_.around.size() && spans(plan_.around[next_around_]->info(), key);
}

/// Whether a removal of the key may go.
bool Compaction::hides_nothing(BytesView key, bool stays) const {
  if (KV_PLANTED(drop_live_tombstone)) return true;
  // Older tables of level 0 that are not among the inputs may have the key.
  if (plan_.kind == CompactionKind::gather) return false;
  return !version_->may_be_below(stays ? 0 : output_level(plan_), key);
}

bool Compaction::is_masked(const Entry& entry) const {
  return masks_ != nullptr && masks_->masks(entry.key, entry.sequence);
}

/// No table holds keys from inside and outside of a drop: it would keep the drop from going.
Status Compaction::cut_at_drops(BytesView key) {
  if (masks_ == nullptr) return {};
  const size_t before = std::exchange(place_, masks_->place_of(key));
  return before == place_ ? Status{} : output_.cut();
}

Status Compaction::commit(std::vector<TableInfo> added) {
  added_ = std::move(added);
  std::vector<TablePtr> gone = plan_.upper;
  gone.insert(gone.end(), plan_.lower.begin(), plan_.lower.end());
  drops_removed_ = idle_drops(*version_, gone, added_);
  ManifestChange change;
  change.added = added_;
  change.drops_removed = drops_removed_;
  if (!is_move()) {
    for (const TablePtr& table : plan_.upper) change.removed.push_back(table->info().number);
    for (const TablePtr& table : plan_.lower) change.removed.push_back(table->info().number);
  }
  if (KV_PLANTED(compaction_in_two_commits)) {
    ManifestChange first;
    first.removed = std::exchange(change.removed, {});
    KV_TRY(manifest_.commit(first));
  }
  const Status committed = manifest_.commit(change);
  manifest_failed_ = !committed && !Manifest::is_undone(committed.error());
  // The files stay also where it is not known whether the commit reached the disk.
  if (committed || (manifest_failed_ && !KV_PLANTED(remove_tables_in_doubt))) {
    output_.keep();
    staying_.keep();
  }
  over_ = true;
  return committed;
}

}  // namespace kv
