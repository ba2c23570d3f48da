#include "libkv/storage/engines/checkpoint.h"

#include <utility>
#include <vector>

#include "libkv/base/planted.h"
#include "libkv/storage/log/log_segment.h"

namespace kv {

void Checkpoint::run() {
  status_ = write();
  if (!status_ && is_ours_) remove_all();
}

void Checkpoint::finish(const Status& status) {
  version_.reset();
  const Done done = std::exchange(done_, nullptr);
  if (status) return done(at_);
  done(fail(status.error()));
}

Status Checkpoint::write() {
  KV_TRY(files_.make_directories(target_.directory));
  KV_ASSIGN(const auto names, files_.list(target_.directory));
  if (!names.empty())
    return fail(ErrorKind::invalid, target_.directory + ": a checkpoint needs an empty directory");
  is_ours_ = true;
  KV_TRY(link_tables());
  KV_TRY(commit());
  // If it stays, the next open removes it: the manifest does not name it.
  (void)files_.remove(placeholder());
  return {};
}

Status Checkpoint::link_tables() {
  if (!KV_PLANTED(no_placeholder)) KV_TRY(files_.open(placeholder(), OpenMode::write_new));
  for (size_t level = 0; level < kLevels; ++level) {
    for (const TablePtr& table : version_->level(level)) {
      const std::string name = "/" + table_file_name(table->info().number);
      KV_TRY(files_.hard_link(source_ + name, target_.directory + name));
    }
  }
  if (KV_PLANTED(unsynced_checkpoint)) return {};
  return files_.sync_directory(target_.directory);
}

Status Checkpoint::commit() {
  ManifestState state;
  state.log_secret = secret_;
  state.flushed = at_;
  state.drops = version_->drops();
  for (size_t level = 0; level < kLevels; ++level)
    for (const TablePtr& table : version_->level(level)) state.tables.push_back(table->info());
  KV_ASSIGN(const auto meta, target_.open_meta());
  return Manifest(*meta).create(state, std::move(target_.rows));
}

/// What cannot be removed does no harm: without its metadata nothing opens.
void Checkpoint::remove_all() {
  const auto names = files_.list(target_.directory);
  if (!names) return;
  for (const bool are_tables : {false, true}) {
    for (const std::string& name : *names)
      if (numbered_file(name, ".sst").has_value() == are_tables &&
          !files_.remove(target_.directory + "/" + name) && !are_tables)
        return;
    if (!are_tables && !files_.sync_directory(target_.directory)) return;
  }
  (void)files_.remove(target_.directory);
}

std::string Checkpoint::placeholder() const {
  return target_.directory + "/" + table_file_name(0);
}

}  // namespace kv
