// What kv-fsck does: everything in a stopped daemon's directory is verified.
#pragma once

#include <string>

#include "libkv/cli/exit_code.h"
#include "libkv/cli/message.h"

namespace kv {

struct FsckOptions {
  std::string directory;
  bool json = false;
};

ExitCode run_fsck(const FsckOptions& options, const Messages& messages);

}  // namespace kv
