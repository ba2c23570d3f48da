// kv-fsck: verifies everything in a stopped daemon's data directory, and writes nothing.
#include "libkv/cli/options.h"
#include "libkv/inspect/fsck_command.h"

int main(int argc, char** argv) {
  kv::FsckOptions options;
  const kv::Program program{
      .name = "kv-fsck",
      .summary = "Verify everything in a stopped daemon's data directory",
      .arguments = {{"DIR", "the directory that has meta.sqlite: DATA/node or DATA/gossip",
                     &options.directory}},
      .options = {{"--json", "", "print JSON Lines", &options.json}},
      .examples = {{"kv-fsck /var/lib/kv/member-1/node", "is every byte what was written?"},
                   {"kv-fsck --json DIR | jq 'select(.finding == \"corrupt\")'", "for scripts"}},
      .notes = "It writes nothing, and refuses a directory whose daemon runs.",
  };
  if (const auto code = kv::parse_command_line(program, argc, argv)) return kv::to_int(*code);
  return kv::to_int(kv::run_fsck(options, kv::Messages(program.name)));
}
