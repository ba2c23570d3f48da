// What kv-sst does: SSTables, told as they are walked through, or verified.
#pragma once

#include <string>
#include <vector>

#include "libkv/cli/exit_code.h"
#include "libkv/cli/message.h"

namespace kv {

struct SstOptions {
  std::vector<std::string> paths;
  bool blocks = false, entries = false, verify = false;
  bool values = false;
  bool json = false;
};

ExitCode run_sst(const SstOptions& options, const Messages& messages);

}  // namespace kv
