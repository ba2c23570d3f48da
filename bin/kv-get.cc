// kv-get: the value of a key, byte for byte; or of many, as records.
#include <cstdio>

#include "libkv/cli/message.h"
#include "libkv/cli/options.h"
#include "libkv/command/get_command.h"

int main(int argc, char** argv) {
  kv::GetOptions options;
  kv::ClientFlags flags;
  kv::Program program{
      .name = "kv-get",
      .summary = "Print the value of a key",
      .arguments = {{"KEY", "the key; - reads keys from stdin", &options.keys, 1}},
      .options =
          {
              {"--siblings", "", "print all siblings, as JSON Lines with value and dot",
               &options.siblings},
              {"--meta", "", "JSON Lines with timestamp, expiry and size beside each value",
               &options.meta},
              {"--context-to", "FILE",
               "save the causal context for a later kv-put --context; empty where the get fails",
               &options.context_to},
              {"-0,--null", "", "several keys: KEY NUL VALUE NUL …; keys on stdin end in NUL",
               &options.null},
              {"--jsonl", "", "several keys: JSON Lines", &options.json_lines},
              {"--tsv", "", "several keys: KEY TAB VALUE, escaped; keys on stdin are, too",
               &options.tsv},
              {"--r", "N", "wait for N replicas instead of the keyspace's R", &options.r},
              {"--strict", "", "count only what the key's own slots hold durably", &options.strict},
          },
      .examples = {{"kv-get greeting", "the value, nothing added"},
                   {"kv-get --context-to ctx cart:7 >cart", "a value to be changed and put back"},
                   {"kv-scan --keys -0 | kv-get -0 -", "keys from stdin, values in their order"}},
      .notes = "Exit: 0 found, 1 no such key, 3 unavailable, 5 siblings, 6 corrupt.",
  };
  kv::add_client_options(program, flags);
  if (const auto code = kv::parse_command_line(program, argc, argv)) return kv::to_int(*code);
  return kv::to_int(kv::run_get(options, flags, kv::Messages(program.name)));
}
