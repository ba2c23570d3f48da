// kv-keyspace: makes, lists and shows keyspaces.
#include <optional>
#include <string>

#include "libkv/cli/options.h"
#include "libkv/command/keyspaces.h"
#include "libkv/command/outcome.h"
#include "libkv/command/report_path.h"
#include "libkv/command/session.h"

namespace {

struct Words {
  std::string action;
  std::optional<std::string> name;
  std::string kind = "ap";
  kv::NewKeyspace keyspace;
};

kv::Status check(const Words& words) {
  const auto& made = words.keyspace;
  const auto usage = [](const std::string& what) { return kv::fail(kv::ErrorKind::invalid, what); };
  if (words.action != "create" && words.action != "list" && words.action != "show")
    return usage("there is no action " + words.action + ": create, list or show");
  if (words.action == "list" && words.name) return usage("list takes no NAME");
  if (words.action != "list" && !words.name) return usage(words.action + " needs a NAME");
  const bool has_settings = made.n || made.r || made.w || made.strict || words.kind != "ap";
  if (words.action != "create" && has_settings)
    return usage("--kind, --n, --r, --w and --strict are create's");
  if (words.kind == "cp") return usage("--kind cp: not in this version");
  if (words.kind != "ap") return usage("--kind " + words.kind + ": not a kind; there is ap");
  return {};
}

kv::Result<kv::Report> perform(kv::Session& session, Words& words) {
  const kv::Duration timeout = session.settings().timeout;
  if (words.action == "create") {
    words.keyspace.name = *words.name;
    return kv::create_keyspace(session.client(), session.clock(), words.keyspace, timeout);
  }
  KV_ASSIGN(const kv::Report all, kv::list_keyspaces(session.client(), session.clock(), timeout));
  if (words.action == "list") return all;
  return kv::keyspace_of(all, *words.name);
}

}  // namespace

int main(int argc, char** argv) {
  bool json = false;
  Words words;
  kv::ClientFlags flags;
  kv::Program program{
      .name = "kv-keyspace",
      .summary = "Make, list and show keyspaces",
      .arguments = {{"ACTION", "create, list or show", &words.action},
                    {"NAME", "of the keyspace, for create and show", &words.name}},
      .options =
          {{"--kind", "KIND", "create: how it behaves; this version has ap", &words.kind},
           {"--n", "N", "create: copies (min(3, members))", &words.keyspace.n},
           {"--r", "R", "create: replicas a read waits for (a majority of N)", &words.keyspace.r},
           {"--w", "W", "create: replicas a write waits for (a majority of N)", &words.keyspace.w},
           {"--strict", "", "create: only owners count, never stand-ins", &words.keyspace.strict},
           {"--json", "", "print JSON: an array for list, else an object", &json}},
      .examples = {{"kv-keyspace create carts --n 3 --w 1", "writes wait for one replica"},
                   {"kv-keyspace list", "all of them"}},
  };
  kv::add_client_options(program, flags, false);
  if (const auto code = kv::parse_command_line(program, argc, argv)) return kv::to_int(*code);

  const kv::Messages messages(program.name);
  if (const kv::Status fine = check(words); !fine)
    return kv::to_int(kv::tell_usage(messages, fine.error().what));
  auto session = kv::Session::open(flags);
  if (!session) return kv::to_int(kv::tell_failure(messages, session.error()));
  const auto told = perform(*session, words);
  if (!told) return kv::to_int(kv::tell_failure(messages, told.error()));
  if (json) return kv::to_int(kv::print(messages, kv::json_line(*told)));
  const bool is_list = told->kind() == kv::Report::Kind::array;
  return kv::to_int(
      kv::print(messages, kv::keyspaces_text(is_list ? *told : kv::Report::array().append(*told))));
}
