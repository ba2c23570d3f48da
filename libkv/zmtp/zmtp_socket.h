// The plain socket below a ZMTP connection: unix, or TCP to this host. Connected by a blocking call
// with a deadline, or without waiting; no name is looked up, so that a static program needs no
// resolver.
#pragma once

#include <string>
#include <utility>

#include <sys/socket.h>
#include <sys/un.h>

#include "libkv/base/environment.h"
#include "libkv/base/result.h"
#include "libkv/base/time.h"
#include "libkv/transport/transport.h"

namespace kv {

/// Owns a connected socket; -1 owns none.
class StreamSocket {
 public:
  StreamSocket() = default;
  explicit StreamSocket(int fd) : fd_(fd) {}
  ~StreamSocket();
  StreamSocket(StreamSocket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  StreamSocket& operator=(StreamSocket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int fd() const { return fd_; }

 private:
  int fd_ = -1;
};

/// A unix socket's address. REQUIRES: `path` is not longer than kIpcPathBytesMax.
sockaddr_un unix_address(const std::string& path);

/// Connects to `ipc:///path` or `tcp://` at a loopback address or `localhost` (127.0.0.1).
/// Errors name the endpoint. invalid: malformed. denied: not on this host, for which NULL would
/// send everything in the clear, or no permission. unavailable: nobody listens there, or
/// `deadline` passed.
Result<StreamSocket> connect_stream(const Endpoint& endpoint, Clock& clock, Instant deadline);

/// The same without waiting; whether it is connected yet, is_connected() says. unavailable also: a
/// unix listener's queue is full, for which nothing can be waited on: try again later.
Result<StreamSocket> begin_stream(const Endpoint& endpoint);
/// How a connection stands that begin_stream() began, without waiting. False: still on its way;
/// poll for POLLOUT. Errors: as those of connect_stream().
Result<bool> is_connected(const StreamSocket& socket, const Endpoint& endpoint);

/// Waits until the socket has one of `events` (POLLIN, POLLOUT) or an error to report. False if
/// `deadline` passed first.
bool wait_for_events(const StreamSocket& socket, short events, Clock& clock, Instant deadline);

}  // namespace kv
