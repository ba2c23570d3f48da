#include "libkv/inspect/file_outcome.h"

#include "libkv/cli/escaped_text.h"
#include "libkv/cli/json_line.h"

namespace kv {

namespace {

bool is_note(const Finding& finding) {
  return finding.severity == Finding::Severity::note;
}

}  // namespace

std::string text_of(const Finding& finding) {
  return escaped((is_note(finding) ? "note: " : "") + to_text(finding));
}

std::string line_of(const Finding& finding, bool json) {
  if (!json) return text_of(finding) + "\n";
  return JsonLine()
      .text("finding", is_note(finding) ? "note" : "corrupt")
      .bytes("file", finding.file)
      .number("offset", finding.offset)
      .text("what", finding.what)
      .line();
}

ExitCode tell_file_failure(const Messages& messages, const Error& error) {
  messages.say(escaped(error.what));
  // What was named and is not there is a failure here, not "no such key".
  return error.kind == ErrorKind::not_found ? ExitCode::local : exit_code_of(error.kind);
}

ExitCode close_output(Output& output, const Messages& messages, ExitCode code) {
  const Status finished = output.finish();
  return finished ? code : combine(code, tell_file_failure(messages, finished.error()));
}

}  // namespace kv
