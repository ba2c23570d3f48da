#include "libkv/cli/settings.h"

#include <map>
#include <set>

#include <gtest/gtest.h>

#include "libkv/cli/setting_text.h"
#include "libkv/cli/settings_file.h"

namespace kv {
namespace {

SettingSources sources(std::map<std::string, std::string> environment,
                       std::vector<SettingFlag> flags = {}) {
  return {.flags = std::move(flags),
          .environment = [environment](const char* name) -> std::optional<std::string> {
            const auto found = environment.find(name);
            if (found == environment.end()) return std::nullopt;
            return found->second;
          },
          .file_places = std::vector<std::string>{}};
}

std::string parse_error(std::string_view toml) {
  const auto parsed = parse_settings(toml, "kv.toml");
  return parsed ? "no error" : parsed.error().what;
}

TEST(Settings, DefaultsStand) {
  const auto settings = load_settings(sources({})).value();
  EXPECT_EQ(settings.duration("client.timeout"), 5s);
  EXPECT_EQ(settings.find("client.timeout")->origin, "default");
  EXPECT_FALSE(settings.has("member"));
  EXPECT_FALSE(settings.file());
}

TEST(Settings, FlagBeatsEnvironmentBeatsDefault) {
  auto settings = load_settings(sources({{"KV_TIMEOUT", "3s"}})).value();
  EXPECT_EQ(settings.duration("client.timeout"), 3s);
  EXPECT_EQ(settings.find("client.timeout")->origin, "KV_TIMEOUT");
  settings = load_settings(sources({{"KV_TIMEOUT", "3s"}}, {{"client.timeout", "--timeout", "1s"}}))
                 .value();
  EXPECT_EQ(settings.duration("client.timeout"), 1s);
  EXPECT_EQ(settings.find("client.timeout")->origin, "--timeout");
}

TEST(Settings, ErrorsNameTheSource) {
  const std::string accepted =
      "needs a whole number and a unit, one of ns us ms s m h d (as in 5s or 250ms)";
  EXPECT_EQ(load_settings(sources({{"KV_TIMEOUT", "soon"}})).error().what,
            "KV_TIMEOUT: 'soon': " + accepted);
  EXPECT_EQ(load_settings(sources({}, {{"client.timeout", "--timeout", "5"}})).error().what,
            "--timeout: '5': " + accepted);
}

TEST(Settings, AnEndpointListFailsOverInOrder) {
  const auto settings =
      load_settings(sources({{"KV_ENDPOINT", "ipc:///a, tcp://h:1 ipc:///b"}})).value();
  EXPECT_EQ(settings.endpoints("client.endpoint"),
            (std::vector<std::string>{"ipc:///a", "tcp://h:1", "ipc:///b"}));
}

TEST(Settings, ANamedFileMustExist) {
  const auto missing = load_settings(sources({{"KV_CONFIG", "/nonexistent/kv.toml"}}));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::io);
  EXPECT_EQ(missing.error().what, "/nonexistent/kv.toml: No such file or directory");
}

TEST(Settings, UsualPlacesMayBeEmpty) {
  auto from = sources({});
  from.file_places = {"/nonexistent/kv.toml"};
  EXPECT_TRUE(load_settings(from));
}

TEST(Settings, RequiredNamesTheSetting) {
  const auto settings = load_settings(sources({})).value();
  EXPECT_EQ(settings.required("directory").error().what,
            "no kv.toml was found: directory must be set");
}

TEST(SettingsFile, ReadsAMember) {
  const auto parsed = parse_settings(R"(# a member
member = 3
directory = "/var/lib/kv"
labels = {dc = "dc1", host = "h1"}
[gossip]
endpoint = "ipc:///run/kv/gossip"
[client]
endpoint = ["ipc:///a", "tcp://h:1"]
timeout = "250ms"
)",
                                     "kv.toml");
  ASSERT_TRUE(parsed) << parsed.error().what;
  std::map<std::string, std::pair<std::string, uint64_t>> found;
  for (const auto& entry : *parsed) {
    found[entry.setting->full_name()] = {entry.text, entry.line};
  }
  using Entry = std::pair<std::string, uint64_t>;
  EXPECT_EQ(found["member"], Entry("3", 2));
  EXPECT_EQ(found["labels"], Entry("dc=dc1,host=h1", 4));
  EXPECT_EQ(found["gossip.endpoint"], Entry("ipc:///run/kv/gossip", 6));
  EXPECT_EQ(found["client.endpoint"], Entry("ipc:///a,tcp://h:1", 8));
  EXPECT_EQ(found["client.timeout"], Entry("250ms", 9));
}

TEST(SettingsFile, NamesLineAndFault) {
  EXPECT_TRUE(parse_error("member = 1\nmembr = 2\n")
                  .starts_with("kv.toml:2: unknown setting membr at the top; there are member "));
  EXPECT_EQ(parse_error("[node]\nendpiont = \"ipc:///a\"\n"),
            "kv.toml:2: unknown setting endpiont in [node]; there are endpoint memory");
  EXPECT_TRUE(parse_error("\n\n[nodes]\n").starts_with("kv.toml:3: unknown section [nodes]"));
  EXPECT_EQ(parse_error("member = \"one\"\n"), "kv.toml:1: member must be a whole number");
  EXPECT_EQ(parse_error("\nmember = -1\n"), "kv.toml:2: member: '-1': is not a number");
  EXPECT_TRUE(parse_error("[client]\ntimeout = 5\n")
                  .starts_with("kv.toml:2: client.timeout must be a duration"));
  EXPECT_TRUE(
      parse_error("[client]\ntimeout = \"5\"\n").starts_with("kv.toml:2: client.timeout: '5': "));
  EXPECT_TRUE(parse_error("[node]\nendpoint = \"pgm://x\"\n").starts_with("kv.toml:2: "));
  EXPECT_TRUE(parse_error("member = 1\nmember = 2\n").starts_with("kv.toml:2: "));
  EXPECT_TRUE(parse_error("a = [\n").starts_with("kv.toml:"));
  EXPECT_TRUE(parse_error("labels = {dc = 1}").starts_with("kv.toml:1: labels must be"));
  EXPECT_TRUE(parse_error("labels = {dc = \"a b\"}").starts_with("kv.toml:1: labels: "));
}

TEST(SettingText, ChecksEndpoints) {
  EXPECT_TRUE(check_endpoint("tcp://[::1]:7001"));
  EXPECT_TRUE(check_endpoint("ipc:///run/kv/node"));
  for (const char* bad : {"", "ipc://", "ipc://relative", "tcp://h", "tcp://h:0", "tcp://h:65536",
                          "tcp://:1", "tcp://h:x", "inproc://x", "/run/kv"}) {
    EXPECT_FALSE(check_endpoint(bad)) << bad;
  }
  EXPECT_FALSE(check_endpoint("ipc:///" + std::string(200, 'a')));
}

TEST(SettingsTable, HasNoTwoAlikeAndValidDefaults) {
  std::set<std::string> names;
  std::set<std::string_view> variables;
  for (const auto& setting : all_settings()) {
    EXPECT_TRUE(names.insert(setting.full_name()).second) << setting.full_name();
    if (!setting.environment.empty()) {
      EXPECT_TRUE(variables.insert(setting.environment).second);
    }
    if (!setting.default_value.empty()) {
      EXPECT_TRUE(check_setting(setting.type, setting.default_value)) << setting.full_name();
    }
    EXPECT_FALSE(setting.help.empty());
  }
}

}  // namespace
}  // namespace kv
