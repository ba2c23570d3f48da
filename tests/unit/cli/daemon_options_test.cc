#include "libkv/cli/daemon_options.h"

#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "libkv/cli/client_options.h"

namespace kv {
namespace {

// A directory that is gone after the test.
class DaemonOptions : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/kv-unit.XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    directory_ = name;
    ::unsetenv("NOTIFY_SOCKET");
    ::unsetenv("KV_LOG_LEVEL");
  }
  void TearDown() override {
    ::unsetenv("NOTIFY_SOCKET");
    for (const char* name : {"/kv.toml", "/notify"}) ::unlink((directory_ + name).c_str());
    ::rmdir(directory_.c_str());
  }
  Result<MemberSettings> load(const std::string& toml) {
    const std::string path = directory_ + "/kv.toml";
    std::ofstream(path) << toml;
    return load_member_settings({.config = path});
  }

  std::string directory_;
};

constexpr const char* kEndpoints = R"(
gossip.endpoint = "ipc:///g"
node.endpoint = "ipc:///n"
coordinator.endpoint = "tcp://127.0.0.1:7001"
repair.endpoint = "ipc:///r"
)";

TEST_F(DaemonOptions, ReadsAMember) {
  const auto member =
      load(std::string("member = 2\ndirectory = \"/d\"\nweight = 3\nlog_level = \"debug\"\n"
                       "labels = {dc = \"dc1\"}\n") +
           kEndpoints);
  ASSERT_TRUE(member) << member.error().what;
  EXPECT_EQ(member->member, 2u);
  EXPECT_EQ(member->directory, "/d");
  EXPECT_EQ(member->weight, 3u);
  EXPECT_EQ(member->log_level, LogLevel::debug);
  EXPECT_EQ(member->labels, (LabelTable{{"dc", "dc1"}}));
  EXPECT_EQ(member->gossip_endpoint, "ipc:///g");
  EXPECT_EQ(member->node_endpoint, "ipc:///n");
  EXPECT_EQ(member->coordinator_endpoint, "tcp://127.0.0.1:7001");
  EXPECT_EQ(member->repair_endpoint, "ipc:///r");
}

TEST_F(DaemonOptions, NamesWhatIsMissing) {
  EXPECT_EQ(load("directory = \"/d\"").error().what, directory_ + "/kv.toml: member must be set");
  EXPECT_EQ(load(std::string("member = 1\n") + kEndpoints).error().what,
            directory_ + "/kv.toml: directory must be set");
  EXPECT_EQ(load(std::string("member = 0\ndirectory = \"/d\"\n") + kEndpoints).error().what,
            directory_ + "/kv.toml:1: member is 0, and must be from 1 to 65535");
}

// As a 16-bit number 65537 would be member 1: two members of one number.
TEST_F(DaemonOptions, ANumberTheMapHasNoRoomForIsRefused) {
  const auto error_of = [this](const char* lines) {
    const auto member = load(std::string(lines) + "directory = \"/d\"\n" + kEndpoints);
    return member ? "accepted" : member.error().what;
  };
  EXPECT_EQ(error_of("member = 65535\nweight = 4294967295\n"), "accepted");
  EXPECT_EQ(error_of("member = 65537\n"),
            directory_ + "/kv.toml:1: member is 65537, and must be from 1 to 65535");
  EXPECT_EQ(error_of("member = 1\nweight = 4294967296\n"),
            directory_ + "/kv.toml:2: weight is 4294967296, and must be from 1 to 4294967295");
  EXPECT_EQ(error_of("member = 1\nweight = 0\n"),
            directory_ + "/kv.toml:2: weight is 0, and must be from 1 to 4294967295");
}

TEST_F(DaemonOptions, TheLargestValueIsSetInBounds) {
  const auto with = [this](const char* line) {
    return load(std::string("member = 1\ndirectory = \"/d\"\n") + line + kEndpoints);
  };
  EXPECT_EQ(with("")->value_bytes_max, 1u << 20);
  EXPECT_EQ(with("value_bytes_max = \"64MiB\"\n")->value_bytes_max, 64u << 20);
  EXPECT_EQ(with("value_bytes_max = 10\n")->value_bytes_max, 10u);
  EXPECT_EQ(with("value_bytes_max = 0\n").error().what,
            directory_ + "/kv.toml:3: value_bytes_max is 0, and must be from 1 to 64MiB");
  EXPECT_EQ(with("value_bytes_max = \"65MiB\"\n").error().what,
            directory_ + "/kv.toml:3: value_bytes_max is 65MiB, and must be from 1 to 64MiB");
}

