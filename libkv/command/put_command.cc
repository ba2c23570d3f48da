#include "libkv/command/put_command.h"

#include <unistd.h>

#include "libkv/cli/byte_source.h"
#include "libkv/command/answers.h"
#include "libkv/command/bulk_put.h"
#include "libkv/command/context_file.h"

namespace kv {

namespace {

ExitCode failed(const Messages& messages, const Error& error) {
  messages.say(error.what);
  return exit_code_of(error.kind);
}

Error usage(std::string what) {
  return {ErrorKind::invalid, std::move(what)};
}

Result<std::string> read_value(const PutOptions& options) {
  if (options.file) return read_file(*options.file, limits::value_bytes_max_ceiling);
  if (options.value && *options.value != "-") return *options.value;
  if (!options.value && ::isatty(0) != 0)
    return fail(
        usage("no value: give it as an argument, by --file, or on stdin (- reads a "
              "terminal, too)"));
  DescriptorSource source(0, "stdin");
  return read_all(source, limits::value_bytes_max_ceiling);
}

Status check_one(const PutOptions& options) {
  if (options.rejects || options.resume)
    return fail(usage("--rejects and --resume are for a stream: -0, --jsonl, --tsv"));
  if (!options.key) return fail(usage("no key"));
  if (options.value && options.file)
    return fail(usage("the value is given twice: as an argument and by --file"));
  return {};
}

Result<msg::ClientPut> compose_put(Session& session, const PutOptions& options) {
  KV_ASSIGN(std::string value, read_value(options));
  msg::ClientPut put = session.request<msg::ClientPut>();
  put.put = session.client().next_put_id();
  put.key = SharedBytes::copy_of(*options.key);
  put.value = SharedBytes(std::move(value));
  put.ttl = options.ttl.value_or(Duration::zero());
  put.w = static_cast<uint8_t>(options.w.value_or(0));
  put.strict = options.strict;
  if (options.sibling) put.mode = PutMode::sibling;
  if (options.context) {
    KV_ASSIGN(put.context, read_context(*options.context));
    put.mode = PutMode::over_context;
  }
  return put;
}

Result<ExitCode> put_one(Session& session, const PutOptions& options, const Messages& messages) {
  KV_TRY(check_one(options));
  KV_ASSIGN(msg::ClientPut put, compose_put(session, options));
  std::unique_ptr<ContextFile> context_to;
  if (options.context_to) {
    KV_ASSIGN(context_to, ContextFile::open(*options.context_to));
  }
  const msg::PutDone done = session.client().put(std::move(put));
  if (done.answer != Answer::ok) {
    Error error = error_of(done.answer, done.detail);
    // No such keyspace: a write never asks whether the key is there.
    if (error.kind == ErrorKind::not_found) error.kind = ErrorKind::invalid;
    messages.say(*options.key, error);
    return exit_code_of(error.kind);
  }
  if (context_to) KV_TRY(context_to->save(done.context));
  return ExitCode::done;
}

ExitCode put_many(Session& session, RecordFormat format, bool keys_only,
                  const BulkPutOptions& options, const Messages& messages) {
  DescriptorSource source(0, "stdin");
  const RecordLimits record_limits{limits::key_bytes_max, session.settings().value_bytes_max,
                                   64u << 10};
  const auto reader = make_record_reader(
      source, {.format = format, .keys_only = keys_only, .limits = record_limits});
  const Instant began = session.clock().now();
  const Result<BulkPutFigures> figures = bulk_put(session, *reader, source, options, messages);
  if (!figures) return failed(messages, figures.error());
  messages.say(summary(*figures, session.clock().now() - began));
  return figures->code;
}

ExitCode put_stream(Session& session, const PutOptions& options, const Messages& messages) {
  if (options.key)
    return failed(messages, usage("a stream brings its own keys: none on the "
                                  "command line"));
  if (options.file || options.context_to)
    return failed(messages, usage("--file and --context-to are for one key"));
  const RecordFormat format = options.json_lines ? RecordFormat::json_lines
                              : options.tsv      ? RecordFormat::tsv
                                                 : RecordFormat::nul;
  BulkPutOptions bulk;
  bulk.ttl = options.ttl.value_or(Duration::zero());
  bulk.w = static_cast<uint8_t>(options.w.value_or(0));
  bulk.strict = options.strict;
  bulk.rejects = options.rejects;
  bulk.resume = options.resume;
  if (options.sibling) bulk.mode = PutMode::sibling;
  if (options.context) {
    Result<CausalContext> context = read_context(*options.context);
    if (!context) return failed(messages, context.error());
    bulk.context = std::move(*context);
  }
  return put_many(session, format, false, bulk, messages);
}

Status check_delete(const DeleteOptions& options) {
  if (options.null && options.json_lines) return fail(usage("-0 and --jsonl exclude each other"));
  const bool is_stream = options.null || options.json_lines;
  if (is_stream && !options.keys.empty())
    return fail(usage("-0 and --jsonl read the keys from stdin: none on the command line"));
  if (!is_stream && options.keys.empty()) return fail(usage("no key"));
  if (!is_stream && (options.rejects || options.resume))
    return fail(usage("--rejects and --resume are for a stream: -0, --jsonl"));
  return check_replicas("--w", options.w);
}

Result<BulkPutOptions> bulk_delete_options(const DeleteOptions& options) {
  BulkPutOptions bulk;
  bulk.tombstones = true;
  bulk.w = static_cast<uint8_t>(options.w.value_or(0));
  bulk.strict = options.strict;
  bulk.rejects = options.rejects;
  bulk.resume = options.resume;
  if (options.context) {
    KV_ASSIGN(bulk.context, read_context(*options.context));
  }
  return bulk;
}

ExitCode delete_one(Session& session, const std::string& key, const BulkPutOptions& options,
                    const Messages& messages) {
  msg::ClientPut put = session.request<msg::ClientPut>();
  put.put = session.client().next_put_id();
  put.key = SharedBytes::copy_of(key);
  put.tombstone = true;
  put.w = options.w;
  put.strict = options.strict;
  if (options.context) {
    put.mode = PutMode::over_context;
    put.context = *options.context;
  }
  const msg::PutDone done = session.client().put(std::move(put));
  if (done.answer == Answer::ok) return ExitCode::done;
  Error error = error_of(done.answer, done.detail);
  if (error.kind == ErrorKind::not_found) error.kind = ErrorKind::invalid;
  messages.say(key, error);
  return exit_code_of(error.kind);
}

Result<ExitCode> delete_keys(const DeleteOptions& options, const ClientFlags& flags,
                             const Messages& messages) {
  KV_TRY(check_delete(options));
  KV_ASSIGN(Session session, Session::open(flags));
  KV_ASSIGN(const BulkPutOptions bulk, bulk_delete_options(options));
  if (options.null) return put_many(session, RecordFormat::nul, true, bulk, messages);
  if (options.json_lines) return put_many(session, RecordFormat::json_lines, true, bulk, messages);
  ExitCode code = ExitCode::done;
  for (const std::string& key : options.keys)
    code = combine(code, delete_one(session, key, bulk, messages));
  return code;
}

}  // namespace

ExitCode run_put(const PutOptions& options, const ClientFlags& flags, const Messages& messages) {
  if (const Status fine = check_replicas("--w", options.w); !fine)
    return failed(messages, fine.error());
  if (options.ttl && *options.ttl <= Duration::zero())
    return failed(messages, usage("--ttl: longer than nothing"));
  if (options.sibling && options.context)
    return failed(messages, usage("--sibling and --context contradict each other"));
  const int formats = options.null + options.json_lines + options.tsv;
  if (formats > 1) return failed(messages, usage("-0, --jsonl and --tsv exclude each other"));
  Result<Session> session = Session::open(flags);
  if (!session) return failed(messages, session.error());
  if (formats == 1) return put_stream(*session, options, messages);
  const Result<ExitCode> code = put_one(*session, options, messages);
  return code ? *code : failed(messages, code.error());
}

ExitCode run_delete(const DeleteOptions& options, const ClientFlags& flags,
                    const Messages& messages) {
  const Result<ExitCode> code = delete_keys(options, flags, messages);
  return code ? *code : failed(messages, code.error());
}

}  // namespace kv
