// The files in which users keep causal contexts between a get and a put.
#pragma once

#include <string>

#include "libkv/base/result.h"
#include "libkv/model/version_vector.h"

namespace kv {

/// A failure of a file that the user named: io, whatever the reason, as not_found and denied are
/// said of keys, and their exit codes promise something about those.
Error local_failure(Error error);

/// Errors: invalid (not a context, damaged), io; all name the file.
Result<CausalContext> read_context(const std::string& path);
/// Replaces the file. Errors: io.
Status write_context(const std::string& path, const CausalContext& context);

/// The whole of a file or pipe, `bytes_max` at most (invalid above). Errors: invalid, io.
Result<std::string> read_file(const std::string& path, size_t bytes_max);

}  // namespace kv
