#include "libkv/command/outcome.h"

#include "libkv/cli/output.h"

namespace kv {

ExitCode print(const Messages& messages, BytesView text) {
  Output output;
  // A failed write is kept, and returned by finish().
  static_cast<void>(output.write(text));
  if (const Status finished = output.finish(); !finished)
    return tell_failure(messages, finished.error());
  return ExitCode::done;
}

ExitCode tell_failure(const Messages& messages, const Error& error) {
  // Bad input speaks for itself; of everything else the class says whether to try again.
  const bool plain = error.kind == ErrorKind::invalid || error.kind == ErrorKind::not_found ||
                     error.kind == ErrorKind::io;
  messages.say(plain ? error.what : std::string(to_string(error.kind)) + ": " + error.what);
  return exit_code_of(error.kind);
}

ExitCode tell_usage(const Messages& messages, const std::string& what) {
  messages.say(what);
  return ExitCode::usage;
}

}  // namespace kv
