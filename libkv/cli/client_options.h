// The options that all commands have which talk to a cluster, and the settings behind them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "libkv/base/result.h"
#include "libkv/base/time.h"
#include "libkv/cli/program.h"
#include "libkv/cli/settings.h"

namespace kv {

/// Filled by the parse; must outlive it.
struct ClientFlags {
  std::optional<std::string> config = std::nullopt;
  std::optional<std::string> endpoint = std::nullopt;
  std::optional<std::string> keyspace = std::nullopt;
  std::optional<std::string> timeout = std::nullopt;
};

/// --config, --endpoint, --timeout and, where a command works in a keyspace, --keyspace, to be put
/// behind the command's own.
void add_client_options(Program& program, ClientFlags& flags, bool with_keyspace = true);

struct ClientSettings {
  std::vector<std::string> endpoints;  ///< Never empty.
  std::string keyspace;
  Duration timeout{};
  uint64_t value_bytes_max = 0;  ///< Of a record that is read.
};

/// Flags over environment over file over defaults. invalid if something is malformed or no endpoint
/// is set at all; the message says how to set one.
Result<ClientSettings> load_client_settings(const ClientFlags& flags);

/// `--r` or `--w` as a number of replicas: 1 to limits::copies_max, as larger ones have meanings of
/// their own on the wire. invalid otherwise, naming `option`.
Status check_replicas(const std::string& option, std::optional<uint64_t> replicas);

/// The sources with these flags, for a command that shows settings.
SettingSources setting_sources(const ClientFlags& flags);

}  // namespace kv
