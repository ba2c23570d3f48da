#include "libkv/storage/compaction.h"

#include <algorithm>

#include "libkv/storage/level_iterator.h"
#include "libkv/storage/merging_iterator.h"

namespace kv {

double CompactionPicker::score(const Version& version, size_t level) const {
  if (level == 0)
    return static_cast<double>(version.level(0).size()) /
           static_cast<double>(options_.level0_tables);
  double target = static_cast<double>(options_.level1_bytes);
  for (size_t i = 1; i < level; ++i) target *= static_cast<double>(options_.level_ratio);
  return static_cast<double>(version.level_bytes(level)) / target;
}

std::optional<CompactionPlan> CompactionPicker::pick(const Version& version) {
  size_t best = 0;
  double best_score = 0;
  for (size_t level = 0; level + 1 < kLevels; ++level) {
    const double level_score = score(version, level);
    if (level_score > best_score) {
      best = level;
      best_score = level_score;
    }
  }
  if (best_score < 1) return std::nullopt;
  return plan(version, best);
}

CompactionPlan CompactionPicker::plan(const Version& version, size_t level) {
  CompactionPlan plan;
  plan.level = level;
  const std::vector<TablePtr>& tables = version.level(level);
  if (level == 0) {
    plan.upper = tables;
  } else {
    auto next = std::find_if(tables.begin(), tables.end(), [&](const TablePtr& table) {
      return table->info().first_key > last_key_done_[level];
    });
    if (next == tables.end()) next = tables.begin();
    plan.upper = {*next};
    last_key_done_[level] = (*next)->info().last_key;
  }
  std::string first = plan.upper.front()->info().first_key;
  std::string last = plan.upper.front()->info().last_key;
  for (const TablePtr& table : plan.upper) {
    first = std::min(first, table->info().first_key);
    last = std::max(last, table->info().last_key);
  }
  plan.lower = version.overlapping(level + 1, first, last);
  return plan;
}

Compaction::Compaction(CompactionPlan plan, std::shared_ptr<const Version> version,
                       std::shared_ptr<TableCache> cache, std::shared_ptr<TableFactory> factory,
                       Manifest manifest, const CompactionOptions& options, uint64_t salt_seed)
    : plan_(std::move(plan)),
      version_(std::move(version)),
      cache_(std::move(cache)),
      manifest_(manifest),
      output_(std::move(factory), static_cast<uint32_t>(plan_.level + 1), options.file_bytes_max,
              salt_seed) {}

bool Compaction::is_move() const {
  return plan_.level > 0 && plan_.upper.size() == 1 && plan_.lower.empty();
}

void Compaction::step() {
  status_ = advance();
  if (!status_) over_ = true;
}

Status Compaction::start() {
  std::vector<std::unique_ptr<EntryIterator>> sources;
  if (plan_.level == 0) {
    for (const TablePtr& table : plan_.upper)
      sources.push_back(iterate_level(*cache_, {table}, ReadMode::bypass_cache));
  } else {
    sources.push_back(iterate_level(*cache_, plan_.upper, ReadMode::bypass_cache));
  }
  sources.push_back(iterate_level(*cache_, plan_.lower, ReadMode::bypass_cache));
  inputs_ = merge_iterators(std::move(sources));
  inputs_->seek_to_first();
  return inputs_->status();
}

Status Compaction::advance() {
  if (is_move()) {
    TableInfo moved = plan_.upper.front()->info();
    ++moved.level;
    return commit({std::move(moved)});
  }
  if (inputs_ == nullptr) KV_TRY(start());
  const size_t tables_before = output_.tables().size();
  for (; inputs_->valid(); inputs_->next()) {
    if (output_.tables().size() > tables_before) return {};
    const Entry& entry = inputs_->entry();
    if (any_key_ && entry.key == last_key_) continue;
    last_key_.assign(entry.key);
    any_key_ = true;
    if (entry.kind == EntryKind::removal && !version_->may_be_below(plan_.level + 1, entry.key))
      continue;
    KV_TRY(output_.add(entry));
  }
  KV_TRY(inputs_->status());
  KV_TRY(output_.finish());
  return commit(output_.tables());
}

Status Compaction::commit(std::vector<TableInfo> added) {
  added_ = std::move(added);
  ManifestChange change;
  change.added = added_;
  if (!is_move()) {
    for (const TablePtr& table : plan_.upper) change.removed.push_back(table->info().number);
    for (const TablePtr& table : plan_.lower) change.removed.push_back(table->info().number);
  }
  // Whether a refused commit reached the disk is not known: the files must stay.
  output_.keep();
  const Status committed = manifest_.commit(change);
  manifest_failed_ = !committed;
  over_ = true;
  return committed;
}

}  // namespace kv
