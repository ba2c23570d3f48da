#include "libkv/cli/client_options.h"

#include "libkv/base/limits.h"

namespace kv {

void add_client_options(Program& program, ClientFlags& flags, bool with_keyspace) {
  auto& options = program.options;
  if (with_keyspace) {
    options.push_back({.names = "--keyspace",
                       .value_name = "NAME",
                       .help = "the keyspace to work in (KV_KEYSPACE; default)",
                       .target = &flags.keyspace});
  }
  options.push_back({.names = "--endpoint",
                     .value_name = "LIST",
                     .help = "the coordinators to try, in order, separated by commas (KV_ENDPOINT)",
                     .target = &flags.endpoint});
  options.push_back({.names = "--timeout",
                     .value_name = "DURATION",
                     .help = "give up after this time (KV_TIMEOUT; 5s)",
                     .target = &flags.timeout});
  options.push_back({.names = "--config",
                     .value_name = "FILE",
                     .help = "read settings from FILE (KV_CONFIG; ~/.config/kv/kv.toml, "
                             "/etc/kv/kv.toml)",
                     .target = &flags.config});
}

SettingSources setting_sources(const ClientFlags& flags) {
  SettingSources sources{.file = flags.config};
  auto add = [&](const char* name, const char* option, const std::optional<std::string>& text) {
    if (text) sources.flags.push_back({name, option, *text});
  };
  add("client.endpoint", "--endpoint", flags.endpoint);
  add("client.keyspace", "--keyspace", flags.keyspace);
  add("client.timeout", "--timeout", flags.timeout);
  return sources;
}

Result<ClientSettings> load_client_settings(const ClientFlags& flags) {
  KV_ASSIGN(const Settings settings, load_settings(setting_sources(flags)));
  KV_ASSIGN(const uint64_t value_bytes, value_bytes_max(settings));
  ClientSettings client{.endpoints = settings.endpoints("client.endpoint"),
                        .keyspace = settings.text("client.keyspace"),
                        .timeout = settings.duration("client.timeout"),
                        .value_bytes_max = value_bytes};
  if (client.endpoints.empty()) {
    return fail(ErrorKind::invalid,
                "no coordinator is known: set KV_ENDPOINT (for a local cluster: "
                "eval \"$(scripts/kv-cluster env)\"), or endpoint in [client] of kv.toml");
  }
  return client;
}

Status check_replicas(const std::string& option, std::optional<uint64_t> replicas) {
  if (!replicas || (*replicas >= 1 && *replicas <= limits::copies_max)) return {};
  return fail(ErrorKind::invalid, option + ": from 1 to " + std::to_string(limits::copies_max));
}

}  // namespace kv
