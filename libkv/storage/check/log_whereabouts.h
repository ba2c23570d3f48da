// Where the segments of a directory lie, and what its metadata knows of them: what a survey of a
// log (log_survey.h) begins with. Blocking; nothing is written.
#pragma once

#include <string>
#include <vector>

#include "libkv/base/environment.h"
#include "libkv/meta/meta_survey.h"
#include "libkv/storage/log/log_survey.h"

namespace kv {

/// The paths of all segments, oldest first. Errors: not_found, io.
Result<std::vector<std::string>> log_segments_of(FileSystem& files, const std::string& directory);

/// Takes the secret and the sequences from what a meta.sqlite has. Errors: not_found (it is sound
/// and has no rows of an engine), corrupt (they cannot be read), format.
Status take_log_metadata(MetaSurvey& metadata, const std::string& meta_path,
                         LogSurveyOptions* options);

}  // namespace kv
