// kv-explain: where a key lies, and what each of its replicas has.
#include "libkv/base/limits.h"
#include "libkv/cli/json_text.h"
#include "libkv/cli/options.h"
#include "libkv/command/ask_coordinators.h"
#include "libkv/command/explanation.h"
#include "libkv/command/outcome.h"
#include "libkv/command/report_path.h"
#include "libkv/command/session.h"

namespace {

kv::Result<kv::Report> explain(kv::Session& session, const std::string& key) {
  if (key.empty() || key.size() > kv::limits::key_bytes_max)
    return kv::fail(kv::ErrorKind::invalid, "a key has 1 to " +
                                                std::to_string(kv::limits::key_bytes_max) +
                                                " bytes, this one " + std::to_string(key.size()));
  const kv::Report arguments =
      kv::Report::object().set("keyspace", session.settings().keyspace).set("key", key);
  auto told = kv::ask_first(session.client(), session.clock(), "explain", arguments,
                            session.settings().timeout);
  if (told) return kv::with_differences(std::move(told->report));
  if (told.error().kind != kv::ErrorKind::not_found) return kv::fail(told.error());
  return kv::fail(kv::ErrorKind::invalid, "there is no keyspace " + session.settings().keyspace);
}

// The key first, in the spelling that brings any bytes back.
std::string json_of(const std::string& key, const kv::Report& explained) {
  std::string line = "{";
  kv::append_json_bytes(line, "key", key);
  return line + "," + kv::json_line(explained).substr(1);
}

}  // namespace

int main(int argc, char** argv) {
  bool json = false;
  std::string key;
  kv::ClientFlags flags;
  kv::Program program{
      .name = "kv-explain",
      .summary = "Show where a key lies, and what each of its replicas has",
      .arguments = {{"KEY", "the key, which need not exist", &key}},
      .options = {{"--json", "", "print one JSON object", &json}},
      .examples = {{"kv-explain cart:7", "why did I read this?"},
                   {"kv-explain cart:7 --json | jq .slots_differ", "are its copies equal?"}},
  };
  kv::add_client_options(program, flags);
  if (const auto code = kv::parse_command_line(program, argc, argv)) return kv::to_int(*code);

  const kv::Messages messages(program.name);
  auto session = kv::Session::open(flags);
  if (!session) return kv::to_int(kv::tell_failure(messages, session.error()));
  const auto explained = explain(*session, key);
  if (!explained) return kv::to_int(kv::tell_failure(messages, explained.error()));
  const std::string text =
      json ? json_of(key, *explained) : kv::explanation_text(kv::printable(key), *explained);
  return kv::to_int(kv::print(messages, text));
}