TEST_F(DaemonOptions, TheNodesMemoryIsSetInBounds) {
  const auto with = [this](const char* line) {
    return load(std::string("member = 1\ndirectory = \"/d\"\n") + line + kEndpoints);
  };
  EXPECT_EQ(with("")->node_memory_bytes, uint64_t{384} << 20);
  EXPECT_EQ(with("node.memory = \"64MiB\"\n")->node_memory_bytes, uint64_t{64} << 20);
  EXPECT_EQ(with("node.memory = \"40GiB\"\n")->node_memory_bytes, uint64_t{40} << 30);
  EXPECT_EQ(with("node.memory = 80000000\n")->node_memory_bytes, 80'000'000u);
  EXPECT_EQ(with("node.memory = \"1MiB\"\n").error().what,
            directory_ + "/kv.toml:3: node.memory is 1MiB, and must be from 64MiB to 1024TiB");
  EXPECT_EQ(with("node.memory = 0\n").error().what,
            directory_ + "/kv.toml:3: node.memory is 0, and must be from 64MiB to 1024TiB");
  EXPECT_FALSE(with("node.memory = \"2000000GiB\"\n"));
  for (const char* nonsense : {"\"\"", "\"lots\"", "\"64 MiB\"", "\"MiB\"", "-1", "1.5", "true"})
    EXPECT_EQ(with((std::string("node.memory = ") + nonsense + "\n").c_str()).error().kind,
              ErrorKind::invalid)
        << nonsense;
}

TEST_F(DaemonOptions, ANewlineOnTheReadyDescriptor) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_TRUE(announce_ready({.ready_fd = static_cast<uint64_t>(ends[1])}));
  char bytes[8];
  EXPECT_EQ(::read(ends[0], bytes, sizeof bytes), 1);
  EXPECT_EQ(bytes[0], '\n');
  // The other end was closed, so the pipe is at its end.
  EXPECT_EQ(::read(ends[0], bytes, sizeof bytes), 0);
  ::close(ends[0]);
}

TEST_F(DaemonOptions, ADatagramToTheServiceManager) {
  const std::string path = directory_ + "/notify";
  const int manager = ::socket(AF_UNIX, SOCK_DGRAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, path.size());
  ASSERT_EQ(::bind(manager, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  ASSERT_TRUE(announce_ready({}));
  char bytes[32];
  const auto count = ::recv(manager, bytes, sizeof bytes, MSG_DONTWAIT);
  ASSERT_GT(count, 0);
  EXPECT_EQ(std::string(bytes, static_cast<size_t>(count)), "READY=1");
  ::close(manager);
}

TEST_F(DaemonOptions, ReadinessThatCannotBeToldIsAnError) {
  ::setenv("NOTIFY_SOCKET", (directory_ + "/nobody").c_str(), 1);
  EXPECT_FALSE(announce_ready({}));
  ::unsetenv("NOTIFY_SOCKET");
  EXPECT_TRUE(announce_ready({}));
  EXPECT_FALSE(announce_ready({.ready_fd = 999}));
  // A number no descriptor has, though its low half is stdout's.
  EXPECT_FALSE(announce_ready({.ready_fd = (uint64_t{1} << 32) + 1}));
}

TEST_F(DaemonOptions, AClientWithoutEndpointsIsToldHowToSetThem) {
  ::unsetenv("KV_ENDPOINT");
  const std::string path = directory_ + "/kv.toml";
  std::ofstream(path) << "";
  const auto client = load_client_settings({.config = path});
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().kind, ErrorKind::invalid);
  EXPECT_NE(client.error().what.find("set KV_ENDPOINT"), std::string::npos);
  const auto flagged = load_client_settings({.config = path, .endpoint = "ipc:///a,ipc:///b"});
  ASSERT_TRUE(flagged);
  EXPECT_EQ(flagged->endpoints.size(), 2u);
  EXPECT_EQ(flagged->timeout, 5s);
}

}  // namespace
}  // namespace kv
