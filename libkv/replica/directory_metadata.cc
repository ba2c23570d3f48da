#include "libkv/replica/directory_metadata.h"

#include <algorithm>
#include <utility>

#include "libkv/storage/file_names.h"

namespace kv {

std::string metadata_path(const std::string& directory) {
  return directory + "/meta.sqlite";
}

Result<bool> has_engine_files(FileSystem& files, const std::string& directory) {
  KV_ASSIGN(const auto names, files.list(directory));
  return std::any_of(names.begin(), names.end(), is_engine_file);
}

/// A directory that had data and lost its metadata is damaged; any other is not ours.
Result<std::optional<MetaSurvey>> survey_directory_metadata(Environment& environment,
                                                            const std::string& directory) {
  auto survey = survey_sqlite_meta(environment, metadata_path(directory));
  if (survey) return std::optional<MetaSurvey>(std::move(*survey));
  if (survey.error().kind != ErrorKind::not_found) return fail(survey.error());
  KV_ASSIGN(const bool has_data, has_engine_files(environment.files, directory));
  if (!has_data)
    return fail(ErrorKind::invalid,
                directory + ": not a data directory of kv: it has no meta.sqlite");
  return std::optional<MetaSurvey>();
}

}  // namespace kv
