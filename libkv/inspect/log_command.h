// What kv-log does: a commit log, told segment by segment, or verified.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "libkv/cli/exit_code.h"
#include "libkv/cli/message.h"

namespace kv {

struct LogOptions {
  std::vector<std::string> paths;  ///< Of segments, and of stopped kv-nodes' directories.
  bool records = false, operations = false, verify = false;
  bool values = false;
  bool json = false;
  std::optional<std::string> meta;
};

ExitCode run_log(const LogOptions& options, const Messages& messages);

}  // namespace kv
