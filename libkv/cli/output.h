// stdout, with every write error noticed: a full disk under `kv-get K > file` is exit 8, not
// silence. Not thread-safe. One Output a process for stdout.
#pragma once

#include <cstddef>
#include <string>

#include "libkv/base/bytes.h"
#include "libkv/base/result.h"

namespace kv {

/// Where formats write to: stdout, a file, a string in a test.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  /// Takes a copy of `bytes`. A failure is kept and returned by every later call.
  virtual Status write(BytesView bytes) = 0;
};

/// Collects in memory.
class StringSink final : public ByteSink {
 public:
  Status write(BytesView bytes) override {
    text.append(bytes);
    return {};
  }
  std::string text;
};

/// A buffered file descriptor. When the reader of a pipe has gone away the process ends by SIGPIPE
/// as a Unix filter does, without a word, though sockets elsewhere must not have that effect
/// (SIGPIPE itself is ignored from construction on).
class Output final : public ByteSink {
 public:
  /// stdout by default. `name` stands in errors. Does not own the descriptor.
  explicit Output(int descriptor = 1, std::string name = "stdout");

  Status write(BytesView bytes) override;
  Status flush();
  /// Flushes and closes the descriptor, because some file systems tell only then that a write
  /// failed. The last call; a main must check it.
  Status finish();

  bool is_terminal() const { return is_terminal_; }
  /// What kv-get does after a value: on a terminal, a newline unless the value ended in one, so
  /// that the prompt stands on its own line. To a pipe or file nothing is ever added.
  Status close_line();

 private:
  Status write_out(BytesView bytes);
  Status note(int error_number);

  int descriptor_;
  std::string name_;
  bool is_terminal_;
  char last_byte_ = '\n';
  std::string buffer_;
  Status state_;
};

}  // namespace kv
