// A directory that a new manifest is made for must have no files of an engine: without a manifest
// they are those of one that was lost, and with it data.
#pragma once

#include <string>
#include <vector>

#include "libkv/base/result.h"

namespace kv {

/// `names`: of the files in `directory`. Errors: corrupt.
Status check_empty(const std::string& directory, const std::vector<std::string>& names);

}  // namespace kv
