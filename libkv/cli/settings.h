// Every setting of kv: one table (settings_table.cc) says its section, name, type, default, help
// and environment variable, and from it come the parse of kv.toml, kv-config, and kv.toml(5).
//
// A value is the default, unless the file has it, unless the environment has it, unless a flag has
// it; where it came from is kept with it. One file serves the four daemons of a member and, with
// its [client] section, the commands.
//
// Reading does I/O; a Settings afterwards is a plain value, safe to share for reading.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libkv/base/result.h"
#include "libkv/base/time.h"

namespace kv {

enum class SettingType {
  text,
  number,     ///< A whole number.
  duration,   ///< "5s"
  size,       ///< "64MiB" or a whole number of bytes.
  endpoint,   ///< "ipc:///path" or "tcp://host:port"
  endpoints,  ///< A list of them; in the environment separated by commas or spaces.
  labels,     ///< {dc="dc1", rack="r1", host="h1"}; elsewhere dc=dc1,rack=r1
  log_level,  ///< debug, info, warning or error
};

/// How a type is called in messages and the manual.
const char* to_string(SettingType type);

struct Setting {
  std::string_view section;  ///< Empty for what stands at the top of the file.
  std::string_view name;
  SettingType type;
  std::string_view default_value;  ///< Empty: none.
  std::string_view environment;    ///< The variable that sets it too; empty: none.
  std::string_view help;

  /// `gossip.endpoint`; `member` for one without a section.
  std::string full_name() const;
};

/// All of them, in the order of the manual.
std::span<const Setting> all_settings();
/// The one with this full name; null if there is none.
const Setting* find_setting(std::string_view full_name);

/// A value and where it came from: `default`, `/etc/kv/kv.toml:7`, `KV_TIMEOUT`, `--timeout`.
struct SettingValue {
  std::string text;  ///< In the spelling of the environment, checked against the type.
  std::string origin;
};

using LabelTable = std::map<std::string, std::string>;

class Settings {
 public:
  /// Nothing if it has no value and no default. The typed forms read the value as its type.
  /// REQUIRES of all: `full_name` is in the table, with that type.
  const SettingValue* find(std::string_view full_name) const;
  bool has(std::string_view full_name) const { return find(full_name) != nullptr; }

  /// REQUIRES: has(full_name), which a default ensures.
  std::string text(std::string_view full_name) const;
  uint64_t number(std::string_view full_name) const;
  Duration duration(std::string_view full_name) const;
  uint64_t size(std::string_view full_name) const;
  std::vector<std::string> endpoints(std::string_view full_name) const;
  LabelTable labels(std::string_view full_name) const;

  /// The value, or the error a daemon shows that cannot start without: it names the setting and
  /// what was read.
  Result<std::string> required(std::string_view full_name) const;

  /// Puts a value above those before; invalid if it is not of the type.
  Status set(const Setting& setting, std::string text, std::string origin);

  /// The file that was read, if any.
  const std::optional<std::string>& file() const { return file_; }
  void set_file(std::string path) { file_ = std::move(path); }

 private:
  std::map<std::string, SettingValue, std::less<>> values_;
  std::optional<std::string> file_;
};

/// The largest value that is taken. invalid, naming the place, if it is none or over the ceiling.
Result<uint64_t> value_bytes_max(const Settings& settings);

/// What kv-node's storage may have in memory. invalid, naming the place, if it is too little to
/// work with or more than any machine has.
Result<uint64_t> node_memory_bytes(const Settings& settings);

/// A setting given by an option of the command line.
struct SettingFlag {
  std::string full_name;
  std::string option;  ///< `--timeout`
  std::string text;
};

struct SettingSources {
  /// The file named by --config: then it must exist.
  std::optional<std::string> file = std::nullopt;
  std::vector<SettingFlag> flags = {};
  /// The environment; a test hands in its own.
  std::function<std::optional<std::string>(const char* name)> environment = nullptr;
  /// Where the file is looked for when neither --config nor KV_CONFIG names one; the first that
  /// exists. Left out: ~/.config/kv/kv.toml, then /etc/kv/kv.toml.
  std::optional<std::vector<std::string>> file_places = std::nullopt;
};

/// Reads everything. An error (invalid; io for a file that cannot be read) names the file and line,
/// the variable or the flag.
Result<Settings> load_settings(const SettingSources& sources);

/// Text as a value of `type`; invalid with what is wrong with it.
Status check_setting(SettingType type, std::string_view text);

}  // namespace kv
