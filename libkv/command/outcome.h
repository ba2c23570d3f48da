// The end of a command that prints one thing: to stdout what was found, to stderr why not, and the
// exit code that goes with it.
#pragma once

#include <string>

#include "libkv/base/bytes.h"
#include "libkv/base/result.h"
#include "libkv/cli/exit_code.h"
#include "libkv/cli/message.h"

namespace kv {

/// Writes `text` to stdout and closes it. done, or local if it could not be written.
ExitCode print(const Messages& messages, BytesView text);

/// Says the error: `kv-status: unavailable: no coordinator answered: …`.
ExitCode tell_failure(const Messages& messages, const Error& error);
/// A usage error found after the parse.
ExitCode tell_usage(const Messages& messages, const std::string& what);

}  // namespace kv
