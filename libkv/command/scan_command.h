// What kv-scan does.
#pragma once

#include <optional>
#include <string>

#include "libkv/cli/client_options.h"
#include "libkv/cli/exit_code.h"
#include "libkv/cli/message.h"

namespace kv {

struct ScanOptions {
  std::optional<std::string> prefix, from, to;
  std::optional<uint64_t> limit;
  bool reverse = false, keys_only = false;
  bool null = false, json_lines = false, tsv = false, siblings = false;
  std::optional<uint64_t> r;
  bool strict = false;
};

ExitCode run_scan(const ScanOptions& options, const ClientFlags& flags, const Messages& messages);

/// The first key after all that begin with `prefix`; empty if there is none (all bytes are 0xff).
std::string after_prefix(std::string prefix);

}  // namespace kv
