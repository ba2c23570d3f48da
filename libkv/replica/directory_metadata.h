// The metadata of a stopped daemon's data directory, as the tools begin with it that look at one:
// they tell a directory of kv from any other by the same rule. Blocking; nothing is written.
#pragma once

#include <optional>
#include <string>

#include "libkv/base/environment.h"
#include "libkv/base/result.h"
#include "libkv/meta/meta_survey.h"

namespace kv {

/// What is wrong where there is data and no metadata.
inline constexpr const char* kMetadataLost = "the file is missing, and data is there";
/// What is wrong where the metadata knows of no engine, and one has left its files.
inline constexpr const char* kManifestLost = "manifest: there is none, and data is there";

std::string metadata_path(const std::string& directory);

/// Reads it whole. Nothing: the file is missing, and data is there. REQUIRES: the caller keeps the
/// directory's daemon away. Errors: not_found (there is no such directory), invalid (it is not one
/// of kv), format, io.
Result<std::optional<MetaSurvey>> survey_directory_metadata(Environment& environment,
                                                            const std::string& directory);

/// Whether tables or log segments of an engine are in a directory. Errors: not_found, io.
Result<bool> has_engine_files(FileSystem& files, const std::string& directory);

}  // namespace kv
