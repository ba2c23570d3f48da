#include "libkv/inspect/directory_log.h"

#include <optional>

#include "libkv/model/cluster_map.h"
#include "libkv/replica/directory_identity.h"
#include "libkv/replica/directory_metadata.h"
#include "libkv/storage/check/log_whereabouts.h"

namespace kv {

namespace {

/// What is corrupt in the identity says nothing of the log.
Status refuse_gossip(MetaSurvey& metadata, const std::string& directory) {
  const auto meta = open_memory_meta(&metadata.sound);
  const auto identity = read_identity(*meta);
  if (!identity && identity.error().kind != ErrorKind::corrupt) return fail(identity.error());
  if (identity && *identity && (*identity)->daemon == to_string(DaemonKind::gossip))
    return fail(ErrorKind::invalid, directory + ": a kv-gossip's directory, which has no log");
  return {};
}

}  // namespace

Result<LogSurveyOptions> log_of_directory(Environment& environment, const std::string& directory,
                                          const TellFinding& tell) {
  LogSurveyOptions options;
  options.directory = directory;
  KV_ASSIGN(std::optional<MetaSurvey> metadata, survey_directory_metadata(environment, directory));
  KV_ASSIGN(options.paths, log_segments_of(environment.files, directory));
  const std::string path = metadata_path(directory);
  if (!metadata) {
    tell({Finding::Severity::corrupt, path, std::nullopt, kMetadataLost});
    return options;
  }
  KV_TRY(refuse_gossip(*metadata, directory));
  const Status taken = take_log_metadata(*metadata, path, &options);
  if (taken || taken.error().kind != ErrorKind::not_found) {
    KV_TRY(taken);
  } else if (!options.paths.empty()) {
    // The first start makes the engine's rows before its log.
    return fail(ErrorKind::corrupt, path + ": " + kManifestLost);
  }
  return options;
}

Status take_log_metadata_of(Environment& environment, const std::string& meta_path,
                            LogSurveyOptions* options) {
  KV_ASSIGN(MetaSurvey metadata, survey_sqlite_meta(environment, meta_path));
  const Status taken = take_log_metadata(metadata, meta_path, options);
  if (taken || taken.error().kind != ErrorKind::not_found) return taken;
  return fail(ErrorKind::invalid, meta_path + ": not a kv-node's: it has no rows of an engine");
}

}  // namespace kv
