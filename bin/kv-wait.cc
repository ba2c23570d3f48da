// kv-wait: returns when the cluster is ready, or settled.
#include <algorithm>
#include <string>

#include "libkv/cli/options.h"
#include "libkv/command/outcome.h"
#include "libkv/command/report_path.h"
#include "libkv/command/session.h"
#include "libkv/command/wait.h"

namespace {

// Longer than a request's: a cluster that starts or repairs itself takes its time.
constexpr const char* kTimeoutDefault = "60s";
constexpr size_t kMissingShownMax = 10;

std::string json_of(const kv::Waited& waited) {
  kv::Report missing = kv::Report::array();
  for (const std::string& what : waited.missing) missing.append(what);
  return kv::json_line(kv::Report::object()
                           .set("reached", waited.missing.empty())
                           .set("seconds", kv::seconds_of(waited.took))
                           .set("missing", std::move(missing)));
}

void say_missing(const kv::Messages& messages, const kv::Waited& waited) {
  if (waited.nobody_answered) return messages.say("the time was over: " + waited.missing[0]);
  const size_t shown = std::min(waited.missing.size(), kMissingShownMax);
  for (size_t i = 0; i < shown; ++i) messages.say("still missing: " + waited.missing[i]);
  if (shown < waited.missing.size())
    messages.say("and " + std::to_string(waited.missing.size() - shown) + " more");
}

}  // namespace

int main(int argc, char** argv) {
  bool ready = false;
  bool settled = false;
  bool json = false;
  kv::ClientFlags flags;
  kv::Program program{
      .name = "kv-wait",
      .summary = "Wait until the cluster is ready, or settled",
      .options =
          {{"--ready", "", "until every member is up and seen so by all, at one epoch", &ready},
           {"--settled", "",
            "until it is ready, nothing is owed, and all copies of every partition are equal",
            &settled},
           {"--json", "", "print one JSON object, also when the time is over", &json}},
      .examples = {{"kv-wait --ready --timeout 30s", "after starting a cluster"},
                   {"kv-wait --settled && kv-status", "after a member has come back"}},
  };
  kv::add_client_options(program, flags, false);
  for (kv::Option& option : program.options)
    if (option.names == "--timeout")
      option.help = std::string("how long to wait (") + kTimeoutDefault + ")";
  if (const auto code = kv::parse_command_line(program, argc, argv)) return kv::to_int(*code);

  const kv::Messages messages(program.name);
  if (ready == settled)
    return kv::to_int(kv::tell_usage(messages, "exactly one of --ready and --settled is needed"));
  if (!flags.timeout) flags.timeout = kTimeoutDefault;
  auto session = kv::Session::open(flags);
  if (!session) return kv::to_int(kv::tell_failure(messages, session.error()));
  const kv::Waited waited =
      kv::wait_for_cluster(session->client(), session->clock(),
                           {.settled = settled, .timeout = session->settings().timeout});
  if (json) {
    const kv::ExitCode printed = kv::print(messages, json_of(waited));
    if (printed != kv::ExitCode::done) return kv::to_int(printed);
  }
  if (waited.missing.empty()) return 0;
  if (waited.hopeless) return kv::to_int(kv::tell_failure(messages, *waited.hopeless));
  say_missing(messages, waited);
  return kv::to_int(kv::ExitCode::no);
}
