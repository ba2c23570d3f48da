// The client against servers made of bytes: what libzmq would never send, and every place where a
// peer can die.
#include "libkv/zmtp/zmtp_connection.h"

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include "tests/kit/scripted_server.h"

namespace kv {
namespace {

using namespace std::string_literals;
using namespace kv::testing;

class ZmtpConnectionTest : public ::testing::Test {
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

TEST_F(ZmtpConnectionTest, BegunWithoutWaitingItGoesOnAsTheServerDoes) {
  // Nobody takes the connection yet, and nothing waits for that.
  const auto begun = ZmtpConnection::begin(server.endpoint(), clock);
  ASSERT_TRUE(begun);
  ZmtpConnection& connection = **begun;
  EXPECT_FALSE(connection.advance().value());
  EXPECT_FALSE(connection.advance().value());
  EXPECT_FALSE(connection.wants_write());
  server.serve([](int peer) {
    for (const char c : server_handshake()) ScriptedServer::write_all(peer, std::string(1, c));
    EXPECT_EQ(ScriptedServer::read_exactly(peer, 64 + zmtp_ready("DEALER").size() + 2),
              zmtp_greeting() + zmtp_ready("DEALER") + message(""));
    ScriptedServer::write_all(peer, message("abc"));
    ScriptedServer::read_all(peer);
  });
  while (true) {
    const Result<bool> open = connection.advance();
    ASSERT_TRUE(open) << open.error().what;
    if (*open) break;
    pollfd waited{connection.fd(), POLLIN, 0};
    ASSERT_EQ(poll(&waited, 1, 20'000), 1);
  }
  EXPECT_TRUE(connection.advance().value());
  ASSERT_TRUE(connection.send("", limit()));
  EXPECT_EQ(connection.receive(limit())->view(), "abc");
}

TEST_F(ZmtpConnectionTest, BegunWithoutWaitingAFullQueueIsSaidAtOnce) {
  std::vector<std::unique_ptr<ZmtpConnection>> held;
  for (int i = 0; i < 100; ++i) {
    auto begun = ZmtpConnection::begin(server.endpoint(), clock);
    if (!begun) {
      EXPECT_EQ(begun.error().kind, ErrorKind::unavailable);
      EXPECT_EQ(begun.error().what, server.endpoint() + ": cannot connect: no answer in time");
      return;
    }
    held.push_back(std::move(*begun));
  }
  FAIL() << "a hundred connections fit into a queue of five";
}

TEST_F(ZmtpConnectionTest, BegunWithoutWaitingRefusalsAreSaidAsByConnect) {
  EXPECT_EQ(ZmtpConnection::begin(server.endpoint() + "x", clock).error().what,
            server.endpoint() + "x: cannot connect: No such file or directory");
  EXPECT_EQ(ZmtpConnection::begin("tcp://192.0.2.1:1", clock).error().kind, ErrorKind::denied);
  EXPECT_EQ(ZmtpConnection::begin("nonsense", clock).error().kind, ErrorKind::invalid);
  // Over tcp the refusal may come later.
  const Error refused = [&] {
    const auto begun = ZmtpConnection::begin("tcp://127.0.0.1:1", clock);
    if (!begun) return begun.error();
    pollfd waited{(*begun)->fd(), POLLOUT, 0};
    poll(&waited, 1, 20'000);
    return (*begun)->advance().error();
  }();
  EXPECT_EQ(refused.kind, ErrorKind::unavailable);
  EXPECT_EQ(refused.what, "tcp://127.0.0.1:1: cannot connect: Connection refused");
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
  EXPECT_EQ(missing.what, server.endpoint() + "x: cannot connect: No such file or directory");
  const Error refused = error("tcp://127.0.0.1:1");
  EXPECT_EQ(refused.kind, ErrorKind::unavailable);
  EXPECT_EQ(refused.what, "tcp://127.0.0.1:1: cannot connect: Connection refused");
  EXPECT_EQ(error("tcp://192.0.2.1:1").kind, ErrorKind::denied);
  EXPECT_EQ(error("inproc://x").kind, ErrorKind::invalid);
  EXPECT_EQ(error("nonsense").kind, ErrorKind::invalid);
}

TEST_F(ZmtpConnectionTest, WhoSaysMuchAndNoMessageGetsOneReadACall) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
  const StreamSocket peer(ends[0]);
  const auto connection = ZmtpConnection::accept("ipc:///here", StreamSocket(ends[1]), clock);
  const auto say = [&](const std::string& bytes) {
    ASSERT_EQ(::send(peer.fd(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  };
  say(zmtp_greeting() + zmtp_ready("DEALER"));
  const auto is_open = connection->advance();
  ASSERT_TRUE(is_open && *is_open);
  std::string pongs;
  while (pongs.size() < 150'000) pongs += "\x04\x05\x04PONG"s;
  say(pongs);
  say(message("hello"));
  int calls_without = 0;
  for (;; ++calls_without) {
    const auto frame = connection->try_receive();
    ASSERT_TRUE(frame) << frame.error().what;
    if (!*frame) continue;
    EXPECT_EQ((*frame)->view(), "hello");
    break;
  }
  EXPECT_GE(calls_without, 2) << "a loop would be held up for as long as the peer goes on";
}

}  // namespace
}  // namespace kv
