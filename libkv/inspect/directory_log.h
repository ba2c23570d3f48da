// The commit log of a stopped kv-node's directory, as a survey of it (log_survey.h) begins.
// Blocking; nothing is written.
#pragma once

#include <string>

#include "libkv/base/environment.h"
#include "libkv/storage/finding.h"
#include "libkv/storage/log/log_survey.h"

namespace kv {

/// All segments, and what the metadata beside them knows; where that is missing it is told, and
/// each segment is to be judged by itself. REQUIRES: the caller keeps the kv-node away. Errors:
/// not_found (there is no such directory), invalid (it is not a kv-node's), corrupt (the engine's
/// rows cannot be read), format, io.
Result<LogSurveyOptions> log_of_directory(Environment& environment, const std::string& directory,
                                          const TellFinding& tell);

/// Takes the secret and the sequences from a meta.sqlite that lies anywhere. Errors: not_found,
/// invalid (it is not a kv-node's), corrupt, format, io.
Status take_log_metadata_of(Environment& environment, const std::string& meta_path,
                            LogSurveyOptions* options);

}  // namespace kv
