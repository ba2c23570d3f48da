// Endpoints as people write them: `ipc:///absolute/path`, `tcp://host:port`, `inproc://name`
// (threads of one process: tests). Everything else that libzmq would take (pgm, vmci, abstract
// sockets, interface names with wildcards) is refused here, before any socket sees it.
//
// Pure; no name is looked up.
#pragma once

#include <cstdint>
#include <string>

#include "libkv/base/result.h"
#include "libkv/transport/transport.h"

namespace kv {

/// The longest path of a unix socket in bytes: sizeof(sockaddr_un::sun_path) less its NUL.
inline constexpr size_t kIpcPathBytesMax = 107;

struct ParsedEndpoint {
  enum class Scheme { ipc, tcp, inproc };
  Scheme scheme = Scheme::ipc;
  std::string path;   ///< ipc: the socket's path; inproc: the name.
  std::string host;   ///< tcp: a name, an IPv4 address, or an IPv6 address without its brackets.
  uint16_t port = 0;  ///< tcp: 1–65535.

  bool is_ipv6() const { return host.find(':') != std::string::npos; }
};

/// invalid, naming the endpoint and what is wrong with it. `*` for host or port and port 0 are
/// refused: who is told an endpoint must be able to reach it.
Result<ParsedEndpoint> parse_endpoint(const Endpoint& text);

/// Whether frames never leave this host: ipc, inproc, 127.0.0.0/8, ::1 and the name `localhost`.
/// Anything else needs encryption.
bool is_loopback(const ParsedEndpoint& endpoint);

}  // namespace kv
