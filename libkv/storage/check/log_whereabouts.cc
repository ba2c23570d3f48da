#include "libkv/storage/check/log_whereabouts.h"

#include <algorithm>

#include "libkv/meta/meta_survey.h"
#include "libkv/storage/levels/manifest.h"

namespace kv {

Status take_log_metadata(Environment& environment, const std::string& meta_path,
                         LogSurveyOptions* options) {
  KV_ASSIGN(MetaSurvey survey, survey_sqlite_meta(environment, meta_path));
  const auto meta = open_memory_meta(&survey.sound);
  const auto manifest = Manifest(*meta).survey([](const Error&) {});
  const bool is_missing = !manifest && manifest.error().kind == ErrorKind::not_found;
  if (!manifest && !is_missing) return fail(manifest.error());
  if (is_missing || !manifest->numbers_known)
    return fail(ErrorKind::corrupt, meta_path + ": the engine's rows cannot be read");
  options->secret = manifest->state.log_secret;
  options->flushed = manifest->state.flushed;
  options->known_durable = manifest->state.clean.value_or(0);
  return {};
}

Result<LogSurveyOptions> log_of_directory(Environment& environment, const std::string& directory) {
  LogSurveyOptions options;
  options.directory = directory;
  KV_ASSIGN(const auto names, environment.files.list(directory));
  std::vector<uint64_t> numbers;
  for (const std::string& name : names)
    if (const auto number = numbered_file(name, ".log")) numbers.push_back(*number);
  std::sort(numbers.begin(), numbers.end());
  for (const uint64_t number : numbers)
    options.paths.push_back(directory + "/" + log_file_name(number));
  const std::string meta = directory + "/meta.sqlite";
  KV_ASSIGN(const bool has_metadata, environment.files.exists(meta));
  if (has_metadata) KV_TRY(take_log_metadata(environment, meta, &options));
  return options;
}

}  // namespace kv
