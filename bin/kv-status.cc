// kv-status: every member's state, and where members disagree.
#include "libkv/cli/options.h"
#include "libkv/command/cluster_status.h"
#include "libkv/command/outcome.h"
#include "libkv/command/report_path.h"
#include "libkv/command/session.h"

int main(int argc, char** argv) {
  bool json = false;
  kv::ClientFlags flags;
  kv::Program program{
      .name = "kv-status",
      .summary = "Show every member's state, and where members disagree",
      .options = {{"--json", "", "print one JSON object", &json}},
      .examples = {{"kv-status", "a row for each member"},
                   {"kv-status --json | jq '.members[] | select(.hints > 0)'",
                    "the members that hold hints for others"}},
  };
  kv::add_client_options(program, flags, false);
  if (const auto code = kv::parse_command_line(program, argc, argv)) return kv::to_int(*code);

  const kv::Messages messages(program.name);
  auto session = kv::Session::open(flags);
  if (!session) return kv::to_int(kv::tell_failure(messages, session.error()));
  const auto found =
      kv::survey(session->client(), session->clock(), {.timeout = session->settings().timeout});
  if (!found) return kv::to_int(kv::tell_failure(messages, found.error()));
  const kv::Report status = kv::status_of(*found);
  return kv::to_int(kv::print(messages, json ? kv::json_line(status) : kv::status_text(status)));
}
