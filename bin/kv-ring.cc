// kv-ring: who owns what.
#include "libkv/cli/options.h"
#include "libkv/command/ask_coordinators.h"
#include "libkv/command/outcome.h"
#include "libkv/command/report_path.h"
#include "libkv/command/ring_text.h"
#include "libkv/command/session.h"

int main(int argc, char** argv) {
  bool json = false;
  kv::ClientFlags flags;
  kv::Program program{
      .name = "kv-ring",
      .summary = "Show which members own which partitions",
      .options = {{"--json", "", "print one JSON object", &json}},
      .examples = {{"kv-ring", "each member's share, and the owners of each partition"},
                   {"kv-ring --json | jq '.placements[0].rows[17]'", "one partition"}},
      .notes =
          "A partition is its slots' owners in their order; the first mints: 2,1,3. A member "
          "that is down\nhas a ! behind it, a suspected one a ?; 1>4 is a slot that moves "
          "from 1 to 4.",
  };
  kv::add_client_options(program, flags, false);
  if (const auto code = kv::parse_command_line(program, argc, argv)) return kv::to_int(*code);

  const kv::Messages messages(program.name);
  auto session = kv::Session::open(flags);
  if (!session) return kv::to_int(kv::tell_failure(messages, session.error()));
  const auto ring = kv::ask_first(session->client(), session->clock(), "ring", kv::Report(),
                                  session->settings().timeout);
  if (!ring) return kv::to_int(kv::tell_failure(messages, ring.error()));
  const std::string text = json ? kv::json_line(ring->report) : kv::ring_text(ring->report);
  return kv::to_int(kv::print(messages, text));
}
