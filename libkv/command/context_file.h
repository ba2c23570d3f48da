// The files in which users keep causal contexts between a get and a put.
#pragma once

#include <memory>
#include <string>

#include "libkv/base/result.h"
#include "libkv/model/version_vector.h"

namespace kv {

/// A failure of a file that the user named: io, whatever the reason, as not_found and denied are
/// said of keys, and their exit codes promise something about those.
Error local_failure(Error error);

/// Errors: invalid (not a context, damaged), io; all name the file.
Result<CausalContext> read_context(const std::string& path);

/// Where a context is to be saved. Opened before the request is sent, so that a file that cannot be
/// written is told while nothing has been done yet; written in place, as a shell's `>` does, so
/// that it may be a pipe. What two writers at a time would leave fails the context's checksum.
class ContextFile {
 public:
  /// Makes the file if there is none; what it has stays. A pipe waits for its reader. Errors: io.
  static Result<std::unique_ptr<ContextFile>> open(const std::string& path);
  ~ContextFile();
  ContextFile(const ContextFile&) = delete;
  ContextFile& operator=(const ContextFile&) = delete;

  /// What the file had is gone: an older context is not to be taken for one that never came.
  Status clear();
  /// Replaces what the file has, and closes it: the last call. Errors: io, no_space.
  Status save(const CausalContext& context);

 private:
  ContextFile(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}

  const std::string path_;
  int descriptor_;  ///< -1: closed.
};

/// The whole of a file or pipe, `bytes_max` at most (invalid above). Errors: invalid, io.
Result<std::string> read_file(const std::string& path, size_t bytes_max);

}  // namespace kv
