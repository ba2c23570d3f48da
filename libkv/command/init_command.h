// What kv-init does: asks each kv-gossip who it is, makes the first map of all of them, and has it
// agreed on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libkv/base/time.h"
#include "libkv/cli/exit_code.h"
#include "libkv/cli/message.h"

namespace kv {

struct InitOptions {
  std::vector<std::string> members;  ///< `NUMBER=ENDPOINT` of each member's kv-gossip.
  uint64_t partitions = 256;
  Duration timeout = 10s;
  bool json = false;
};

ExitCode run_init(const InitOptions& options, const Messages& messages);

}  // namespace kv
