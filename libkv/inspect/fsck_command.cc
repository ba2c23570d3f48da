#include "libkv/inspect/fsck_command.h"

#include "libkv/base/log.h"
#include "libkv/base/posix_environment.h"
#include "libkv/base/thread_executor.h"
#include "libkv/cli/escaped_text.h"
#include "libkv/cli/json_line.h"
#include "libkv/cli/output.h"
#include "libkv/inspect/file_outcome.h"
#include "libkv/replica/directory_check.h"

namespace kv {

namespace {

/// Who could not look at everything cannot say that nothing is corrupt.
std::string verdict_of(const DirectoryCheck& check) {
  const std::string unverified = "not verified " + std::to_string(check.unverified);
  if (check.corrupt == 0) return check.unverified == 0 ? "nothing corrupt" : unverified;
  const std::string findings = "findings " + std::to_string(check.corrupt);
  return check.unverified == 0 ? findings : findings + ", " + unverified;
}

std::string summary(const FsckOptions& options, const DirectoryCheck& check) {
  const EngineCheckCounts& engine = check.engine;
  if (options.json)
    return JsonLine()
        .bytes("directory", options.directory)
        .number("corrupt", check.corrupt)
        .number("notes", check.notes)
        .number("unverified", check.unverified)
        .number("rows", check.rows)
        .number("tables", engine.tables)
        .number("blocks", engine.blocks)
        .number("entries", engine.entries)
        .number("segments", engine.segments)
        .number("records", engine.records)
        .line();
  return escaped(options.directory) + ": " + verdict_of(check) + "; rows of metadata " +
         std::to_string(check.rows) + ", tables " + std::to_string(engine.tables) + ", blocks " +
         std::to_string(engine.blocks) + ", entries " + std::to_string(engine.entries) +
         ", log segments " + std::to_string(engine.segments) + ", log records " +
         std::to_string(engine.records) + "\n";
}

ExitCode check(const FsckOptions& options, const Messages& messages, Output& output) {
  PosixEnvironment posix;
  NullLog log;
  ThreadExecutor executor;
  Environment environment = posix.with(executor, log);
  const auto lock = posix.files().lock_directory_for_reading(options.directory);
  if (!lock) return tell_file_failure(messages, lock.error());
  auto code = ExitCode::done;
  // A failed write to stdout is kept by the output, and told at the end.
  const auto found = check_directory(
      environment, options.directory,
      [&](const Finding& finding) { (void)output.write(line_of(finding, options.json)); },
      [&](const Error& error) { code = combine(code, tell_file_failure(messages, error)); });
  if (!found) return combine(code, tell_file_failure(messages, found.error()));
  (void)output.write(summary(options, *found));
  return combine(code, found->corrupt > 0 ? ExitCode::corrupt : ExitCode::done);
}

}  // namespace

ExitCode run_fsck(const FsckOptions& options, const Messages& messages) {
  Output output;
  const ExitCode code = check(options, messages, output);
  return close_output(output, messages, code);
}

}  // namespace kv
