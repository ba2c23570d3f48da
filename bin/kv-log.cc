// kv-log: shows what is in a commit log and where it ends, and verifies it, without its kv-node.
#include "libkv/cli/options.h"
#include "libkv/inspect/log_command.h"

int main(int argc, char** argv) {
  kv::LogOptions options;
  const kv::Program program{
      .name = "kv-log",
      .summary = "Show what is in a commit log and where it ends, and verify it",
      .arguments = {{"FILE|DIR", "a segment, such as 000012.log, or a stopped kv-node's directory",
                     &options.paths, 1}},
      .options = {{"--records", "", "a line for each record instead of each segment",
                   &options.records},
                  {"--operations", "", "a line for each operation", &options.operations},
                  {"--values", "", "with --operations: the values, too", &options.values},
                  {"--verify", "", "verify everything, and tell only what is wrong",
                   &options.verify},
                  {"--meta", "FILE", "the meta.sqlite of the directory that a FILE is from",
                   &options.meta},
                  {"--json", "", "print JSON Lines", &options.json}},
      .examples = {{"kv-log /var/lib/kv/member-1/node", "its segments, and where each ends"},
                   {"kv-log --operations 000012.log | tail", "what came last?"},
                   {"kv-log --verify DIR", "is anything damaged that was durable?"}},
      .notes =
          "It writes nothing, and refuses a directory whose kv-node runs. See kv-format(5) for "
          "the bytes.",
  };
  if (const auto code = kv::parse_command_line(program, argc, argv)) return kv::to_int(*code);
  return kv::to_int(kv::run_log(options, kv::Messages(program.name)));
}
