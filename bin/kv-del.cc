// kv-del: deletes keys. Deleting what is not there is done, too.
#include "libkv/cli/message.h"
#include "libkv/cli/options.h"
#include "libkv/command/put_command.h"

int main(int argc, char** argv) {
  kv::DeleteOptions options;
  kv::ClientFlags flags;
  kv::Program program{
      .name = "kv-del",
      .summary = "Delete keys",
      .arguments = {{"KEY", "a key", &options.keys}},
      .options =
          {
              {"-0,--null", "", "read keys that end in NUL from stdin", &options.null},
              {"--jsonl", "", "read keys from stdin as JSON Lines, each with its context if any",
               &options.json_lines},
              {"--context", "FILE", "delete only what this context has seen", &options.context},
              {"--w", "N", "wait for N replicas instead of the keyspace's W", &options.w},
              {"--strict", "", "count only the key's own slots, no hints", &options.strict},
              {"--rejects", "FILE", "of a stream: write what was not deleted, and why, to FILE",
               &options.rejects},
              {"--resume", "FILE", "of a stream: keep in FILE how far it came, and go on there",
               &options.resume},
          },
      .examples = {{"kv-del greeting", "delete a key"},
                   {"kv-scan --prefix tmp: --keys -0 | kv-del -0", "delete by prefix"}},
      .notes = "Exit: 0 deleted or not there, 3 unavailable, 4 unknown.",
  };
  kv::add_client_options(program, flags);
  if (const auto code = kv::parse_command_line(program, argc, argv)) return kv::to_int(*code);
  return kv::to_int(kv::run_delete(options, flags, kv::Messages(program.name)));
}
