// kv-log: shows what is in a commit log and where it ends, and verifies it, without its kv-node.
#include <string>
#include <vector>

#include <sys/stat.h>

#include "bin/log_lines.h"
#include "libkv/base/log.h"
#include "libkv/base/posix_environment.h"
#include "libkv/base/thread_executor.h"
#include "libkv/cli/escaped_text.h"
#include "libkv/cli/exit_code.h"
#include "libkv/cli/json_line.h"
#include "libkv/cli/message.h"
#include "libkv/cli/options.h"
#include "libkv/cli/output.h"
#include "libkv/storage/check/log_whereabouts.h"
#include "libkv/storage/log/log_survey.h"

namespace {

struct Choices {
  bool records = false;
  bool operations = false;
  bool verify = false;
  bool values = false;
  bool json = false;
  std::optional<std::string> meta;
};

/// Prints what was asked for of a log, segment by segment.
class Printer {
 public:
  Printer(const Choices& choices, kv::Output& output, const kv::Messages& messages)
      : choices_(choices), output_(output), messages_(messages) {}

  void segment(const kv::SurveyedSegment& segment) {
    const kv::LogLineForm form{choices_.json, choices_.values};
    if (choices_.verify) return;
    if (!choices_.records && !choices_.operations) return write(line_of(segment, form));
    for (const kv::LogRecord& record : segment.scan.records)
      if (record.offset < segment.end_offset)
        write(choices_.records ? line_of(segment, record, form)
                               : lines_of_operations(segment, record, form));
  }
  void finding(const kv::Finding& finding) {
    const bool is_note = finding.severity == kv::Finding::Severity::note;
    if (!is_note) ++findings_;
    // To who asks for a log's contents its faults are messages; to who verifies, the answer.
    const std::string text = kv::escaped((is_note ? "note: " : "") + to_text(finding));
    if (!choices_.verify) return messages_.say(text);
    write(choices_.json ? kv::JsonLine()
                              .text("finding", is_note ? "note" : "corrupt")
                              .bytes("file", finding.file)
                              .number("offset", finding.offset)
                              .text("what", finding.what)
                              .line()
                        : text + "\n");
  }
  void end(const std::string& path, const kv::LogSurvey& log) {
    if (!choices_.verify) return;
    write(choices_.json ? kv::JsonLine()
                              .bytes("log", path)
                              .number("findings", findings_)
                              .number("segments", log.segments)
                              .number("records", log.records)
                              .number("last_sequence", log.last_sequence)
                              .line()
                        : kv::escaped(path) + ": " +
                              (findings_ == 0 ? "sound" : "findings " + std::to_string(findings_)) +
                              "; segments " + std::to_string(log.segments) + ", records " +
                              std::to_string(log.records) + ", last sequence " +
                              std::to_string(log.last_sequence) + "\n");
  }
  bool sound() const { return findings_ == 0; }

 private:
  /// A failed write is kept by the output, and told at the end.
  void write(const std::string& text) { (void)output_.write(text); }

  const Choices& choices_;
  kv::Output& output_;
  const kv::Messages& messages_;
  uint64_t findings_ = 0;
};

bool is_directory(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

kv::Result<bool> show(kv::PosixEnvironment& posix, kv::Environment& environment,
                      const std::string& path, const Choices& choices, Printer& printer) {
  const bool is_whole = is_directory(path);
  std::unique_ptr<kv::DirectoryLock> lock;
  kv::LogSurveyOptions options;
  if (is_whole) {
    KV_ASSIGN(lock, posix.files().lock_directory_for_reading(path));
    KV_ASSIGN(options, kv::log_of_directory(environment, path));
  } else {
    options.paths.push_back(path);
  }
  if (choices.meta) KV_TRY(kv::take_log_metadata(environment, *choices.meta, &options));
  // Of one segment alone it cannot be said what should have been before or behind it.
  if (!is_whole) options.flushed.reset();
  KV_ASSIGN(const kv::LogSurvey log,
            kv::survey_log(
                environment.files, options,
                [&](const kv::SurveyedSegment& segment) { printer.segment(segment); },
                [&](const kv::Finding& finding) { printer.finding(finding); }));
  printer.end(path, log);
  return printer.sound();
}

kv::ExitCode show_all(const std::vector<std::string>& paths, const Choices& choices,
                      kv::Output& output, const kv::Messages& messages) {
  kv::PosixEnvironment posix;
  kv::NullLog log;
  kv::ThreadExecutor executor;
  kv::Environment environment = posix.with(executor, log);
  auto code = kv::ExitCode::done;
  for (const std::string& path : paths) {
    Printer printer(choices, output, messages);
    const auto sound = show(posix, environment, path, choices, printer);
    if (!sound) messages.say(kv::escaped(sound.error().what));
    // What was named and is not there is a failure here, not "no such key".
    const bool is_missing = !sound && sound.error().kind == kv::ErrorKind::not_found;
    code = kv::combine(code, is_missing ? kv::ExitCode::local
                             : !sound   ? kv::exit_code_of(sound.error().kind)
                             : *sound   ? kv::ExitCode::done
                                        : kv::ExitCode::corrupt);
  }
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  Choices choices;
  std::vector<std::string> paths;
  const kv::Program program{
      .name = "kv-log",
      .summary = "Show what is in a commit log and where it ends, and verify it",
      .arguments = {{"FILE|DIR", "a segment, such as 000012.log, or a stopped kv-node's directory",
                     &paths, 1}},
      .options = {{"--records", "", "a line for each record instead of each segment",
                   &choices.records},
                  {"--operations", "", "a line for each operation", &choices.operations},
                  {"--values", "", "with --operations: the values, too", &choices.values},
                  {"--verify", "", "verify everything, and tell only what is wrong",
                   &choices.verify},
                  {"--meta", "FILE", "the meta.sqlite of the directory that a FILE is from",
                   &choices.meta},
                  {"--json", "", "print JSON Lines", &choices.json}},
      .examples = {{"kv-log /var/lib/kv/member-1/node", "its segments, and where each ends"},
                   {"kv-log --operations 000012.log | tail", "what came last?"},
                   {"kv-log --verify DIR", "is anything damaged that was durable?"}},
      .notes =
          "It writes nothing, and refuses a directory whose kv-node runs. See kv-format(5) for "
          "the bytes.",
  };
  if (const auto code = kv::parse_command_line(program, argc, argv)) return kv::to_int(*code);

  const kv::Messages messages(program.name);
  if (choices.records + choices.operations + choices.verify > 1) {
    messages.say("--records, --operations and --verify: one at a time");
    return kv::to_int(kv::ExitCode::usage);
  }
  if (choices.values && !choices.operations) {
    messages.say("--values needs --operations");
    return kv::to_int(kv::ExitCode::usage);
  }
  kv::Output output;
  kv::ExitCode code = show_all(paths, choices, output, messages);
  if (const kv::Status finished = output.finish(); !finished) {
    messages.say(finished.error().what);
    code = kv::combine(code, kv::ExitCode::local);
  }
  return kv::to_int(code);
}
