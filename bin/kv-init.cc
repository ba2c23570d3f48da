// kv-init: makes a cluster out of members that belong to none.
#include "libkv/cli/message.h"
#include "libkv/cli/options.h"
#include "libkv/command/init_command.h"

int main(int argc, char** argv) {
  kv::InitOptions options;
  kv::Program program{
      .name = "kv-init",
      .summary = "Make a cluster: its id and its first map",
      .options =
          {
              {"--member", "NUMBER=ENDPOINT",
               "a member and the endpoint of its kv-gossip; once for each", &options.members},
              {"--partitions", "Q",
               "equal partitions of the key space, a power of two; for the cluster's life",
               &options.partitions},
              {"--timeout", "DURATION", "give up after this time (10s)", &options.timeout},
              {"--json", "", "print JSON", &options.json},
          },
      .examples = {{"kv-init --member 1=ipc:///run/kv/1/gossip --member 2=ipc:///run/kv/2/gossip "
                    "--member 3=ipc:///run/kv/3/gossip",
                    "a cluster of three"}},
      .notes =
          "Labels, weights and the other daemons' endpoints come from each member's kv.toml.\n"
          "Exit: 0 agreed, 2 bad input or a member of a cluster already, 3 a member did not\n"
          "answer, 4 unknown: it may have been agreed on (kv-status tells).",
  };
  if (const auto code = kv::parse_command_line(program, argc, argv)) return kv::to_int(*code);
  return kv::to_int(kv::run_init(options, kv::Messages(program.name)));
}
