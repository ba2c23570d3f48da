// The client against servers made of bytes: what libzmq would never send, and every place where a
// peer can die.
#include "libkv/zmtp/zmtp_connection.h"

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "libkv/base/assert.h"

namespace kv {
namespace {

using namespace std::string_literals;

class SteadyClock final : public Clock {
 public:
  Instant now() override { return Instant(std::chrono::steady_clock::now().time_since_epoch()); }
  WallTime wall() override { return WallTime(); }
};

std::string server_handshake() {
  return zmtp_greeting() + zmtp_ready("ROUTER");
}

std::string message(const std::string& body) {
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
    if (thread_.joinable()) thread_.join();
    close(fd_);
    std::filesystem::remove_all(directory_);
  }

  Endpoint endpoint() const { return "ipc://" + directory_ + "/s"; }

  /// Takes one connection, runs `script` with its descriptor, and closes it.
  void serve(std::function<void(int)> script) {
    if (thread_.joinable()) thread_.join();
    thread_ = std::thread([this, script = std::move(script)] {
      const int peer = accept(fd_, nullptr, nullptr);
      script(peer);
      close(peer);
    });
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

class ZmtpConnectionTest : public testing::Test {
 protected:
  Result<std::unique_ptr<ZmtpConnection>> connect(ZmtpOptions options = {}) {
    return ZmtpConnection::connect(server.endpoint(), clock, limit(), options);
  }
  /// What comes of connecting and receiving when the server says `bytes` and ends.
  Result<Frame> receive_after(const std::string& bytes, ZmtpOptions options = {}) {
    server.say(bytes);
    KV_ASSIGN(const auto connection, connect(options));
    return connection->receive(limit());
  }
  Instant limit() { return clock.now() + 20s; }

  SteadyClock clock;
  ScriptedServer server;
};

TEST_F(ZmtpConnectionTest, SaysGreetingAndReadyAtOnceAndMessagesOnlyAfterTheReady) {
  std::string first;
  std::string second;
  server.serve([&](int peer) {
    // Both come before the server has said anything.
    first = ScriptedServer::read_exactly(peer, kZmtpGreetingBytes + zmtp_ready("DEALER").size());
    char early;
    EXPECT_EQ(recv(peer, &early, 1, MSG_DONTWAIT), -1);
    ScriptedServer::write_all(peer, server_handshake());
    second = ScriptedServer::read_exactly(peer, message("hello").size());
  });
  const auto connection = connect();
  ASSERT_TRUE(connection);
  ASSERT_TRUE((*connection)->send("hello", limit()));
  EXPECT_EQ((*connection)->receive(limit()).error().kind, ErrorKind::unavailable);
  EXPECT_EQ(first, zmtp_greeting() + zmtp_ready("DEALER"));
  EXPECT_EQ(second, message("hello"));
}

TEST_F(ZmtpConnectionTest, ReceivesMessages) {
  EXPECT_EQ(receive_after(server_handshake() + message("abc"))->view(), "abc");
  EXPECT_EQ(receive_after(server_handshake() + message(""))->view(), "");
  const std::string large(200'000, 'x');
  EXPECT_TRUE(receive_after(server_handshake() + message("") + message(large))->view().empty());
  EXPECT_TRUE(receive_after(server_handshake() + message(large))->view() == large);
}

TEST_F(ZmtpConnectionTest, EveryTruncationIsACleanError) {
  const std::string whole = server_handshake() + message("abc");
  for (size_t n = 0; n < whole.size(); ++n) {
    const auto received = receive_after(whole.substr(0, n));
    ASSERT_FALSE(received) << n;
    EXPECT_EQ(received.error().kind, ErrorKind::unavailable) << n;
    EXPECT_EQ(received.error().what, server.endpoint() + ": the connection was closed by the peer");
  }
}

TEST_F(ZmtpConnectionTest, ByteByByteIsAsGoodAsAtOnce) {
  server.serve([](int peer) {
    for (const char c : server_handshake() + message("abc") + message(std::string(300, 'x')))
      ScriptedServer::write_all(peer, std::string(1, c));
    ScriptedServer::read_all(peer);
  });
  const auto connection = connect();
  ASSERT_TRUE(connection);
  EXPECT_EQ((*connection)->receive(limit())->view(), "abc");
  EXPECT_EQ((*connection)->receive(limit())->size(), 300u);
}

TEST_F(ZmtpConnectionTest, StrangersAreRefused) {
  const auto refused = [&](const std::string& bytes) {
    const auto received = receive_after(bytes);
    EXPECT_FALSE(received);
    return received ? ErrorKind::not_found : received.error().kind;
  };
  EXPECT_EQ(refused("HTTP/1.1 400 Bad Request\r\n\r\n"), ErrorKind::corrupt);
  std::string curve = server_handshake();
  curve.replace(12, 5, "CURVE");
  EXPECT_EQ(refused(curve), ErrorKind::denied);
  std::string old = server_handshake();
  old[10] = 1;
  EXPECT_EQ(refused(old), ErrorKind::format);
  EXPECT_EQ(refused(zmtp_greeting() + zmtp_ready("PUB")), ErrorKind::corrupt);
  EXPECT_EQ(refused(zmtp_greeting() + message("early")), ErrorKind::corrupt);
  EXPECT_EQ(refused(zmtp_greeting() + "\x04\x07\x04PING\0\0"s), ErrorKind::corrupt);
}

TEST_F(ZmtpConnectionTest, ARefusalIsQuoted) {
  const auto early = receive_after(zmtp_greeting() +
                                   "\x04\x09\x05"
                                   "ERROR\x02no"s);
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().kind, ErrorKind::denied);
  EXPECT_EQ(early.error().what, server.endpoint() + ": the peer refuses: no");
  const auto late = receive_after(server_handshake() +
                                  "\x04\x09\x05"
                                  "ERROR\x02no"s);
  EXPECT_EQ(late.error().kind, ErrorKind::denied);
}

TEST_F(ZmtpConnectionTest, WhatTheProtocolForbidsEndsTheConnection) {
  const auto kind = [&](const std::string& traffic) {
    const auto received = receive_after(server_handshake() + traffic, {.frame_bytes_max = 1000});
    EXPECT_FALSE(received);
    return received ? ErrorKind::not_found : received.error().kind;
  };
  EXPECT_EQ(kind("\x01\x01"
                 "a\0\x01"
                 "b"s),
            ErrorKind::corrupt)
      << "two parts";
  EXPECT_EQ(kind("\x08\x01"
                 "a"s),
            ErrorKind::corrupt)
      << "an unknown flag";
  EXPECT_EQ(kind("\x04\x0b\x09SUBSCRIBEx"s), ErrorKind::corrupt) << "a command for publishers";
  EXPECT_EQ(kind(zmtp_ready("ROUTER")), ErrorKind::corrupt) << "a second READY";
  EXPECT_EQ(kind(message(std::string(1001, 'x'))), ErrorKind::invalid) << "too large";
  EXPECT_EQ(kind("\x02\x7f\xff\xff\xff\xff\xff\xff\xff"s), ErrorKind::invalid) << "far too large";
}

TEST_F(ZmtpConnectionTest, PingIsAnsweredBetweenMessages) {
  std::string answer;
  std::string pong;
  append_zmtp_pong(pong, "ctx");
  server.serve([&](int peer) {
    ScriptedServer::read_exactly(peer, kZmtpGreetingBytes + zmtp_ready("DEALER").size());
    ScriptedServer::write_all(peer, server_handshake() +
                                        "\x04\x0a\x04PING\0\x0a"
                                        "ctx"s +
                                        "\x04\x05\x04PONG"s + message("after"));
    answer = ScriptedServer::read_exactly(peer, pong.size());
  });
  const auto connection = connect();
  ASSERT_TRUE(connection);
  EXPECT_EQ((*connection)->receive(limit())->view(), "after");
  EXPECT_FALSE((*connection)->receive(limit()));
  EXPECT_EQ(answer, pong);
}

TEST_F(ZmtpConnectionTest, ADeadlineEndsTheConnection) {
  server.serve([](int peer) {
    ScriptedServer::write_all(peer, server_handshake());
    ScriptedServer::read_all(peer);
  });
  const auto connection = connect();
  ASSERT_TRUE(connection);
  const auto late = (*connection)->receive(clock.now() + 1ms);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, ErrorKind::unavailable);
  EXPECT_EQ(late.error().what, server.endpoint() + ": no answer in time");
  EXPECT_EQ((*connection)->queue("x").error().what, late.error().what);
}

TEST_F(ZmtpConnectionTest, ASilentServerRunsIntoTheDeadline) {
  server.serve([](int peer) { ScriptedServer::read_all(peer); });
  const auto connection = ZmtpConnection::connect(server.endpoint(), clock, clock.now() + 5ms);
  ASSERT_FALSE(connection);
  EXPECT_EQ(connection.error().what, server.endpoint() + ": no answer in time");
}

TEST_F(ZmtpConnectionTest, AnOversizedFrameIsRefusedAndTheConnectionStays) {
  server.say(server_handshake() + message("abc"));
  const auto connection = connect({.frame_bytes_max = 10});
  ASSERT_TRUE(connection);
  EXPECT_EQ((*connection)->send(std::string(11, 'x'), limit()).error().kind, ErrorKind::invalid);
  EXPECT_EQ((*connection)->receive(limit())->view(), "abc");
}

TEST_F(ZmtpConnectionTest, APeerThatDoesNotReadMakesTheQueueBusy) {
  server.serve([](int peer) {
    ScriptedServer::write_all(peer, server_handshake() + message("still here"));
    ScriptedServer::read_exactly(peer, kZmtpGreetingBytes + zmtp_ready("DEALER").size());
    char gone;
    recv(peer, &gone, 1, MSG_PEEK);  // Something has come; it is never read.
    ScriptedServer::write_all(peer, message("unread"));
  });
  const auto connection = connect({.unsent_bytes_max = 100'000});
  ASSERT_TRUE(connection);
  // One frame is taken whatever its size; the second finds it in the way.
  ASSERT_TRUE((*connection)->queue(std::string(2'000'000, 'x')));
  EXPECT_EQ((*connection)->queue("y").error().kind, ErrorKind::busy);
  EXPECT_TRUE((*connection)->wants_write());
  EXPECT_EQ((*connection)->receive(limit())->view(), "still here");
}

TEST_F(ZmtpConnectionTest, CannotConnectIsSaidWithTheEndpoint) {
  const auto error = [&](const Endpoint& endpoint) {
    const auto connection = ZmtpConnection::connect(endpoint, clock, limit());
    EXPECT_FALSE(connection);
    return connection ? Error{} : connection.error();
  };
  const Error missing = error(server.endpoint() + "x");
  EXPECT_EQ(missing.kind, ErrorKind::unavailable);
  EXPECT_EQ(missing.what,
            "cannot connect to " + server.endpoint() + "x: No such file or directory");
  const Error refused = error("tcp://127.0.0.1:1");
  EXPECT_EQ(refused.kind, ErrorKind::unavailable);
  EXPECT_EQ(refused.what, "cannot connect to tcp://127.0.0.1:1: Connection refused");
  EXPECT_EQ(error("tcp://192.0.2.1:1").kind, ErrorKind::denied);
  EXPECT_EQ(error("inproc://x").kind, ErrorKind::invalid);
  EXPECT_EQ(error("nonsense").kind, ErrorKind::invalid);
}

}  // namespace
}  // namespace kv
