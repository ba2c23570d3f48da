#include "libkv/cli/settings_file.h"

#include <optional>

#include <toml++/toml.h>

#include "libkv/cli/byte_source.h"

namespace kv {
namespace {

constexpr size_t kFileBytesMax = 1 << 20;

// Reads one parsed document into a list.
class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path) {}

  Result<std::vector<FileSetting>> read(const toml::table& document) {
    for (const auto& [key, node] : document) {
      const bool is_section = node.is_table() && find("", key.str()) == nullptr;
      KV_TRY(is_section ? read_section(key.str(), *node.as_table(), key.source().begin.line)
                        : read_setting("", key, node));
    }
    return std::move(settings_);
  }

 private:
  Status read_section(std::string_view section, const toml::table& table, uint64_t line) {
    if (!is_known_section(section)) {
      return at(line, "unknown section [" + std::string(section) + "]; there are" + sections());
    }
    for (const auto& [key, node] : table) KV_TRY(read_setting(section, key, node));
    return {};
  }

  Status read_setting(std::string_view section, const toml::key& key, const toml::node& node) {
    const uint64_t line = key.source().begin.line;
    const Setting* setting = find(section, key.str());
    if (setting == nullptr) return unknown(section, key.str(), line);
    const auto text = spell(*setting, node);
    if (!text) {
      return at(line, setting->full_name() + " must be " + to_string(setting->type));
    }
    // Checked here too, so that the first fault in the file is the one that is told.
    if (auto checked = check_setting(setting->type, *text); !checked) {
      return at(line, setting->full_name() + ": '" + *text + "': " + checked.error().what);
    }
    settings_.push_back(FileSetting{setting, *text, line});
    return {};
  }

  // The node as the environment would spell it; nothing if it has the wrong type.
  static std::optional<std::string> spell(const Setting& setting, const toml::node& node) {
    if (setting.type == SettingType::number || setting.type == SettingType::size) {
      if (const auto* number = node.as_integer()) return std::to_string(number->get());
      if (setting.type == SettingType::number) return std::nullopt;
    }
    if (setting.type == SettingType::labels) return spell_labels(node);
    if (setting.type == SettingType::endpoints && node.is_array()) return spell_list(node);
    if (const auto* text = node.as_string()) return text->get();
    return std::nullopt;
  }

  static std::optional<std::string> spell_list(const toml::node& node) {
    std::string list;
    for (const auto& item : *node.as_array()) {
      if (!item.is_string()) return std::nullopt;
      list.append(list.empty() ? "" : ",").append(item.as_string()->get());
    }
    return list;
  }

  static std::optional<std::string> spell_labels(const toml::node& node) {
    if (!node.is_table()) return std::nullopt;
    std::string list;
    for (const auto& [key, value] : *node.as_table()) {
      if (!value.is_string()) return std::nullopt;
      list.append(list.empty() ? "" : ",").append(key.str());
      list.append("=").append(value.as_string()->get());
    }
    return list;
  }

  static const Setting* find(std::string_view section, std::string_view name) {
    for (const Setting& setting : all_settings()) {
      if (setting.section == section && setting.name == name) return &setting;
    }
    return nullptr;
  }

  static bool is_known_section(std::string_view section) {
    for (const Setting& setting : all_settings()) {
      if (!setting.section.empty() && setting.section == section) return true;
    }
    return false;
  }

  static std::string sections() {
    std::string names;
    std::string_view last;
    for (const Setting& setting : all_settings()) {
      if (setting.section != last) names.append(" [").append(setting.section).append("]");
      last = setting.section;
    }
    return names;
  }

  Status unknown(std::string_view section, std::string_view name, uint64_t line) const {
    std::string known;
    for (const Setting& setting : all_settings()) {
      if (setting.section == section) known.append(" ").append(setting.name);
    }
    const std::string where = section.empty() ? "at the top" : "in [" + std::string(section) + "]";
    return at(line, "unknown setting " + std::string(name) + " " + where + "; there are" + known);
  }

  Status at(uint64_t line, const std::string& what) const {
    return fail(ErrorKind::invalid, path_ + ":" + std::to_string(line) + ": " + what);
  }

  const std::string& path_;
  std::vector<FileSetting> settings_;
};

}  // namespace

Result<std::vector<FileSetting>> parse_settings(std::string_view toml, const std::string& path) {
  try {
    return Reader(path).read(toml::parse(toml));
  } catch (const toml::parse_error& error) {
    return fail(ErrorKind::invalid, path + ":" + std::to_string(error.source().begin.line) + ": " +
                                        std::string(error.description()));
  }
}

Result<std::vector<FileSetting>> read_settings_file(const std::string& path) {
  const auto text = read_path(path, kFileBytesMax);
  if (text) return parse_settings(*text, path);
  if (text.error().kind != ErrorKind::invalid) return fail(text.error());
  return fail(ErrorKind::invalid, path + ": is over 1 MiB, which no settings file is");
}

}  // namespace kv
