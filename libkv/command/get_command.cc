#include "libkv/command/get_command.h"

#include <algorithm>

#include "libkv/cli/output.h"
#include "libkv/cli/record_reader.h"
#include "libkv/command/answers.h"
#include "libkv/command/context_file.h"
#include "libkv/command/session.h"
#include "libkv/command/shown_record.h"
#include "libkv/command/window.h"

namespace kv {

namespace {

constexpr uint64_t kValueBytesLeast = 4096;

bool reads_stdin(const GetOptions& options) {
  return options.keys.size() == 1 && options.keys[0] == "-";
}

bool prints_json(const GetOptions& options) {
  return options.json_lines || options.siblings || options.meta;
}

bool prints_records(const GetOptions& options) {
  return prints_json(options) || options.null || options.tsv;
}

class Get {
 public:
  /// `context`: where to save it, or null.
  Get(const GetOptions& options, Session& session, ContextFile* context, const Messages& messages)
      : options_(options), session_(session), context_(context), messages_(messages) {}

  ExitCode run() {
    if (prints_records(options_)) {
      many();
    } else {
      one(options_.keys[0]);
    }
    if (const Status finished = finish(); !finished) note("", finished.error());
    return code_;
  }

 private:
  /// The context is saved once what it covers is written, and before stdout is closed: a put that
  /// reads to the end of what this get began finds it.
  Status finish() {
    KV_TRY(output_.flush());
    if (context_ != nullptr && seen_) KV_TRY(context_->save(*seen_));
    return output_.finish();
  }

  void note(BytesView key, const Error& error) {
    if (key.empty()) {
      messages_.say(error.what);
    } else if (error.kind == ErrorKind::not_found) {
      messages_.say(key, "no such key");
    } else {
      messages_.say(key, error);
    }
    code_ = combine(code_, exit_code_of(error.kind));
  }

  msg::ClientGet request_for(BytesView key) {
    msg::ClientGet request = session_.request<msg::ClientGet>();
    request.key = SharedBytes::copy_of(key);
    request.r = static_cast<uint8_t>(options_.r.value_or(0));
    request.strict = options_.strict;
    return request;
  }

  /// Whether there is something to show; says why not.
  bool is_answered(BytesView key, const msg::GetDone& done) {
    if (done.answer == Answer::ok) return true;
    if (done.answer == Answer::not_found && done.detail.empty()) seen_ = done.record.context;
    if (done.answer == Answer::not_found && !done.detail.empty()) {
      note(key, {ErrorKind::invalid, done.detail});
    } else {
      note(key, error_of(done.answer, done.detail));
    }
    return false;
  }

  void one(const std::string& key) {
    const msg::GetDone done = session_.client().get(request_for(key));
    if (!is_answered(key, done)) return;
    if (done.record.siblings.size() > 1) {
      note(key, {ErrorKind::conflict, std::to_string(done.record.siblings.size()) +
                                          " siblings; --siblings shows them, and a put with "
                                          "their --context resolves them"});
      return;
    }
    Status written = output_.write(done.record.siblings[0].value.view());
    if (written) written = output_.close_line();
    if (!written) return note("", written.error());
    seen_ = done.record.context;
  }

