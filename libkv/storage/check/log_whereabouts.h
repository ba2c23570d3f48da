// Where the segments of a directory lie, and what its metadata knows of them: what a survey of a
// log (log_survey.h) begins with. Blocking; nothing is written.
#pragma once

#include <string>

#include "libkv/base/environment.h"
#include "libkv/storage/log/log_survey.h"

namespace kv {

/// Takes the secret and the sequences from a meta.sqlite. REQUIRES: its daemon does not run.
/// Errors: not_found, corrupt (its rows of the engine cannot be read), format, io.
Status take_log_metadata(Environment& environment, const std::string& meta_path,
                         LogSurveyOptions* options);

/// All segments of a directory, and the metadata beside them if it is there.
Result<LogSurveyOptions> log_of_directory(Environment& environment, const std::string& directory);

}  // namespace kv
