#include "libkv/storage/check/engine_check.h"

#include <algorithm>
#include <vector>

#include "libkv/storage/check/log_whereabouts.h"
#include "libkv/storage/file_names.h"
#include "libkv/storage/levels/manifest.h"
#include "libkv/storage/levels/version.h"
#include "libkv/storage/log/log_survey.h"
#include "libkv/storage/table/ingest_writer.h"
#include "libkv/storage/table/table_walk.h"

namespace kv {

namespace {

/// Hands on what a walk over one table meets.
class CheckedTable final : public TableVisitor {
 public:
  CheckedTable(const std::string& path, EngineCheckVisitor& visitor, EngineCheckCounts& counts)
      : path_(path), visitor_(visitor), counts_(counts) {}

  void entry(const Entry& entry, uint64_t block_offset) override {
    ++counts_.entries;
    if (entry.kind == EntryKind::value) visitor_.put(path_, block_offset, entry.key, entry.value);
  }
  void block(const TableBlock&) override { ++counts_.blocks; }
  void finding(const Finding& finding) override {
    sound_ = false;
    visitor_.finding(finding);
  }
  bool sound() const { return sound_; }

 private:
  const std::string& path_;
  EngineCheckVisitor& visitor_;
  EngineCheckCounts& counts_;
  bool sound_ = true;
};

class EngineChecker {
 public:
  EngineChecker(FileSystem& files, const std::string& meta_path, const std::string& directory,
                ManifestRows rows, EngineCheckVisitor& visitor)
      : files_(files),
        meta_path_(meta_path),
        directory_(directory),
        rows_(rows),
        visitor_(visitor) {}

  Result<EngineCheckCounts> run(MetaStore& meta) {
    KV_ASSIGN(names_, files_.list(directory_));
    KV_ASSIGN(const ManifestSurvey manifest, Manifest(meta).survey([this](const Error& error) {
      rows_ = ManifestRows::damaged;
      tell_manifest(error.what);
    }));
    state_ = manifest.state;
    numbers_known_ = manifest.numbers_known;
    for (const TableInfo& info : state_.tables) check_table(info);
    check_levels();
    check_drops();
    check_strangers();
    KV_TRY(check_log());
    return counts_;
  }

 private:
  std::string path_of(const std::string& name) const { return directory_ + "/" + name; }
  void tell(const std::string& file, std::optional<uint64_t> offset, std::string what) {
    visitor_.finding({Finding::Severity::corrupt, file, offset, std::move(what)});
  }
  void tell_manifest(std::string what) { tell(meta_path_, std::nullopt, std::move(what)); }
  void note(const std::string& file, std::string what) {
    visitor_.finding({Finding::Severity::note, file, std::nullopt, std::move(what)});
  }

  void check_table(const TableInfo& info) {
    const std::string path = path_of(table_file_name(info.number));
    ++counts_.tables;
    CheckedTable visitor(path, visitor_, counts_);
    const auto found = walk_table(files_, path, visitor);
    if (found) {
      compare(path, info, *found, visitor.sound());
    } else if (found.error().kind == ErrorKind::not_found) {
      tell(path, std::nullopt, "the file is missing, and the manifest names it");
    } else {
      visitor_.unverified(found.error());
    }
    const std::string name = "manifest: table " + std::to_string(info.number) + ": ";
    const bool is_given =
        info.sequence_min == info.given_sequence && info.sequence_max == info.given_sequence;
    if (info.given_sequence != 0 && !is_given)
      tell_manifest(name + "its sequences are not the one that it was given");
    if (numbers_known_ && info.sequence_max > state_.flushed)
      tell_manifest(name + "sequence " + std::to_string(info.sequence_max) + ", and only " +
                    std::to_string(state_.flushed) + " is flushed");
  }

