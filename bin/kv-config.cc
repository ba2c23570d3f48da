// kv-config: each setting, its value and where it came from.
#include <algorithm>
#include <string>
#include <vector>

#include "libkv/cli/client_options.h"
#include "libkv/cli/exit_code.h"
#include "libkv/cli/json_text.h"
#include "libkv/cli/message.h"
#include "libkv/cli/options.h"
#include "libkv/cli/output.h"
#include "libkv/cli/settings.h"

namespace {

// `client.timeout TAB 5s TAB default`; an unset one has `-` twice.
std::string row(const kv::Setting& setting, const kv::SettingValue* value) {
  std::string line = setting.full_name();
  line.append("\t").append(value != nullptr ? value->text : "-");
  return line.append("\t").append(value != nullptr ? value->origin : "-").append("\n");
}

std::string json_row(const kv::Setting& setting, const kv::SettingValue* value) {
  std::string line = "{\"name\":";
  kv::append_json_string(line, setting.full_name());
  if (value != nullptr) {
    line += ",\"value\":";
    kv::append_json_string(line, value->text);
    line += ",\"from\":";
    kv::append_json_string(line, value->origin);
  }
  return line + "}\n";
}

}  // namespace

int main(int argc, char** argv) {
  bool json = false;
  std::vector<std::string> names;
  kv::ClientFlags flags;
  kv::Program program{
      .name = "kv-config",
      .summary = "Show each setting, its value and where it came from",
      .arguments = {{"NAME", "show only these, as in client.timeout", &names}},
      .options = {{"--json", "", "print JSON Lines", &json}},
      .examples = {{"kv-config", "all settings, as NAME, VALUE and ORIGIN between tabs"},
                   {"kv-config --config member-1/kv.toml node.endpoint", "one, from a file"}},
  };
  kv::add_client_options(program, flags);
  if (const auto code = kv::parse_command_line(program, argc, argv)) return kv::to_int(*code);

  const kv::Messages messages(program.name);
  const auto settings = kv::load_settings(kv::setting_sources(flags));
  if (!settings) {
    messages.say(settings.error().what);
    return kv::to_int(kv::exit_code_of(settings.error().kind));
  }
  kv::Output output;
  for (const std::string& name : names) {
    if (kv::find_setting(name) == nullptr) {
      messages.say(name, "no such setting");
      return kv::to_int(kv::ExitCode::usage);
    }
  }
  for (const kv::Setting& setting : kv::all_settings()) {
    const std::string name = setting.full_name();
    if (!names.empty() && std::find(names.begin(), names.end(), name) == names.end()) continue;
    const auto* value = settings->find(name);
    output.write(json ? json_row(setting, value) : row(setting, value));
  }
  if (auto finished = output.finish(); !finished) {
    messages.say(finished.error().what);
    return kv::to_int(kv::ExitCode::local);
  }
  return 0;
}
