#include "libkv/command/scan_command.h"

#include <algorithm>

#include "libkv/cli/output.h"
#include "libkv/command/answers.h"
#include "libkv/command/outcome.h"
#include "libkv/command/session.h"
#include "libkv/command/shown_record.h"

namespace kv {

namespace {

/// The range of keys that all of prefix, from and to allow.
msg::ClientScan range_of(const ScanOptions& options, msg::ClientScan scan) {
  scan.from = options.from.value_or("");
  scan.to = options.to.value_or("");
  if (options.prefix) {
    scan.from = std::max(scan.from, *options.prefix);
    const std::string end = after_prefix(*options.prefix);
    if (!end.empty()) scan.to = scan.to.empty() ? end : std::min(scan.to, end);
  }
  return scan;
}

ExitCode scan_pages(Session& session, const ScanOptions& options, RecordWriter& writer,
                    const Messages& messages) {
  msg::ClientScan scan = range_of(options, session.request<msg::ClientScan>());
  if (!scan.to.empty() && scan.from >= scan.to) return ExitCode::done;
  if (options.to && options.to->empty()) return ExitCode::done;
  scan.reverse = options.reverse;
  scan.keys_only = options.keys_only;
  scan.r = static_cast<uint8_t>(options.r.value_or(0));
  scan.strict = options.strict;
  uint64_t left = options.limit.value_or(~uint64_t{0});
  ExitCode code = ExitCode::done;
  const ShowOptions show_options{options.siblings, false, options.json_lines && options.siblings};
  while (left > 0) {
    scan.records_max =
        static_cast<uint32_t>(std::min<uint64_t>(left, limits::scan_page_records_max));
    const msg::ScanDone page = session.client().scan(scan);
    if (page.answer != Answer::ok) {
      Error error = error_of(page.answer, page.detail);
      if (error.kind == ErrorKind::not_found) error.kind = ErrorKind::invalid;
      return combine(code, tell_failure(messages, error));
    }
    for (const msg::KeyRecord& found : page.records) {
      Status shown;
      if (options.keys_only) {
        shown = writer.write({found.key.view(), {}});
      } else {
        shown = show(found.key.view(), found.record, show_options, writer);
      }
      if (shown) continue;
      messages.say(found.key.view(), shown.error());
      code = combine(code, exit_code_of(shown.error().kind));
      if (exit_code_of(shown.error().kind) == ExitCode::local) return code;
    }
    left -= std::min<uint64_t>(left, page.records.size());
    if (!page.more) break;
    (options.reverse ? scan.to : scan.from) = page.next;
  }
  return code;
}

}  // namespace

std::string after_prefix(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(prefix.back() + 1);
  return prefix;
}

ExitCode run_scan(const ScanOptions& options, const ClientFlags& flags, const Messages& messages) {
  const auto usage = [&](const char* what) {
    return tell_failure(messages, {ErrorKind::invalid, what});
  };
  if (const Status fine = check_replicas("--r", options.r); !fine)
    return tell_failure(messages, fine.error());
  if (options.null + options.json_lines + options.tsv > 1)
    return usage("-0, --jsonl and --tsv exclude each other");
  if (options.siblings && !options.json_lines) return usage("--siblings needs --jsonl");
  Result<Session> session = Session::open(flags);
  if (!session) return tell_failure(messages, session.error());
  RecordFormat format = RecordFormat::tsv;
  if (options.null) format = RecordFormat::nul;
  if (options.json_lines) format = RecordFormat::json_lines;
  if (options.keys_only && !options.null && !options.json_lines && !options.tsv)
    format = RecordFormat::lines;
  Output output;
  RecordWriter writer(output, format, options.keys_only);
  ExitCode code = scan_pages(*session, options, writer, messages);
  if (const Status finished = output.finish(); !finished)
    code = combine(code, tell_failure(messages, finished.error()));
  return code;
}

}  // namespace kv
