#include "daemons/daemon.h"

#include <sys/stat.h>

#include "libkv/base/posix_environment.h"
#include "libkv/base/stderr_log.h"
#include "libkv/base/thread_executor.h"
#include "libkv/cli/daemon_options.h"
#include "libkv/cli/message.h"
#include "libkv/cli/options.h"
#include "libkv/transport/endpoint.h"

namespace kv {

namespace {

MemberInfo member_of(const MemberSettings& settings) {
  MemberInfo member;
  member.number = static_cast<MemberNumber>(settings.member);
  for (const auto& [label, value] : settings.labels) {
    if (label == "dc") member.labels.dc = value;
    if (label == "rack") member.labels.rack = value;
    if (label == "host") member.labels.host = value;
  }
  member.weight = static_cast<uint32_t>(settings.weight);
  member.endpoints[static_cast<int>(DaemonKind::node)] = settings.node_endpoint;
  member.endpoints[static_cast<int>(DaemonKind::gossip)] = settings.gossip_endpoint;
  member.endpoints[static_cast<int>(DaemonKind::coordinator)] = settings.coordinator_endpoint;
  member.endpoints[static_cast<int>(DaemonKind::repair)] = settings.repair_endpoint;
  return member;
}

Status serve(const MemberSettings& settings, const DaemonFlags& flags, const DaemonKindInfo& info,
             const std::function<Result<std::unique_ptr<Daemon>>(const DaemonWorld&)>& open) {
  // What is stored is its owner's alone, as the sockets are.
  ::umask(0077);
  StderrLog log;
  log.set_level(settings.log_level);
  PosixEnvironment posix;
  const MemberInfo self = member_of(settings);
  const Endpoint& endpoint = self.endpoint(info.kind);
  ThreadExecutor executor;
  EventLoop loop(posix.clock(), &executor);
  Environment environment = posix.with(executor, log);
  Status given_up;
  const auto give_up = [&](const Error& error) {
    given_up = fail(error);
    loop.stop();
  };
  // The directory is locked by open(), before the endpoint is bound: a second daemon on it must
  // not steal the first one's socket.
  KV_ASSIGN(const auto daemon,
            open(DaemonWorld{environment, loop.transport(), self, settings.directory,
                             settings.gossip_seeds, settings.value_bytes_max,
                             settings.node_memory_bytes, give_up}));
  KV_ASSIGN(const ParsedEndpoint parsed, parse_endpoint(endpoint));
  if (!is_loopback(parsed))
    return fail(ErrorKind::invalid, endpoint +
                                        ": reaches beyond this host, and this version has "
                                        "no encryption: use ipc:// or tcp://127.0.0.1");
  KV_TRY(loop.transport().bind(endpoint));
  log.info("listening", {{"daemon", to_string(info.kind)},
                         {"member", self.number},
                         {"endpoint", endpoint},
                         {"version", KV_VERSION}});
  KV_TRY(announce_ready(flags));
  loop.run(daemon->handler());
  log.info("stopping", {{"signal", loop.stop_signal()}});
  const Status stopped = daemon->stop(loop);
  log.info("stopped", {{"clean", stopped ? "yes" : "no"}});
  return given_up ? stopped : given_up;
}

}  // namespace

int run_daemon(int argc, char** argv, const DaemonKindInfo& info,
               const std::function<Result<std::unique_ptr<Daemon>>(const DaemonWorld&)>& open) {
  DaemonFlags flags;
  Program program{.name = to_string(info.kind), .summary = info.summary};
  program.examples = {{program.name + " --config /etc/kv/kv.toml", "run in the foreground"}};
  add_daemon_options(program, flags);
  if (const auto code = parse_command_line(program, argc, argv)) return to_int(*code);
  const Messages messages(program.name);
  const auto settings = load_member_settings(flags);
  if (!settings) {
    messages.say(settings.error().what);
    return to_int(exit_code_of(settings.error().kind));
  }
  if (const Status served = serve(*settings, flags, info, open); !served) {
    messages.say(served.error().what);
    return to_int(exit_code_of(served.error().kind));
  }
  return 0;
}

}  // namespace kv
