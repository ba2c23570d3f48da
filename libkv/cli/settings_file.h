// Reads kv.toml against the table of settings. toml++ is included in settings_file.cc alone.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "libkv/base/result.h"
#include "libkv/cli/settings.h"

namespace kv {

struct FileSetting {
  const Setting* setting;
  std::string text;  ///< In the spelling of the environment; not yet checked beyond its TOML type.
  uint64_t line;
};

/// Every setting of the file. `invalid` and `PATH:LINE: …` for a name that is not in the table, a
/// value of the wrong TOML type or a fault of syntax; `io` if the file cannot be read.
Result<std::vector<FileSetting>> read_settings_file(const std::string& path);

/// The same from memory; `path` stands in errors.
Result<std::vector<FileSetting>> parse_settings(std::string_view toml, const std::string& path);

}  // namespace kv
