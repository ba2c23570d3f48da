#include "libkv/replica/directory_check.h"

#include "libkv/codec/record_codec.h"
#include "libkv/model/cluster_map.h"
#include "libkv/replica/directory_identity.h"
#include "libkv/replica/directory_metadata.h"
#include "libkv/replica/incarnation.h"
#include "libkv/replica/key_layout.h"
#include "libkv/replica/leaf_rows.h"
#include "libkv/replica/number_row.h"
#include "libkv/replica/stored_hint.h"
#include "libkv/replica/stored_map.h"

namespace kv {

namespace {

Status sound_if(bool sound, const char* what) {
  return sound ? Status() : fail(ErrorKind::corrupt, what);
}

Status check_own(BytesView key, BytesView value) {
  KV_TRY(sound_if(parse_record_key(key).has_value(), "a key of own data does not parse"));
  KV_TRY(decode_stored_record(SharedBytes(nullptr, value)));
  return {};
}

Status check_refilling(BytesView key, BytesView value) {
  const bool is_known =
      key == refilling_all_key() || key == hints_lost_key() ||
      (partition_of_key(key) && key == partition_row_key(Space::refilling, *partition_of_key(key)));
  return sound_if(is_known && value.empty(), "a row of a refilling partition does not parse");
}

class DirectoryChecker final : public EngineCheckVisitor {
 public:
  DirectoryChecker(Environment& environment, const std::string& directory, const TellFinding& tell,
                   const std::function<void(const Error&)>& unverified)
      : environment_(environment),
        directory_(directory),
        meta_path_(metadata_path(directory)),
        tell_(tell),
        unverified_(unverified) {}

  Result<DirectoryCheck> run() {
    KV_ASSIGN(auto survey, survey_directory_metadata(environment_, directory_));
    if (!survey) {
      tell_meta(kMetadataLost);
      return found_;
    }
    for (const Error& error : survey->corruption) tell_meta(without_path(meta_path_, error));
    found_.rows = survey->sound.rows.size();
    const auto meta = open_memory_meta(&survey->sound);
    const bool is_sound = survey->corruption.empty();
    KV_ASSIGN(const bool has_engine, check_metadata(*meta, is_sound));
    if (has_engine) KV_TRY(check_engine_of(*meta, is_sound));
    return found_;
  }

  void finding(const Finding& finding) override {
    ++(finding.severity == Finding::Severity::corrupt ? found_.corrupt : found_.notes);
    tell_(finding);
  }
  void unverified(const Error& error) override {
    ++found_.unverified;
    unverified_(error);
  }
  void put(const std::string& file, uint64_t offset, BytesView key, BytesView value) override {
    const Status sound = check_stored_row(key, value);
    if (sound) return;
    if (sound.error().kind == ErrorKind::corrupt)
      return finding({Finding::Severity::corrupt, file, offset, sound.error().what});
    unverified({sound.error().kind, file + ": " + sound.error().what});
  }

 private:
  void tell_meta(const std::string& what) {
    finding({Finding::Severity::corrupt, meta_path_, std::nullopt, what});
  }

  /// What is corrupt in a part of the metadata is told; what a newer version wrote ends the check.
  Status judged(const Status& status) {
    if (status || status.error().kind != ErrorKind::corrupt) return status;
    tell_meta(status.error().what);
    return {};
  }

  /// True if there is an engine in the directory, too. What is missing where rows are damaged is
  /// not told again.
  Result<bool> check_metadata(MetaStore& meta, bool is_sound) {
    const auto identity = read_identity(meta);
    if (!identity) KV_TRY(judged(fail(identity.error())));
    // A directory is marked in a transaction of its own, before all others.
    if (identity && !*identity && is_sound && found_.rows > 0)
      tell_meta("table identity: it has no rows");
    if (identity && *identity && (*identity)->daemon == to_string(DaemonKind::gossip)) {
      KV_ASSIGN(const bool has_data, has_engine_files(environment_.files, directory_));
      if (has_data) tell_meta("it is a kv-gossip's, and a kv-node's data is there");
      return false;
    }
    KV_TRY(judged(Incarnation::check(meta)));
    const auto map = read_stored_map(meta);
    if (!map) KV_TRY(judged(fail(map.error().kind, "table map: " + map.error().what)));
    return true;
  }

  Status check_engine_of(MetaStore& meta, bool is_sound) {
    const auto rows = is_sound ? ManifestRows::whole : ManifestRows::damaged;
    const auto counts = check_engine(environment_.files, meta, meta_path_, directory_, rows, *this);
    if (counts) {
      found_.engine = *counts;
      return {};
    }
    if (counts.error().kind != ErrorKind::not_found) return fail(counts.error());
    // It is made by the first start. Where rows are damaged they were told.
    KV_ASSIGN(const bool has_data, has_engine_files(environment_.files, directory_));
    if (has_data && is_sound) tell_meta(kManifestLost);
    if (has_data && !is_sound)
      finding({Finding::Severity::note, meta_path_, std::nullopt,
               "tables and log were not verified: what they should be is not known"});
    return {};
  }

  Environment& environment_;
  const std::string& directory_;
  const std::string meta_path_;
  const TellFinding& tell_;
  const std::function<void(const Error&)>& unverified_;
  DirectoryCheck found_;
};

}  // namespace

Status check_stored_row(BytesView key, BytesView value) {
  switch (key.empty() ? Space{} : static_cast<Space>(key.front())) {
    case Space::own:
      return check_own(key, value);
    case Space::hint:
      KV_TRY(decode_hint_row(key, value));
      return {};
    case Space::owed:
      return sound_if(member_of_owed_key(key) && decode_number_row(value),
                      "a row of an owed repair does not parse");
    case Space::refilling:
      return check_refilling(key, value);
    case Space::round:
      return sound_if(partition_of_key(key) && decode_number_row(value) &&
                          key == partition_row_key(Space::round, *partition_of_key(key)),
                      "a row of a round does not parse");
    case Space::leaf:
      return check_leaf_row(key, value);
  }
  return fail(ErrorKind::corrupt, "a key of no known space");
}

Result<DirectoryCheck> check_directory(Environment& environment, const std::string& directory,
                                       const TellFinding& finding,
                                       const std::function<void(const Error&)>& unverified) {
  return DirectoryChecker(environment, directory, finding, unverified).run();
}

}  // namespace kv
