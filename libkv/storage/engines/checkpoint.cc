#include "libkv/storage/engines/checkpoint.h"

#include <utility>
#include <vector>

#include "libkv/base/planted.h"
#include "libkv/storage/file_names.h"

namespace kv {

Result<ManifestState> link_tables(FileSystem& files, const Version& version,
                                  const std::string& from, const std::string& to) {
  ManifestState state;
  state.drops = version.drops();
  for (size_t level = 0; level < kLevels; ++level) {
    for (const TablePtr& table : version.level(level)) {
      const std::string name = "/" + table_file_name(table->info().number);
      KV_TRY(files.hard_link(from + name, to + name));
      state.tables.push_back(table->info());
    }
  }
  if (!KV_PLANTED(unsynced_checkpoint)) KV_TRY(files.sync_directory(to));
  return state;
}

void Checkpoint::run() {
  status_ = write();
  if (!status_ && is_ours_) remove_all();
}

void Checkpoint::finish(const Status& status) {
  make_files_ = nullptr;
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
  if (!KV_PLANTED(no_placeholder)) KV_TRY(files_.open(placeholder(), OpenMode::write_new));
  KV_ASSIGN(const ManifestState state, make_files_(target_.directory));
  KV_TRY(commit(state));
  // If it stays, the next open removes it: the manifest does not name it.
  (void)files_.remove(placeholder());
  return {};
}

Status Checkpoint::commit(const ManifestState& state) {
  KV_ASSIGN(const auto meta, target_.open_meta());
  return Manifest(*meta).create(state, std::move(target_.rows));
}

/// What cannot be removed does no harm: without its metadata nothing opens.
void Checkpoint::remove_all() {
  const auto names = files_.list(target_.directory);
  if (!names) return;
  for (const bool are_data : {false, true}) {
    for (const std::string& name : *names)
      if (is_engine_file(name) == are_data && !files_.remove(target_.directory + "/" + name) &&
          !are_data)
        return;
    if (!are_data && !files_.sync_directory(target_.directory)) return;
  }
  (void)files_.remove(target_.directory);
}

std::string Checkpoint::placeholder() const {
  return target_.directory + "/" + table_file_name(0);
}

}  // namespace kv