  void many() {
    const bool json = prints_json(options_);
    const RecordFormat format = json           ? RecordFormat::json_lines
                                : options_.tsv ? RecordFormat::tsv
                                               : RecordFormat::nul;
    RecordWriter writer(output_, format);
    const ShowOptions show_options{options_.siblings, options_.meta, json};
    Window<std::string> window(
        session_.client(), {}, [&](const std::string& key, const ClientReply& reply) {
          const auto& done = std::get<msg::GetDone>(reply);
          // The next values are expected to be as large as the largest so far.
          expected_bytes_ = std::max(seen_any_ ? expected_bytes_ : kValueBytesLeast,
                                     done.record.value_bytes() + kValueBytesLeast);
          seen_any_ = true;
          if (!is_answered(key, done)) return;
          const Status shown = show(key, done.record, show_options, writer);
          if (!shown) return note(key, shown.error());
          seen_ = done.record.context;
        });
    const auto wait_for = [&](int input) {
      window.work_until_readable(input);
      // Whoever gives keys one by one wants to see their values.
      if (window.in_flight() == 0) {
        if (const Status flushed = output_.flush(); !flushed) note("", flushed.error());
      }
    };
    const auto ask = [&](BytesView key) {
      window.add(std::string(key), request_for(key), key.size() + expected_bytes_);
    };
    if (reads_stdin(options_)) {
      read_keys(ask, wait_for);
    } else {
      for (const std::string& key : options_.keys) ask(key);
    }
    window.finish();
  }

  template <typename Ask, typename WaitFor>
  void read_keys(Ask&& ask, WaitFor&& wait_for) {
    DescriptorSource source(0, "stdin");
    source.while_waiting(wait_for);
    RecordFormat format = RecordFormat::lines;
    if (options_.null) format = RecordFormat::nul;
    if (options_.json_lines) format = RecordFormat::json_lines;
    if (options_.tsv) format = RecordFormat::tsv;
    const auto reader = make_record_reader(source, {.format = format, .keys_only = true});
    while (true) {
      Result<std::optional<ReadRecord>> read = reader->next();
      if (!read) return note("", read.error());
      if (!*read) return;
      if (const auto* bad = std::get_if<BadRecord>(&**read)) {
        note("", {ErrorKind::invalid, reader->place_text(bad->place) + ": " + bad->reason});
      } else {
        ask(std::get<KeyValue>(**read).key);
      }
    }
  }

  const GetOptions& options_;
  Session& session_;
  ContextFile* const context_;
  const Messages& messages_;
  Output output_;
  std::optional<CausalContext> seen_;  ///< Of what was shown, or is not there.
  ExitCode code_ = ExitCode::done;
  /// What a get that is under way is counted as, so that values not seen yet are bounded in bytes.
  uint64_t expected_bytes_ = 64u << 10;
  bool seen_any_ = false;
};

Status check(const GetOptions& options) {
  if (options.null + options.json_lines + options.tsv > 1)
    return fail(ErrorKind::invalid, "-0, --jsonl and --tsv exclude each other");
  if (options.tsv && (options.siblings || options.meta))
    return fail(ErrorKind::invalid, "--siblings and --meta print JSON Lines: no --tsv");
  if (options.context_to && (options.keys.size() != 1 || reads_stdin(options)))
    return fail(ErrorKind::invalid, "--context-to takes one key");
  if ((options.keys.size() > 1 || reads_stdin(options)) && !prints_records(options))
    return fail(ErrorKind::invalid,
                "several keys need -0, --tsv or --jsonl, to tell their values apart");
  return check_replicas("--r", options.r);
}

/// Empty from here on, whatever fails: an older read's context would be taken for this one's.
Result<std::unique_ptr<ContextFile>> open_context(const GetOptions& options) {
  if (!options.context_to) return nullptr;
  KV_ASSIGN(auto file, ContextFile::open(*options.context_to));
  KV_TRY(file->clear());
  return file;
}

Result<ExitCode> get(const GetOptions& options, const ClientFlags& flags,
                     const Messages& messages) {
  KV_TRY(check(options));
  KV_ASSIGN(const auto context, open_context(options));
  KV_ASSIGN(Session session, Session::open(flags));
  return Get(options, session, context.get(), messages).run();
}

}  // namespace

ExitCode run_get(const GetOptions& options, const ClientFlags& flags, const Messages& messages) {
  const Result<ExitCode> code = get(options, flags, messages);
  if (code) return *code;
  messages.say(code.error().what);
  return exit_code_of(code.error().kind);
}

}  // namespace kv
