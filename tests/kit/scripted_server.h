// A server made of bytes: it listens on a unix socket, and a script says what goes over each
// connection. While no script takes one, it is as a process that is stopped: the kernel connects.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "libkv/base/assert.h"
#include "libkv/base/environment.h"
#include "libkv/transport/transport.h"
#include "libkv/zmtp/zmtp_codec.h"

namespace kv::testing {

class SteadyClock final : public Clock {
 public:
  Instant now() override { return Instant(std::chrono::steady_clock::now().time_since_epoch()); }
  WallTime wall() override { return WallTime(); }
};

inline std::string server_handshake() {
  return zmtp_greeting() + zmtp_ready("ROUTER");
}

inline std::string message(const std::string& body) {
  std::string out;
  append_zmtp_message_header(out, body.size());
  return out + body;
}

/// Listens on a unix socket; each scripted connection is served on a thread.
class ScriptedServer {
 public:
  ScriptedServer() {
    char path[] = "/tmp/kv-zmtp-test-XXXXXX";
    KV_ASSERT(mkdtemp(path) != nullptr);
    directory_ = path;
    fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (directory_ + "/s").copy(address.sun_path, sizeof address.sun_path - 1);
    KV_ASSERT(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    KV_ASSERT(listen(fd_, 5) == 0);
  }
  ~ScriptedServer() {
    finish();
    close(fd_);
    std::filesystem::remove_all(directory_);
  }

  Endpoint endpoint() const { return "ipc://" + directory_ + "/s"; }

  /// Takes one connection, runs `script` with its descriptor, and closes it.
  void serve(std::function<void(int)> script) {
    finish();
    thread_ = std::thread([this, script = std::move(script)] {
      const int peer = accept(fd_, nullptr, nullptr);
      script(peer);
      close(peer);
    });
  }
  /// Waits for the script's end.
  void finish() {
    if (thread_.joinable()) thread_.join();
  }
  /// Says `bytes`, then waits until the client has gone.
  void say(std::string bytes) {
    serve([bytes = std::move(bytes)](int peer) {
      write_all(peer, bytes);
      shutdown(peer, SHUT_WR);
      read_all(peer);
    });
  }

  static void write_all(int fd, const std::string& bytes) {
    size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t n = send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return;
      sent += static_cast<size_t>(n);
    }
  }
  static std::string read_exactly(int fd, size_t count) {
    std::string out(count, '\0');
    size_t got = 0;
    while (got < count) {
      const ssize_t n = read(fd, out.data() + got, count - got);
      if (n <= 0) break;
      got += static_cast<size_t>(n);
    }
    out.resize(got);
    return out;
  }
  static std::string read_all(int fd) { return read_exactly(fd, size_t{1} << 20); }

 private:
  std::string directory_;
  int fd_;
  std::thread thread_;
};

}  // namespace kv::testing
