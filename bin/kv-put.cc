// kv-put: stores a value, or a stream of records.
#include "libkv/cli/message.h"
#include "libkv/cli/options.h"
#include "libkv/command/put_command.h"

int main(int argc, char** argv) {
  kv::PutOptions options;
  kv::ClientFlags flags;
  kv::Program program{
      .name = "kv-put",
      .summary = "Store a value under a key, or a stream of records",
      .arguments = {{"KEY", "the key", &options.key},
                    {"VALUE", "the value; without it, or for exactly -, it is read from stdin",
                     &options.value}},
      .options =
          {
              {"--file", "FILE", "the value is the contents of FILE", &options.file},
              {"-0,--null", "", "read KEY NUL VALUE NUL … from stdin", &options.null},
              {"--jsonl", "", "read JSON Lines with key, value and context from stdin",
               &options.json_lines},
              {"--tsv", "", "read KEY TAB VALUE, escaped, from stdin", &options.tsv},
              {"--context", "FILE", "replace what this context (kv-get --context-to) has seen",
               &options.context},
              {"--context-to", "FILE", "save the new causal context", &options.context_to},
              {"--sibling", "", "keep what is there, and store this beside it", &options.sibling},
              {"--ttl", "DURATION", "let the value expire after this time", &options.ttl},
              {"--w", "N", "wait for N replicas instead of the keyspace's W", &options.w},
              {"--strict", "", "count only the key's own slots, no hints", &options.strict},
              {"--rejects", "FILE", "of a stream: write what was not stored, and why, to FILE",
               &options.rejects},
              {"--resume", "FILE", "of a stream: keep in FILE how far it came, and go on there",
               &options.resume},
          },
      .examples = {{"echo hello | kv-put greeting", "from a pipe"},
                   {"kv-put greeting hello", "from the argument"},
                   {"kv-put --context ctx cart:7 <cart", "replace exactly what was read"},
                   {"kv-scan --jsonl >all && KV_ENDPOINT=… kv-put --jsonl <all",
                    "copy a keyspace elsewhere"}},
      .notes =
          "Exit: 0 stored, 2 bad input, 3 unavailable (nothing was stored), 4 unknown (it may\n"
          "have been stored), 8 a local failure.",
  };
  kv::add_client_options(program, flags);
  if (const auto code = kv::parse_command_line(program, argc, argv)) return kv::to_int(*code);
  return kv::to_int(kv::run_put(options, flags, kv::Messages(program.name)));
}