  /// What a damaged table's entries tell is compared no further than to its size and salt.
  void compare(const std::string& path, const TableInfo& info, const TableInfo& found, bool sound) {
    const auto differs = [&](const char* what, uint64_t is, uint64_t named) {
      if (is != named)
        tell(path, std::nullopt,
             std::string(what) + " " + std::to_string(is) + ", and the manifest says " +
                 std::to_string(named));
    };
    differs("bytes", found.file_bytes, info.file_bytes);
    if (!sound) return;
    differs("salt", found.salt, info.salt);
    differs("entries", found.entries, info.entries);
    differs("removals", found.removals, info.removals);
    differs("raw bytes", found.raw_bytes, info.raw_bytes);
    const bool is_given = info.given_sequence != 0;
    differs("lowest sequence", found.sequence_min, is_given ? kIngestSequence : info.sequence_min);
    differs("highest sequence", found.sequence_max, is_given ? kIngestSequence : info.sequence_max);
    if (found.first_key != info.first_key || found.last_key != info.last_key)
      tell(path, std::nullopt, "its keys are not of the range that the manifest says");
  }

  void check_levels() {
    for (const std::string& what : misplaced_tables(state_.tables))
      tell_manifest("manifest: " + what);
  }

  void check_drops() {
    for (const RangeDrop& drop : state_.drops)
      if (numbers_known_ && drop.sequence > state_.flushed)
        tell_manifest("manifest: the drop of sequence " + std::to_string(drop.sequence) +
                      ", and only " + std::to_string(state_.flushed) + " is flushed");
  }

  /// Files that no manifest names. Where its rows are damaged one of them may have named a table.
  void check_strangers() {
    bool has_nameless = false;
    for (const std::string& name : names_) {
      const auto number = numbered_file(name, ".sst");
      const bool is_known = name == "LOCK" || name == "meta.sqlite" ||
                            name == "meta.sqlite-journal" || numbered_file(name, ".log") ||
                            numbered_file(name, ".spare");
      if (!number && !is_known) note(path_of(name), "not a file of kv");
      if (!number || is_named(*number)) continue;
      has_nameless = true;
      if (rows_ == ManifestRows::whole)
        note(path_of(name), "a table that the manifest does not name; the next start removes it");
    }
    if (has_nameless && rows_ == ManifestRows::damaged)
      note(meta_path_, "manifest: rows are damaged: it is not known which tables are live");
  }
  bool is_named(uint64_t number) const {
    return std::any_of(state_.tables.begin(), state_.tables.end(),
                       [&](const TableInfo& info) { return info.number == number; });
  }

  Status check_log() {
    LogSurveyOptions options;
    options.directory = directory_;
    if (numbers_known_) {
      options.secret = state_.log_secret;
      options.flushed = state_.flushed;
      options.known_durable = state_.known_durable();
    }
    KV_ASSIGN(options.paths, log_segments_of(files_, directory_));
    const auto found = survey_log(
        files_, options, [this](const SurveyedSegment& segment) { take_segment(segment); },
        [this](const Finding& finding) { visitor_.finding(finding); });
    if (found) {
      counts_.segments = options.paths.size();
      counts_.records = found->records;
    } else {
      visitor_.unverified(found.error());
    }
    return {};
  }

  void take_segment(const SurveyedSegment& segment) {
    for (const LogRecord& record : segment.scan.records) {
      if (record.offset >= segment.end_offset) return;
      if (record.kind != LogRecordKind::batch) continue;
      WriteBatch::for_each(record.payload, [&](const WriteBatch::Operation& operation) {
        if (operation.is_put)
          visitor_.put(segment.path, record.offset, operation.key, operation.value);
      });
    }
  }

  FileSystem& files_;
  const std::string& meta_path_;
  const std::string& directory_;
  ManifestRows rows_;
  EngineCheckVisitor& visitor_;
  std::vector<std::string> names_;
  ManifestState state_;
  bool numbers_known_ = true;
  EngineCheckCounts counts_;
};

}  // namespace

Result<EngineCheckCounts> check_engine(FileSystem& files, MetaStore& meta,
                                       const std::string& meta_path, const std::string& directory,
                                       ManifestRows rows, EngineCheckVisitor& visitor) {
  return EngineChecker(files, meta_path, directory, rows, visitor).run(meta);
}

}  // namespace kv
