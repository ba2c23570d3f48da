// kv-fsck: verifies everything in a stopped daemon's data directory, and writes nothing.
#include "libkv/base/log.h"
#include "libkv/base/posix_environment.h"
#include "libkv/base/thread_executor.h"
#include "libkv/cli/escaped_text.h"
#include "libkv/cli/exit_code.h"
#include "libkv/cli/json_line.h"
#include "libkv/cli/message.h"
#include "libkv/cli/options.h"
#include "libkv/cli/output.h"
#include "libkv/replica/directory_check.h"

namespace {

std::string line_of(const kv::Finding& finding, bool json) {
  const bool is_note = finding.severity == kv::Finding::Severity::note;
  if (!json) return kv::escaped((is_note ? "note: " : "") + to_text(finding)) + "\n";
  return kv::JsonLine()
      .text("finding", is_note ? "note" : "corrupt")
      .bytes("file", finding.file)
      .number("offset", finding.offset)
      .text("what", finding.what)
      .line();
}

std::string summary(const std::string& directory, const kv::DirectoryCheck& check, bool json) {
  const kv::EngineCheckCounts& engine = check.engine;
  if (json)
    return kv::JsonLine()
        .bytes("directory", directory)
        .number("corrupt", check.corrupt)
        .number("notes", check.notes)
        .number("rows", check.rows)
        .number("tables", engine.tables)
        .number("blocks", engine.blocks)
        .number("entries", engine.entries)
        .number("segments", engine.segments)
        .number("records", engine.records)
        .line();
  const std::string verdict =
      check.corrupt == 0 ? "nothing corrupt" : "findings " + std::to_string(check.corrupt);
  return kv::escaped(directory) + ": " + verdict + "; rows of metadata " +
         std::to_string(check.rows) + ", tables " + std::to_string(engine.tables) + ", blocks " +
         std::to_string(engine.blocks) + ", entries " + std::to_string(engine.entries) +
         ", log segments " + std::to_string(engine.segments) + ", log records " +
         std::to_string(engine.records) + "\n";
}

kv::ExitCode tell(const kv::Messages& messages, const kv::Error& error) {
  messages.say(error.what);
  // The directory or a file that was named and is not there is a failure here, not "no such key".
  return error.kind == kv::ErrorKind::not_found ? kv::ExitCode::local
                                                : kv::exit_code_of(error.kind);
}

kv::ExitCode check(const std::string& directory, bool json, const kv::Messages& messages,
                   kv::Output& output) {
  kv::PosixEnvironment posix;
  kv::NullLog log;
  kv::ThreadExecutor executor;
  kv::Environment environment = posix.with(executor, log);
  const auto lock = posix.files().lock_directory_for_reading(directory);
  if (!lock) return tell(messages, lock.error());
  auto code = kv::ExitCode::done;
  // A failed write to stdout is kept by the output, and told at the end.
  const auto found = kv::check_directory(
      environment, directory,
      [&](const kv::Finding& finding) { (void)output.write(line_of(finding, json)); },
      [&](const kv::Error& error) { code = kv::combine(code, tell(messages, error)); });
  if (!found) return kv::combine(code, tell(messages, found.error()));
  (void)output.write(summary(directory, *found, json));
  return kv::combine(code, found->corrupt > 0 ? kv::ExitCode::corrupt : kv::ExitCode::done);
}

}  // namespace

int main(int argc, char** argv) {
  bool json = false;
  std::string directory;
  const kv::Program program{
      .name = "kv-fsck",
      .summary = "Verify everything in a stopped daemon's data directory",
      .arguments = {{"DIR", "the directory that has meta.sqlite: DATA/node or DATA/gossip",
                     &directory}},
      .options = {{"--json", "", "print JSON Lines", &json}},
      .examples = {{"kv-fsck /var/lib/kv/member-1/node", "is every byte what was written?"},
                   {"kv-fsck --json DIR | jq 'select(.finding == \"corrupt\")'", "for scripts"}},
      .notes = "It writes nothing, and refuses a directory whose daemon runs.",
  };
  if (const auto code = kv::parse_command_line(program, argc, argv)) return kv::to_int(*code);

  const kv::Messages messages(program.name);
  kv::Output output;
  kv::ExitCode code = check(directory, json, messages, output);
  if (const kv::Status finished = output.finish(); !finished)
    code = kv::combine(code, tell(messages, finished.error()));
  return kv::to_int(code);
}
