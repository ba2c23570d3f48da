// The zmtp client against both servers: LocalTransport's over ipc, libzmq's ROUTER over tcp.
#include <deque>
#include <optional>

#include <gtest/gtest.h>
#include <poll.h>

#include "libkv/zmtp/zmtp_connection.h"
#include "tests/unit/net/loop_fixture.h"

namespace kv {
namespace {

class ZmtpInterop : public EitherTransport {
 protected:
  std::unique_ptr<ZmtpConnection> connected(const Endpoint& endpoint, ZmtpOptions options = {}) {
    auto connection = ZmtpConnection::connect(endpoint, clock, clock.limit(), options);
    EXPECT_TRUE(connection) << connection.error().what;
    return connection ? std::move(*connection) : nullptr;
  }
  SteadyClock clock;
};

TEST_P(ZmtpInterop, FramesOfAllSizesComeBack) {
  EchoServer server(endpoint("s"));
  const auto client = connected(endpoint("s"));
  ASSERT_TRUE(client);
  for (const size_t size : {0u, 1u, 255u, 256u, 65'000u, 65'536u, 70'000u, 3'000'000u}) {
    std::string bytes(size, static_cast<char>('a' + size % 26));
    ASSERT_TRUE(client->send(bytes, clock.limit()));
    const auto back = client->receive(clock.limit());
    ASSERT_TRUE(back) << back.error().what;
    EXPECT_TRUE(back->view() == bytes) << size;
  }
}

TEST_P(ZmtpInterop, StreamsBothWaysWithoutADeadlock) {
  EchoServer server(endpoint("s"));
  const auto client = connected(endpoint("s"), {.unsent_bytes_max = 50'000});
  ASSERT_TRUE(client);
  const size_t total = 3000;
  const size_t window = 1000;  // Below the ROUTER's high-water mark, which would drop answers.
  size_t queued = 0;
  size_t received = 0;
  bool was_busy = false;
  while (received < total) {
    while (queued < total && queued - received < window) {
      const Status taken = client->queue(std::to_string(queued) + std::string(5000, '.'));
      if (!taken) {
        ASSERT_EQ(taken.error().kind, ErrorKind::busy);
        was_busy = true;
        break;
      }
      ++queued;
    }
    ASSERT_TRUE(client->flush());
    pollfd waiting{client->fd(), POLLIN, 0};
    if (client->wants_write()) waiting.events |= POLLOUT;
    ASSERT_EQ(poll(&waiting, 1, 20'000), 1);
    for (;;) {
      auto frame = client->try_receive();
      ASSERT_TRUE(frame) << frame.error().what;
      if (!*frame) break;
      const std::string expected = std::to_string(received) + ".";
      ASSERT_EQ((*frame)->view().substr(0, expected.size()), expected);
      ++received;
    }
  }
  EXPECT_TRUE(was_busy);
}

TEST_P(ZmtpInterop, HeldFramesStayWholeWhileMoreArrive) {
  EchoServer server(endpoint("s"));
  const auto client = connected(endpoint("s"));
  ASSERT_TRUE(client);
  std::deque<Frame> held;
  for (int i = 0; i < 500; ++i) {
    const std::string bytes(static_cast<size_t>(i) * 7, static_cast<char>('a' + i % 26));
    ASSERT_TRUE(client->send(bytes, clock.limit()));
    held.push_back(*client->receive(clock.limit()));
  }
  for (size_t i = 0; i < held.size(); ++i)
    EXPECT_TRUE(held[i].view() == std::string(i * 7, static_cast<char>('a' + i % 26))) << i;
}

TEST_P(ZmtpInterop, TheServersEndIsAnErrorThatStays) {
  auto server = std::make_optional<EchoServer>(endpoint("s"));
  const auto client = connected(endpoint("s"));
  ASSERT_TRUE(client);
  server.reset();
  const auto received = client->receive(clock.limit());
  ASSERT_FALSE(received);
  EXPECT_EQ(received.error().kind, ErrorKind::unavailable);
  EXPECT_EQ(received.error().what, endpoint("s") + ": the connection was closed by the peer");
  EXPECT_EQ(client->send("x", clock.limit()).error().what, received.error().what);
}

TEST_P(ZmtpInterop, WhatTheServerRefusesClosesTheConnection) {
  EventLoopOptions small;
  small.net.frame_bytes_max = 1000;
  EchoServer server(endpoint("s"), small);
  const auto client = connected(endpoint("s"));
  ASSERT_TRUE(client);
  ASSERT_TRUE(client->send(std::string(1001, 'x'), clock.limit()));
  EXPECT_EQ(client->receive(clock.limit()).error().kind, ErrorKind::unavailable);
}

/// What there is only over tcp: names, and the PINGs of libzmq.
class ZmtpOverTcp : public ZmtpInterop {};

TEST_P(ZmtpOverTcp, PingsOfTheServerAreAnswered) {
  // The server pings every few milliseconds; each PING must be taken for what it is.
  EventLoopOptions options;
  options.net.heartbeat_interval = std::chrono::milliseconds(5);
  options.net.heartbeat_limit = std::chrono::milliseconds(1000);
  EchoServer server(endpoint("s"), options);
  const auto client = connected(endpoint("s"));
  ASSERT_TRUE(client);
  // A PING makes the socket readable though no message comes.
  for (int pings = 0; pings < 5; ++pings) {
    pollfd waiting{client->fd(), POLLIN, 0};
    ASSERT_EQ(poll(&waiting, 1, 20'000), 1);
    const auto nothing = client->try_receive();
    ASSERT_TRUE(nothing) << nothing.error().what;
    ASSERT_FALSE(nothing->has_value());
  }
  ASSERT_TRUE(client->send("x", clock.limit()));
  EXPECT_EQ(client->receive(clock.limit())->view(), "x");
}

TEST_P(ZmtpInterop, ManyClientsAtOnce) {
  EchoServer server(endpoint("s"));
  std::vector<std::unique_ptr<ZmtpConnection>> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(connected(endpoint("s")));
    ASSERT_TRUE(clients.back());
    ASSERT_TRUE(clients.back()->send(std::to_string(i), clock.limit()));
  }
  for (size_t i = 0; i < clients.size(); ++i)
    EXPECT_EQ(clients[i]->receive(clock.limit())->view(), std::to_string(i));
}

TEST_P(ZmtpOverTcp, LocalhostIsThisHost) {
  EchoServer server(endpoint("s"));
  Endpoint by_name = endpoint("s");
  by_name.replace(by_name.find("127.0.0.1"), 9, "localhost");
  const auto client = connected(by_name);
  ASSERT_TRUE(client);
  ASSERT_TRUE(client->send("x", clock.limit()));
  EXPECT_EQ(client->receive(clock.limit())->view(), "x");
}

INSTANTIATE_TEST_SUITE_P(, ZmtpOverTcp, ::testing::Values("tcp"), scheme_name);
INSTANTIATE_TEST_SUITE_P(, ZmtpInterop, ::testing::Values("ipc", "tcp"), scheme_name);

}  // namespace
}  // namespace kv
