#include "libkv/storage/engines/ingest.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "libkv/base/planted.h"
#include "libkv/storage/batch_limits.h"
#include "libkv/storage/file_names.h"
#include "libkv/storage/table/ingest_writer.h"
#include "libkv/storage/table/table_walk.h"

namespace kv {

namespace {

/// Remembers the first thing that is wrong.
class IngestVisitor final : public TableVisitor {
 public:
  explicit IngestVisitor(const std::string& path) : path_(path) {}

  void entry(const Entry& entry, uint64_t offset) override {
    const Status limits = check_limits(entry.key, entry.value);
    if (!limits) return refuse(offset, limits.error().what);
    if (entry.kind != EntryKind::value || entry.sequence != kIngestSequence)
      refuse(offset, "not a table that was made to be ingested");
  }
  void finding(const Finding& finding) override {
    if (!error_) error_ = Error{ErrorKind::corrupt, to_text(finding)};
  }
  const std::optional<Error>& error() const { return error_; }

 private:
  void refuse(uint64_t offset, std::string what) {
    if (error_) return;
    const Finding finding{Finding::Severity::corrupt, path_, offset, std::move(what)};
    error_ = Error{ErrorKind::invalid, to_text(finding)};
  }

  const std::string& path_;
  std::optional<Error> error_;
};

}  // namespace

uint32_t ingest_level(const Version& version, const TableInfo& info) {
  size_t deepest = 1;
  for (size_t level = 1; level < kLevels; ++level)
    if (!version.level(level).empty()) deepest = level;
  const auto is_free = [&](size_t level) {
    return version.overlapping(level, info.first_key, info.last_key).empty();
  };
  if (KV_PLANTED(ingest_below_older)) return static_cast<uint32_t>(is_free(deepest) ? deepest : 0);
  if (!is_free(0)) return 0;
  uint32_t level = 0;
  while (level < deepest && is_free(level + 1)) ++level;
  return level;
}

struct Ingest::Reading {
  IngestVisitor visitor;
  std::optional<TableWalk> walk;
};

Ingest::Ingest(std::vector<std::string> paths, std::shared_ptr<TableDirectory> directory,
               Manifest manifest, Sequence at, Done done)
    : paths_(std::move(paths)),
      directory_(std::move(directory)),
      manifest_(manifest),
      at_(at),
      done_(std::move(done)) {}

Ingest::~Ingest() {
  for (const std::string& path : links_) (void)directory_->files.remove(path);
}

Status Ingest::try_verify_slice() {
  const std::string& path = paths_[verified_.size()];
  if (reading_ == nullptr) {
    reading_ = std::make_unique<Reading>(Reading{IngestVisitor(path), std::nullopt});
    KV_ASSIGN(reading_->walk, TableWalk::open(directory_->files, path, reading_->visitor));
  }
  KV_ASSIGN(const bool is_over, reading_->walk->step(kVerifySliceBytes));
  return is_over ? end_reading() : Status{};
}

Status Ingest::end_reading() {
  const auto ended = std::exchange(reading_, nullptr);
  const std::string& path = paths_[verified_.size()];
  const TableInfo& info = ended->walk->found();
  if (ended->visitor.error() && !KV_PLANTED(ingest_unverified))
    return fail(*ended->visitor.error());
  if (info.entries == 0) return fail(ErrorKind::invalid, path + ": a table without pairs");
  verified_.push_back({path, info});
  return is_verified() ? sort_verified() : Status{};
}

Status Ingest::sort_verified() {
  std::sort(verified_.begin(), verified_.end(), [](const Verified& a, const Verified& b) {
    return a.info.first_key < b.info.first_key;
  });
  for (size_t i = 1; i < verified_.size(); ++i)
    if (verified_[i].info.first_key <= verified_[i - 1].info.last_key)
      return fail(ErrorKind::invalid,
                  verified_[i].path + ": its keys overlap those of " + verified_[i - 1].path);
  return {};
}

Status Ingest::try_link() {
  FileSystem& files = directory_->files;
  for (const Verified& verified : verified_) {
    TableInfo info = verified.info;
    info.number = directory_->next_number++;
    info.given_sequence = info.sequence_min = info.sequence_max = at_;
    const std::string path = directory_->path + "/" + table_file_name(info.number);
    KV_TRY(files.hard_link(verified.path, path));
    links_.push_back(path);
    // Whoever made it, its bytes are on the disk before the manifest names it.
    KV_ASSIGN(const auto file, files.open(path, OpenMode::write));
    KV_ASSIGN(const uint64_t bytes, file->size());
    if (bytes != info.file_bytes)
      return fail(ErrorKind::invalid, verified.path + ": it has changed since it was verified");
    KV_TRY(file->sync());
    tables_.push_back(std::move(info));
  }
  if (KV_PLANTED(unsynced_ingest)) return {};
  return files.sync_directory(directory_->path);
}

void Ingest::place(const Version& version) {
  for (TableInfo& info : tables_) info.level = ingest_level(version, info);
}

void Ingest::commit() {
  ManifestChange change;
  change.added = tables_;
  status_ = manifest_.commit(change);
  // The files stay also where it is not known whether the commit reached the disk.
  if (status_ || !Manifest::is_undone(status_.error())) links_.clear();
}

void Ingest::finish(const Status& status) {
  const Done done = std::exchange(done_, nullptr);
  if (status) return done(at_);
  done(fail(status.error()));
}

}  // namespace kv
