#include "libkv/zmtp/zmtp_socket.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "libkv/base/assert.h"
#include "libkv/transport/endpoint.h"

namespace kv {

namespace {

/// A socket address of any family; what kernel calls want of it.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

template <typename Specific>
SocketAddress stored(const Specific& specific) {
  static_assert(sizeof specific <= sizeof(sockaddr_storage));
  SocketAddress out;
  std::memcpy(&out.storage, &specific, sizeof specific);
  out.size = sizeof specific;
  return out;
}

SocketAddress tcp_address(const ParsedEndpoint& endpoint) {
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(endpoint.port);
  if (inet_pton(AF_INET6, endpoint.host.c_str(), &v6.sin6_addr) == 1) return stored(v6);
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(endpoint.port);
  if (inet_pton(AF_INET, endpoint.host.c_str(), &v4.sin_addr) != 1)
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);  // `localhost`
  return stored(v4);
}

/// What is left until `deadline`, for a kernel that takes 0 for "for ever".
timeval time_left(Clock& clock, Instant deadline) {
  const int64_t left = std::max<int64_t>(1, microseconds_of(deadline - clock.now()));
  return {left / 1'000'000, left % 1'000'000};
}

tl::unexpected<Error> cannot_connect(const Endpoint& endpoint, int code) {
  // A full backlog and an unanswered SYN come back as these once SO_SNDTIMEO has passed.
  const bool late = code == EAGAIN || code == EINPROGRESS || code == ETIMEDOUT;
  const ErrorKind kind =
      code == EACCES || code == EPERM ? ErrorKind::denied : ErrorKind::unavailable;
  return fail(kind,
              endpoint + ": cannot connect: " + (late ? "no answer in time" : std::strerror(code)));
}

/// connect() as POSIX has it: interrupted, it goes on by itself and is waited for. 0 or the errno.
int connect_now(const StreamSocket& socket, const SocketAddress& address, Clock& clock,
                Instant deadline) {
  while (connect(socket.fd(), address.get(), address.size) != 0) {
    if (errno == EISCONN) return 0;
    if (errno != EINTR && errno != EALREADY) return errno;
    if (!wait_for_events(socket, POLLOUT, clock, deadline)) return ETIMEDOUT;
  }
  return 0;
}

/// A socket that is not connected yet, and the address that it is for.
struct Call {
  StreamSocket socket;
  SocketAddress address;
  bool is_tcp = false;
};

Result<Call> prepare(const Endpoint& endpoint, int type_flags) {
  KV_ASSIGN(const ParsedEndpoint parsed, parse_endpoint(endpoint));
  if (parsed.scheme == ParsedEndpoint::Scheme::inproc)
    return fail(ErrorKind::invalid, endpoint + ": cannot connect: ipc or tcp is needed");
  if (!is_loopback(parsed))
    return fail(ErrorKind::denied,
                endpoint + ": cannot connect: unencrypted connections stay on this host");
  Call call;
  call.is_tcp = parsed.scheme == ParsedEndpoint::Scheme::tcp;
  call.address = call.is_tcp ? tcp_address(parsed) : stored(unix_address(parsed.path));
  const int family = call.address.storage.ss_family;
  call.socket = StreamSocket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | type_flags, 0));
  if (call.socket.fd() < 0) return cannot_connect(endpoint, errno);
  const int on = 1;
  if (call.is_tcp) setsockopt(call.socket.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return call;
}

}  // namespace

sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  KV_ASSERT(path.size() < sizeof address.sun_path);
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

StreamSocket::~StreamSocket() {
  if (fd_ >= 0) close(fd_);
}

Result<StreamSocket> connect_stream(const Endpoint& endpoint, Clock& clock, Instant deadline) {
  KV_ASSIGN(Call call, prepare(endpoint, 0));
  // The one way to bound a unix connect() that waits for a full backlog.
  const timeval left = time_left(clock, deadline);
  setsockopt(call.socket.fd(), SOL_SOCKET, SO_SNDTIMEO, &left, sizeof left);
  if (const int code = connect_now(call.socket, call.address, clock, deadline))
    return cannot_connect(endpoint, code);
  return std::move(call.socket);
}

Result<StreamSocket> begin_stream(const Endpoint& endpoint) {
  KV_ASSIGN(Call call, prepare(endpoint, SOCK_NONBLOCK));
  if (connect(call.socket.fd(), call.address.get(), call.address.size) == 0)
    return std::move(call.socket);
  // Interrupted or not, a connect() that does not wait goes on by itself.
  if (errno == EINPROGRESS || errno == EINTR) return std::move(call.socket);
  return cannot_connect(endpoint, errno);
}

Result<bool> is_connected(const StreamSocket& socket, const Endpoint& endpoint) {
  pollfd asked{socket.fd(), POLLOUT, 0};
  if (poll(&asked, 1, 0) <= 0) return false;
  int code = 0;
  socklen_t size = sizeof code;
  if (getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &code, &size) != 0) code = errno;
  if (code != 0) return cannot_connect(endpoint, code);
  return true;
}

bool wait_for_events(const StreamSocket& socket, short events, Clock& clock, Instant deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock.now());
    if (left.count() <= 0) return false;
    pollfd waiting{socket.fd(), events, 0};
    const int capped = static_cast<int>(std::min<int64_t>(left.count(), 1'000'000));
    if (poll(&waiting, 1, capped) > 0) return true;
  }
}

}  // namespace kv
