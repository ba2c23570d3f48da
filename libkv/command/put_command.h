// What kv-put and kv-del do.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "libkv/cli/client_options.h"
#include "libkv/cli/exit_code.h"
#include "libkv/cli/message.h"

namespace kv {

struct PutOptions {
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::optional<std::string> file;
  bool null = false, json_lines = false, tsv = false;
  std::optional<std::string> context, context_to;
  bool sibling = false;
  std::optional<Duration> ttl;
  std::optional<uint64_t> w;
  bool strict = false;
  std::optional<std::string> rejects, resume;
};

ExitCode run_put(const PutOptions& options, const ClientFlags& flags, const Messages& messages);

struct DeleteOptions {
  std::vector<std::string> keys;
  bool null = false, json_lines = false;
  std::optional<std::string> context;
  std::optional<uint64_t> w;
  bool strict = false;
  std::optional<std::string> rejects, resume;
};

ExitCode run_delete(const DeleteOptions& options, const ClientFlags& flags,
                    const Messages& messages);

}  // namespace kv
