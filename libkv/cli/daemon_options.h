// What the four daemons share at their start: --config, --log-level, --ready-fd, and the member's
// settings; and how readiness is announced.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "libkv/base/log.h"
#include "libkv/base/result.h"
#include "libkv/cli/program.h"
#include "libkv/cli/settings.h"

namespace kv {

/// Filled by the parse; must outlive it.
struct DaemonFlags {
  std::optional<std::string> config = std::nullopt;
  std::optional<std::string> log_level = std::nullopt;
  std::optional<uint64_t> ready_fd = std::nullopt;
};

void add_daemon_options(Program& program, DaemonFlags& flags);

/// What every daemon needs to know of its member.
struct MemberSettings {
  uint64_t member = 0;
  std::string directory;
  LabelTable labels;
  uint64_t weight = 1;
  uint64_t value_bytes_max = 0;
  uint64_t node_memory_bytes = 0;
  LogLevel log_level = LogLevel::info;
  std::string gossip_endpoint;
  std::vector<std::string> gossip_seeds;
  std::string node_endpoint;
  std::string coordinator_endpoint;
  std::string repair_endpoint;
};

/// invalid, naming file and setting, if anything is missing or malformed.
Result<MemberSettings> load_member_settings(const DaemonFlags& flags);

/// Tells whoever started the daemon that it listens: a newline to --ready-fd (then closed; the
/// protocol of s6), READY=1 to $NOTIFY_SOCKET (the protocol of sd_notify(3)); neither is an error
/// if nobody asked. Call once.
Status announce_ready(const DaemonFlags& flags);

}  // namespace kv
