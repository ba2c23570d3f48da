#include "libkv/inspect/log_command.h"

#include <sys/stat.h>

#include "libkv/base/log.h"
#include "libkv/base/posix_environment.h"
#include "libkv/base/thread_executor.h"
#include "libkv/cli/escaped_text.h"
#include "libkv/cli/output.h"
#include "libkv/command/outcome.h"
#include "libkv/inspect/directory_log.h"
#include "libkv/inspect/file_outcome.h"
#include "libkv/inspect/log_lines.h"

namespace kv {

namespace {

/// Prints what was asked for of a log, segment by segment.
class LogPrinter {
 public:
  LogPrinter(const LogOptions& options, Output& output, const Messages& messages)
      : options_(options), output_(output), messages_(messages) {}

  void segment(const SurveyedSegment& segment) {
    const LogLineForm form{options_.json, options_.values};
    if (options_.verify) return;
    if (!options_.records && !options_.operations) return write(line_of(segment, form));
    for (const LogRecord& record : segment.scan.records)
      if (record.offset < segment.end_offset)
        write(options_.records ? line_of(segment, record, form)
                               : lines_of_operations(segment, record, form));
  }
  void finding(const Finding& finding) {
    if (finding.severity != Finding::Severity::note) ++findings_;
    // To who asks for a log's contents its faults are messages; to who verifies, the answer.
    if (options_.verify) return write(line_of(finding, options_.json));
    messages_.say(text_of(finding));
  }
  /// The log was surveyed to its end. True if it is sound.
  bool finish(const std::string& path, const LogSurvey& log) {
    if (options_.verify) write(verdict_line(path, log, findings_, options_.json));
    return findings_ == 0;
  }

 private:
  /// A failed write is kept by the output, and told at the end.
  void write(const std::string& text) { (void)output_.write(text); }

  const LogOptions& options_;
  Output& output_;
  const Messages& messages_;
  uint64_t findings_ = 0;
};

bool is_directory(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

/// False: it is not sound.
Result<bool> show(PosixEnvironment& posix, Environment& environment, const std::string& path,
                  const LogOptions& options, LogPrinter& printer) {
  const bool is_whole = is_directory(path);
  std::unique_ptr<DirectoryLock> lock;
  LogSurveyOptions survey;
  const TellFinding tell = [&](const Finding& finding) { printer.finding(finding); };
  if (is_whole) {
    KV_ASSIGN(lock, posix.files().lock_directory_for_reading(path));
    KV_ASSIGN(survey, log_of_directory(environment, path, tell));
  } else {
    survey.paths.push_back(path);
  }
  if (options.meta) KV_TRY(take_log_metadata_of(environment, *options.meta, &survey));
  // Of one segment alone it cannot be said what should have been before or behind it.
  if (!is_whole) survey.flushed.reset();
  KV_ASSIGN(const LogSurvey log,
            survey_log(
                environment.files, survey,
                [&](const SurveyedSegment& segment) { printer.segment(segment); }, tell));
  return printer.finish(path, log);
}

}  // namespace

ExitCode run_log(const LogOptions& options, const Messages& messages) {
  if (options.records + options.operations + options.verify > 1)
    return tell_usage(messages, "--records, --operations and --verify: one at a time");
  if (options.values && !options.operations)
    return tell_usage(messages, "--values needs --operations");
  PosixEnvironment posix;
  NullLog log;
  ThreadExecutor executor;
  Environment environment = posix.with(executor, log);
  Output output;
  auto code = ExitCode::done;
  for (const std::string& path : options.paths) {
    LogPrinter printer(options, output, messages);
    const auto sound = show(posix, environment, path, options, printer);
    code = combine(code, !sound   ? tell_file_failure(messages, sound.error())
                         : *sound ? ExitCode::done
                                  : ExitCode::corrupt);
  }
  return close_output(output, messages, code);
}

}  // namespace kv
