// How a command ends that opens a member's files itself, and how it tells of what is wrong there.
#pragma once

#include <string>

#include "libkv/base/result.h"
#include "libkv/cli/exit_code.h"
#include "libkv/cli/message.h"
#include "libkv/cli/output.h"
#include "libkv/storage/finding.h"

namespace kv {

/// A finding in words, one of them before it if it is no more than a note.
std::string text_of(const Finding& finding);
std::string line_of(const Finding& finding, bool json);

/// Says why a file or directory that was named cannot be shown.
ExitCode tell_file_failure(const Messages& messages, const Error& error);

/// Closes `output`. `code`, and what comes of a failed write, which is said.
ExitCode close_output(Output& output, const Messages& messages, ExitCode code);

}  // namespace kv
