#include "libkv/cli/settings.h"

#include <algorithm>
#include <cstdlib>

#include <unistd.h>

#include "libkv/base/assert.h"
#include "libkv/base/limits.h"
#include "libkv/cli/message.h"
#include "libkv/cli/setting_text.h"
#include "libkv/cli/settings_file.h"
#include "libkv/cli/units.h"

namespace kv {
namespace {

using Environment = std::function<std::optional<std::string>(const char*)>;

std::optional<std::string> process_environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
}

Status check_endpoints(std::string_view text) {
  const auto words = split_list(text);
  if (words.empty()) return fail(ErrorKind::invalid, "the list of endpoints is empty");
  for (const auto& word : words) KV_TRY(check_endpoint(word));
  return {};
}

Status check_log_level(std::string_view text) {
  for (const char* known : {"debug", "info", "warning", "error"}) {
    if (text == known) return {};
  }
  return fail(ErrorKind::invalid, "is none of debug, info, warning, error");
}

template <typename T>
Status status_of(const Result<T>& result) {
  if (!result) return fail(result.error());
  return {};
}

std::vector<std::string> default_places(const Environment& environment) {
  std::vector<std::string> places;
  const auto home = environment("HOME");
  const auto config_home = environment("XDG_CONFIG_HOME");
  if (config_home && config_home->starts_with('/')) {
    places.push_back(*config_home + "/kv/kv.toml");
  } else if (home && !home->empty()) {
    places.push_back(*home + "/.config/kv/kv.toml");
  }
  places.push_back("/etc/kv/kv.toml");
  return places;
}

// The file to read; nothing if none is named and none of the usual places has one. Only looks, so
// that a command without a file pays one system call a place.
std::optional<std::string> choose_file(const SettingSources& sources,
                                       const Environment& environment) {
  if (sources.file) return sources.file;
  if (auto named = environment("KV_CONFIG"); named && !named->empty()) return named;
  for (const auto& place : sources.file_places.value_or(default_places(environment))) {
    if (::access(place.c_str(), F_OK) == 0) return place;
  }
  return std::nullopt;
}

Status apply_file(Settings& settings, const std::string& path) {
  KV_ASSIGN(const auto entries, read_settings_file(path));
  for (const FileSetting& entry : entries) {
    KV_TRY(settings.set(*entry.setting, entry.text, path + ":" + std::to_string(entry.line)));
  }
  settings.set_file(path);
  return {};
}

Status apply_environment(Settings& settings, const Environment& environment) {
  for (const Setting& setting : all_settings()) {
    if (setting.environment.empty()) continue;
    const std::string name(setting.environment);
    if (auto text = environment(name.c_str()); text && !text->empty()) {
      KV_TRY(settings.set(setting, std::move(*text), name));
    }
  }
  return {};
}

Status apply_flags(Settings& settings, const std::vector<SettingFlag>& flags) {
  for (const SettingFlag& flag : flags) {
    const Setting* setting = find_setting(flag.full_name);
    KV_ASSERT(setting != nullptr);
    KV_TRY(settings.set(*setting, flag.text, flag.option));
  }
  return {};
}

}  // namespace

const Setting* find_setting(std::string_view full_name) {
  const auto settings = all_settings();
  const auto found = std::find_if(settings.begin(), settings.end(), [&](const Setting& setting) {
    return setting.full_name() == full_name;
  });
  return found == settings.end() ? nullptr : &*found;
}

Status check_setting(SettingType type, std::string_view text) {
  switch (type) {
    case SettingType::text:
      return text.empty() ? Status(fail(ErrorKind::invalid, "is empty")) : Status();
    case SettingType::number:
      return status_of(parse_number(text));
    case SettingType::duration:
      return status_of(parse_duration(text));
    case SettingType::size:
      return status_of(parse_size(text));
    case SettingType::endpoint:
      return check_endpoint(text);
    case SettingType::endpoints:
      return check_endpoints(text);
    case SettingType::labels:
      return status_of(parse_labels(text));
    case SettingType::log_level:
      return check_log_level(text);
  }
  KV_ASSERT(false && "a SettingType outside its enumeration");
}

const SettingValue* Settings::find(std::string_view full_name) const {
  KV_ASSERT(find_setting(full_name) != nullptr);
  const auto found = values_.find(full_name);
  return found == values_.end() ? nullptr : &found->second;
}

std::string Settings::text(std::string_view full_name) const {
  const SettingValue* value = find(full_name);
  KV_ASSERT(value != nullptr);
  return value->text;
}

// The values were checked by set(), so reading them again cannot fail.
uint64_t Settings::number(std::string_view full_name) const {
  return parse_number(text(full_name)).value();
}
Duration Settings::duration(std::string_view full_name) const {
  return parse_duration(text(full_name)).value();
}
uint64_t Settings::size(std::string_view full_name) const {
  return parse_size(text(full_name)).value();
}
std::vector<std::string> Settings::endpoints(std::string_view full_name) const {
  return has(full_name) ? split_list(text(full_name)) : std::vector<std::string>();
}
LabelTable Settings::labels(std::string_view full_name) const {
  return has(full_name) ? parse_labels(text(full_name)).value() : LabelTable();
}

Result<std::string> Settings::required(std::string_view full_name) const {
  if (const SettingValue* value = find(full_name)) return value->text;
  const std::string where = file_ ? *file_ : "no kv.toml was found";
  return fail(ErrorKind::invalid, where + ": " + std::string(full_name) + " must be set");
}

Status Settings::set(const Setting& setting, std::string text, std::string origin) {
  if (auto checked = check_setting(setting.type, text); !checked) {
    // What a file says was checked with its name when it was read; a variable or flag is a name.
    return fail(ErrorKind::invalid,
                origin + ": '" + printable(text) + "': " + checked.error().what);
  }
  values_.insert_or_assign(setting.full_name(), SettingValue{std::move(text), std::move(origin)});
  return {};
}

Result<Settings> load_settings(const SettingSources& sources) {
  const Environment environment =
      sources.environment ? sources.environment : Environment(process_environment);
  Settings settings;
  for (const Setting& setting : all_settings()) {
    if (setting.default_value.empty()) continue;
    KV_TRY(settings.set(setting, std::string(setting.default_value), "default"));
  }
  if (const auto path = choose_file(sources, environment)) KV_TRY(apply_file(settings, *path));
  KV_TRY(apply_environment(settings, environment));
  KV_TRY(apply_flags(settings, sources.flags));
  return settings;
}

namespace {

Result<uint64_t> size_within(const Settings& settings, const std::string& name, uint64_t min,
                             uint64_t max) {
  const uint64_t bytes = settings.size(name);
  if (bytes >= min && bytes <= max) return bytes;
  return fail(ErrorKind::invalid, settings.find(name)->origin + ": " + name + " is " +
                                      format_size(bytes) + ", and must be from " +
                                      format_size(min) + " to " + format_size(max));
}

}  // namespace

Result<uint64_t> value_bytes_max(const Settings& settings) {
  return size_within(settings, "value_bytes_max", 1, limits::value_bytes_max_ceiling);
}

Result<uint64_t> node_memory_bytes(const Settings& settings) {
  return size_within(settings, "node.memory", limits::node_memory_bytes_min,
                     limits::node_memory_bytes_max);
}

}  // namespace kv
