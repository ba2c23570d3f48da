#include "libkv/cli/daemon_options.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <limits>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace kv {
namespace {

LogLevel log_level_of(const std::string& name) {
  for (const LogLevel level : {LogLevel::debug, LogLevel::warning, LogLevel::error}) {
    if (name == to_string(level)) return level;
  }
  return LogLevel::info;
}

Status failed(const std::string& what) {
  return fail(ErrorKind::io, what + ": " + std::strerror(errno));
}

// One datagram to the socket the service manager named; a leading @ means the abstract namespace.
Status notify(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return fail(ErrorKind::invalid, "NOTIFY_SOCKET: unusable path " + path);
  }
  path.copy(address.sun_path, path.size());
  if (path.front() == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return failed("NOTIFY_SOCKET");
  constexpr std::string_view kReady = "READY=1";
  const ssize_t sent = ::sendto(descriptor, kReady.data(), kReady.size(), MSG_NOSIGNAL,
                                reinterpret_cast<const sockaddr*>(&address), length);
  const Status status = sent < 0 ? failed("NOTIFY_SOCKET: " + path) : Status();
  ::close(descriptor);
  return status;
}

Status write_newline(uint64_t number) {
  if (number > std::numeric_limits<int>::max()) {
    return fail(ErrorKind::invalid, "--ready-fd: no descriptor has that number");
  }
  const int descriptor = static_cast<int>(number);
  const ssize_t written = ::write(descriptor, "\n", 1);
  const Status status = written != 1 ? failed("--ready-fd") : Status();
  ::close(descriptor);
  return status;
}

// The map has room for so much; a larger number must not come out as another one.
Status check_range(const Settings& settings, const char* name, uint64_t max) {
  const uint64_t number = settings.number(name);
  if (number >= 1 && number <= max) return {};
  return fail(ErrorKind::invalid, settings.find(name)->origin + ": " + name + " is " +
                                      std::to_string(number) + ", and must be from 1 to " +
                                      std::to_string(max));
}

}  // namespace

void add_daemon_options(Program& program, DaemonFlags& flags) {
  program.options.push_back({.names = "--config",
                             .value_name = "FILE",
                             .help = "the member's settings (KV_CONFIG; ~/.config/kv/kv.toml, "
                                     "/etc/kv/kv.toml)",
                             .target = &flags.config});
  program.options.push_back({.names = "--log-level",
                             .value_name = "LEVEL",
                             .help = "the least to log (KV_LOG_LEVEL; info)",
                             .target = &flags.log_level,
                             .choices = {"debug", "info", "warning", "error"}});
  program.options.push_back({.names = "--ready-fd",
                             .value_name = "NUMBER",
                             .help = "write a newline to this open file descriptor when listening",
                             .target = &flags.ready_fd});
}

Result<MemberSettings> load_member_settings(const DaemonFlags& flags) {
  SettingSources sources{.file = flags.config};
  if (flags.log_level) sources.flags.push_back({"log_level", "--log-level", *flags.log_level});
  KV_ASSIGN(const Settings settings, load_settings(sources));
  MemberSettings member;
  KV_TRY(settings.required("member"));
  member.member = settings.number("member");
  member.weight = settings.number("weight");
  KV_TRY(check_range(settings, "member", std::numeric_limits<uint16_t>::max()));
  KV_TRY(check_range(settings, "weight", std::numeric_limits<uint32_t>::max()));
  KV_ASSIGN(member.value_bytes_max, value_bytes_max(settings));
  KV_ASSIGN(member.node_memory_bytes, node_memory_bytes(settings));
  KV_ASSIGN(member.directory, settings.required("directory"));
  KV_ASSIGN(member.gossip_endpoint, settings.required("gossip.endpoint"));
  member.gossip_seeds = settings.endpoints("gossip.seeds");
  KV_ASSIGN(member.node_endpoint, settings.required("node.endpoint"));
  KV_ASSIGN(member.coordinator_endpoint, settings.required("coordinator.endpoint"));
  KV_ASSIGN(member.repair_endpoint, settings.required("repair.endpoint"));
  member.labels = settings.labels("labels");
  member.log_level = log_level_of(settings.text("log_level"));
  return member;
}

Status announce_ready(const DaemonFlags& flags) {
  if (flags.ready_fd) KV_TRY(write_newline(*flags.ready_fd));
  if (const char* path = std::getenv("NOTIFY_SOCKET")) KV_TRY(notify(path));
  return {};
}

}  // namespace kv
