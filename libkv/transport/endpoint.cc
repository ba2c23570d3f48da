#include "libkv/transport/endpoint.h"

#include <charconv>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

namespace kv {

namespace {

static_assert(kIpcPathBytesMax == sizeof(sockaddr_un::sun_path) - 1);

constexpr size_t kHostBytesMax = 255;

using Parsed = Result<ParsedEndpoint>;

tl::unexpected<Error> refuse(const Endpoint& text, const std::string& why) {
  return fail(ErrorKind::invalid, (text.empty() ? "''" : text) + ": " + why);
}

/// Control bytes and spaces never belong to an endpoint; a NUL would cut the path for the kernel.
bool has_strange_bytes(std::string_view text) {
  for (const char c : text)
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f) return true;
  return false;
}

Parsed parse_ipc(const Endpoint& text, std::string_view path) {
  if (path.empty() || path.front() != '/')
    return refuse(text, "the path must be absolute (ipc:///path)");
  if (path.back() == '/') return refuse(text, "the path names a directory");
  if (path.size() > kIpcPathBytesMax)
    return refuse(text, "the socket's path " + std::string(path) + " has " +
                            std::to_string(path.size()) + " bytes, at most " +
                            std::to_string(kIpcPathBytesMax) + " are possible");
  ParsedEndpoint out;
  out.scheme = ParsedEndpoint::Scheme::ipc;
  out.path = path;
  return out;
}

bool is_host_name(std::string_view host) {
  for (const char c : host) {
    const bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
    if (!allowed) return false;
  }
  return !host.empty() && host.size() <= kHostBytesMax;
}

Result<std::string> parse_host(const Endpoint& text, std::string_view host) {
  if (host == "*") return refuse(text, "`*` is no host that others could reach; name an address");
  if (!host.empty() && host.front() == '[') {
    if (host.back() != ']') return refuse(text, "an IPv6 address needs both brackets");
    const std::string address(host.substr(1, host.size() - 2));
    in6_addr parsed;
    if (inet_pton(AF_INET6, address.c_str(), &parsed) != 1)
      return refuse(text, "not an IPv6 address: " + address);
    return address;
  }
  if (!is_host_name(host)) return refuse(text, "a host name or address is missing or malformed");
  return std::string(host);
}

Result<uint16_t> parse_port(const Endpoint& text, std::string_view port) {
  if (port == "*" || port == "0")
    return refuse(text, "the port must be fixed, so that others can reach it");
  unsigned number = 0;
  const auto [end, code] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (code != std::errc() || end != port.data() + port.size() || number == 0 || number > 65535)
    return refuse(text, "the port must be a number from 1 to 65535");
  return static_cast<uint16_t>(number);
}

Parsed parse_tcp(const Endpoint& text, std::string_view address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return refuse(text, "the port is missing (tcp://host:port)");
  ParsedEndpoint out;
  out.scheme = ParsedEndpoint::Scheme::tcp;
  KV_ASSIGN(out.host, parse_host(text, address.substr(0, colon)));
  KV_ASSIGN(out.port, parse_port(text, address.substr(colon + 1)));
  return out;
}

Parsed parse_inproc(const Endpoint& text, std::string_view name) {
  if (name.empty() || name.size() > kHostBytesMax) return refuse(text, "a name is missing");
  ParsedEndpoint out;
  out.scheme = ParsedEndpoint::Scheme::inproc;
  out.path = name;
  return out;
}

}  // namespace

Result<ParsedEndpoint> parse_endpoint(const Endpoint& text) {
  if (has_strange_bytes(text)) return refuse(text, "it contains a space or a control byte");
  const std::string_view view = text;
  const size_t mark = view.find("://");
  const std::string_view scheme = view.substr(0, mark == std::string_view::npos ? 0 : mark);
  if (scheme == "ipc") return parse_ipc(text, view.substr(mark + 3));
  if (scheme == "tcp") return parse_tcp(text, view.substr(mark + 3));
  if (scheme == "inproc") return parse_inproc(text, view.substr(mark + 3));
  return refuse(text, "expected ipc:///path or tcp://host:port");
}

bool is_loopback(const ParsedEndpoint& endpoint) {
  if (endpoint.scheme != ParsedEndpoint::Scheme::tcp) return true;
  if (endpoint.host == "localhost") return true;
  in_addr v4;
  if (inet_pton(AF_INET, endpoint.host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6;
  return inet_pton(AF_INET6, endpoint.host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

}  // namespace kv
