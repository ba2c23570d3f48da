// kv-scan: keys and values in key order.
#include "libkv/cli/message.h"
#include "libkv/cli/options.h"
#include "libkv/command/scan_command.h"

int main(int argc, char** argv) {
  kv::ScanOptions options;
  kv::ClientFlags flags;
  kv::Program program{
      .name = "kv-scan",
      .summary = "Print keys and values in key order",
      .options =
          {
              {"--prefix", "P", "keys that begin with P", &options.prefix},
              {"--from", "A", "keys from A on, A included", &options.from},
              {"--to", "B", "keys before B", &options.to},
              {"--limit", "N", "at most N keys", &options.limit},
              {"--reverse", "", "from the last key to the first", &options.reverse},
              {"--keys", "", "keys only", &options.keys_only},
              {"-0,--null", "", "KEY NUL VALUE NUL … (a value with a NUL is refused)",
               &options.null},
              {"--jsonl", "", "JSON Lines", &options.json_lines},
              {"--tsv", "", "KEY TAB VALUE, escaped (as without any of these)", &options.tsv},
              {"--siblings", "", "with --jsonl: a line for each sibling", &options.siblings},
              {"--r", "N", "wait for N replicas instead of the keyspace's R", &options.r},
              {"--strict", "", "count only what the slots hold durably", &options.strict},
          },
      .examples = {{"kv-scan --prefix user: --limit 10", "the first ten users"},
                   {"kv-scan --jsonl >backup", "everything, to be read by kv-put --jsonl"},
                   {"kv-scan --keys | wc -l", "count"}},
      .notes = "What it prints, kv-put reads in the same format.",
  };
  kv::add_client_options(program, flags);
  if (const auto code = kv::parse_command_line(program, argc, argv)) return kv::to_int(*code);
  return kv::to_int(kv::run_scan(options, flags, kv::Messages(program.name)));
}
