// What kv-get does.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "libkv/cli/client_options.h"
#include "libkv/cli/exit_code.h"
#include "libkv/cli/message.h"

namespace kv {

struct GetOptions {
  std::vector<std::string> keys;  ///< `-` stands for keys on stdin.
  bool siblings = false;
  bool meta = false;
  std::optional<std::string> context_to;
  bool null = false, json_lines = false, tsv = false;
  std::optional<uint64_t> r;
  bool strict = false;
};

ExitCode run_get(const GetOptions& options, const ClientFlags& flags, const Messages& messages);

}  // namespace kv
