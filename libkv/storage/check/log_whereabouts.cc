#include "libkv/storage/check/log_whereabouts.h"

#include <algorithm>

#include "libkv/storage/file_names.h"
#include "libkv/storage/levels/manifest.h"

namespace kv {

Result<std::vector<std::string>> log_segments_of(FileSystem& files, const std::string& directory) {
  KV_ASSIGN(const auto names, files.list(directory));
  std::vector<uint64_t> numbers;
  for (const std::string& name : names)
    if (const auto number = numbered_file(name, ".log")) numbers.push_back(*number);
  std::sort(numbers.begin(), numbers.end());
  std::vector<std::string> paths;
  for (const uint64_t number : numbers) paths.push_back(directory + "/" + log_file_name(number));
  return paths;
}

Status take_log_metadata(MetaSurvey& metadata, const std::string& meta_path,
                         LogSurveyOptions* options) {
  const auto meta = open_memory_meta(&metadata.sound);
  const auto manifest = Manifest(*meta).survey([](const Error&) {});
  const bool is_missing = !manifest && manifest.error().kind == ErrorKind::not_found;
  if (!manifest && (!is_missing || metadata.corruption.empty())) return fail(manifest.error());
  if (is_missing || !manifest->numbers_known)
    return fail(ErrorKind::corrupt, meta_path + ": the engine's rows cannot be read");
  options->secret = manifest->state.log_secret;
  options->flushed = manifest->state.flushed;
  options->known_durable = manifest->state.known_durable();
  return {};
}

}  // namespace kv
