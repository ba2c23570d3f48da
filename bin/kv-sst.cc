// kv-sst: shows what is in SSTables and verifies them, without their kv-node.
#include "libkv/cli/options.h"
#include "libkv/inspect/sst_command.h"

int main(int argc, char** argv) {
  kv::SstOptions options;
  const kv::Program program{
      .name = "kv-sst",
      .summary = "Show what is in SSTables, and verify them",
      .arguments = {{"FILE", "an SSTable, such as 000012.sst", &options.paths, 1}},
      .options = {{"--blocks", "", "a line for each block instead of the properties",
                   &options.blocks},
                  {"--entries", "", "a line for each entry", &options.entries},
                  {"--values", "", "with --entries: the values, too", &options.values},
                  {"--verify", "", "verify everything, and tell only what is wrong",
                   &options.verify},
                  {"--json", "", "print JSON Lines", &options.json}},
      .examples = {{"kv-sst 000012.sst", "its footer, filter and properties"},
                   {"kv-sst --entries --json 000012.sst | jq -r .key", "its keys"},
                   {"kv-sst --verify *.sst", "which are damaged, and where?"}},
      .notes = "It writes nothing. See kv-format(5) for the bytes.",
  };
  if (const auto code = kv::parse_command_line(program, argc, argv)) return kv::to_int(*code);
  return kv::to_int(kv::run_sst(options, kv::Messages(program.name)));
}
