#include "libkv/net/net_transport.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#include "tests/unit/net/loop_fixture.h"

namespace kv {
namespace {

std::string pattern(size_t size) {
  std::string out(size, '\0');
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<char>(i * 131 + i / 251);
  return out;
}

Frame frame(std::string bytes) {
  return Frame(std::move(bytes));
}

/// A libzmq socket used the ordinary, blocking way, as a foreign client would.
class PlainSocket {
 public:
  PlainSocket(int type, const Endpoint& endpoint)
      : context_(zmq_ctx_new()), socket_(zmq_socket(context_, type)) {
    const int limit = 20'000;
    const int linger = 0;
    zmq_setsockopt(socket_, ZMQ_RCVTIMEO, &limit, sizeof limit);
    zmq_setsockopt(socket_, ZMQ_LINGER, &linger, sizeof linger);
    KV_ASSERT(zmq_connect(socket_, endpoint.c_str()) == 0);
  }
  ~PlainSocket() {
    zmq_close(socket_);
    zmq_ctx_term(context_);
  }
  void send(const std::vector<std::string>& parts) {
    for (size_t i = 0; i < parts.size(); ++i)
      zmq_send(socket_, parts[i].data(), parts[i].size(), i + 1 < parts.size() ? ZMQ_SNDMORE : 0);
  }
  std::string receive() {
    char bytes[256];
    const int got = zmq_recv(socket_, bytes, sizeof bytes, 0);
    return got < 0 ? "nothing came" : std::string(bytes, static_cast<size_t>(got));
  }

 private:
  void* context_;
  void* socket_;
};

TEST_P(EitherTransport, EchoesFramesOfAllSizes) {
  EchoServer server(endpoint("s"));
  ASSERT_TRUE(server.status);
  TestLoop client;
  const PeerId peer = client.transport().connect(endpoint("s"));
  const std::vector<size_t> sizes = {0,   1,    29,   33,   34,      255,
                                     256, 2047, 2048, 8192, 100'000, 5'000'000};
  for (const size_t size : sizes) ASSERT_TRUE(client.transport().send(peer, frame(pattern(size))));
  ASSERT_TRUE(client.until_got(sizes.size()));
  for (size_t i = 0; i < sizes.size(); ++i) {
    EXPECT_EQ(client.handler.got[i].from, peer);
    EXPECT_TRUE(client.handler.got[i].bytes == pattern(sizes[i])) << sizes[i];
  }
  EXPECT_EQ(client.transport().counters().frames_sent, sizes.size());
  EXPECT_EQ(client.transport().counters().frames_received, sizes.size());
  EXPECT_EQ(client.transport().counters().bytes_sent, client.transport().counters().bytes_received);
}

TEST(NetTransport, ServesSeveralEndpointsTcpAmongThem) {
  const SocketDirectory directory;
  TestLoop server;
  server.handler.answer = [&](PeerId from, Frame f) { server.transport().send(from, f); };
  ASSERT_TRUE(server.transport().bind(directory.endpoint("s")));
  // A free port can only be found by trying.
  Endpoint tcp;
  for (int port = 40'000 + getpid() % 20'000; tcp.empty(); ++port) {
    const Endpoint tried = "tcp://127.0.0.1:" + std::to_string(port);
    const Status bound = server.transport().bind(tried);
    if (bound)
      tcp = tried;
    else
      ASSERT_EQ(bound.error().kind, ErrorKind::locked) << bound.error().what;
  }
  const PeerId by_ipc = server.transport().connect(directory.endpoint("s"));
  const PeerId by_tcp = server.transport().connect(tcp);
  server.transport().send(by_ipc, frame("i"));
  server.transport().send(by_tcp, frame("t"));
  // Two requests and, since the echo answers its own answers, no end of frames after them.
  ASSERT_TRUE(server.until([&] {
    std::set<PeerId> from;
    for (const auto& got : server.handler.got) from.insert(got.from);
    return from.size() == 4;
  }));
}

TEST_P(EitherTransport, TheSameEndpointIsTheSamePeerUntilItIsDisconnected) {
  TestLoop client;
  const PeerId a = client.transport().connect(endpoint("a"));
  EXPECT_NE(a, PeerId::none);
  EXPECT_EQ(client.transport().connect(endpoint("a")), a);
  client.transport().disconnect(a);
  client.transport().disconnect(a);
  EXPECT_FALSE(client.transport().send(a, frame("x")));
  EXPECT_EQ(client.transport().counters().dropped_gone, 1u);
  EXPECT_NE(client.transport().connect(endpoint("a")), a);
  EXPECT_EQ(client.transport().outgoing_peers(), 1u);
}

TEST(NetTransport, AMalformedEndpointIsNobody) {
  TestLoop client;
  EXPECT_EQ(client.transport().connect("udp://127.0.0.1:5"), PeerId::none);
  EXPECT_FALSE(client.transport().send(PeerId::none, frame("x")));
  const Status bound = client.transport().bind("tcp://*:5");
  ASSERT_FALSE(bound);
  EXPECT_EQ(bound.error().kind, ErrorKind::invalid);
}

TEST_P(EitherTransport, ARestartedServerIsReachedAgain) {
  TestLoop client;
  auto server = std::make_optional<EchoServer>(endpoint("s"));
  const PeerId peer = client.transport().connect(endpoint("s"));
  client.transport().send(peer, frame("before"));
  ASSERT_TRUE(client.until_got(1));
  server.reset();
  server.emplace(endpoint("s"));
  ASSERT_TRUE(server->status) << server->status.error().what;
  const Instant restarted = client.clock.now();
  // What is sent while the break is not yet noticed may be lost, so send again until one is back.
  ASSERT_TRUE(client.until([&] {
    client.transport().send(peer, frame("after"));
    return client.handler.got.back().bytes == "after";
  }));
  // Intended: about 100 ms. The bound leaves room for a slow machine, and still tells it from the
  // seconds of an unbounded back-off.
  EXPECT_LT(seconds_of(client.clock.now() - restarted), 2.0);
}

TEST_P(EitherTransport, AServerThatStartsLaterGetsWhatWasQueued) {
  TestLoop client;
  const PeerId peer = client.transport().connect(endpoint("s"));
  EXPECT_TRUE(client.transport().send(peer, frame("early")));
  EchoServer server(endpoint("s"));
  ASSERT_TRUE(client.until_got(1));
  EXPECT_EQ(client.handler.got[0].bytes, "early");
}

TEST_P(EitherTransport, AFullQueueRefusesAndNeverWaits) {
  EventLoopOptions options;
  options.net.queued_frames_max = 10;
  options.net.linger = std::chrono::milliseconds(1);
  TestLoop client(options);
  const PeerId nobody = client.transport().connect(endpoint("s"));
  int accepted = 0;
  while (accepted < 1000 && client.transport().send(nobody, frame("x"))) ++accepted;
  EXPECT_GE(accepted, 10);
  EXPECT_LT(accepted, 100);
  EXPECT_EQ(client.transport().counters().dropped_full, 1u);
}

TEST_P(EitherTransport, TheBytesOfLargeFramesAreBoundedByPeerAndInAll) {
  EventLoopOptions options;
  options.net.queued_bytes_per_peer_max = 100'000;
  options.net.queued_bytes_max = 150'000;
  options.net.frame_bytes_max = 60'000;
  options.net.linger = std::chrono::milliseconds(1);
  TestLoop client(options);
  const Frame large = frame(std::string(40'000, 'x'));
  const PeerId a = client.transport().connect(endpoint("a"));
  const PeerId b = client.transport().connect(endpoint("b"));
  EXPECT_TRUE(client.transport().send(a, large));
  EXPECT_TRUE(client.transport().send(a, large));
  EXPECT_FALSE(client.transport().send(a, large)) << "the peer's bound";
  EXPECT_GE(client.transport().unsent_bytes(a), 80'000u);
  EXPECT_EQ(client.transport().unsent_bytes(b), 0u);
  EXPECT_TRUE(client.transport().send(b, large));
  EXPECT_FALSE(client.transport().send(b, large)) << "the bound over all";
  const PeerId c = client.transport().connect(endpoint("c"));
  EXPECT_TRUE(client.transport().send(c, large)) << "a peer's first is always taken";
  // What a closed socket held is given back, though on libzmq's thread.
  client.transport().disconnect(a);
  EXPECT_EQ(client.transport().unsent_bytes(a), 0u);
  EXPECT_TRUE(client.until([&] { return client.transport().send(b, large); }));
}

TEST_P(EitherTransport, AnOversizedFrameIsNotSent) {
  EventLoopOptions options;
  options.net.frame_bytes_max = 1000;
  EchoServer server(endpoint("s"), options);
  TestLoop client(options);
  const PeerId peer = client.transport().connect(endpoint("s"));
  EXPECT_FALSE(client.transport().send(peer, frame(std::string(1001, 'x'))));
  EXPECT_EQ(client.transport().counters().dropped_oversize, 1u);
  EXPECT_TRUE(client.transport().send(peer, frame(std::string(1000, 'x'))));
  EXPECT_TRUE(client.until_got(1));
}

TEST_P(EitherTransport, AnOversizedFrameThatIsSentIsRefusedByTheReceiver) {
  EventLoopOptions small;
  small.net.frame_bytes_max = 1000;
  TestLoop server(small);
  ASSERT_TRUE(server.transport().bind(endpoint("s")));
  PlainSocket careless(ZMQ_DEALER, endpoint("s"));
  careless.send({std::string(1001, 'x')});
  // The connection breaks, is made anew, and carries what comes next.
  TestLoop good;
  good.transport().send(good.transport().connect(endpoint("s")), frame("good"));
  ASSERT_TRUE(server.until([&] {
    good.loop.turn(good.handler, 0ms);
    return !server.handler.got.empty();
  }));
  EXPECT_EQ(server.handler.got[0].bytes, "good");
  // What followed on the broken connection may be lost with it.
  ASSERT_TRUE(server.until([&] {
    careless.send({"after"});
    return server.handler.got.back().bytes == "after";
  }));
  for (const auto& got : server.handler.got)
    EXPECT_TRUE(got.bytes == "good" || got.bytes == "after") << got.bytes.size();
}

TEST_P(EitherTransport, ARequestOfAReqSocketIsAnsweredInItsForm) {
  EchoServer server(endpoint("s"));
  PlainSocket req(ZMQ_REQ, endpoint("s"));
  for (const std::string text : {"one", "two", ""}) {
    req.send({text});
    EXPECT_EQ(req.receive(), text);
  }
}

TEST_P(EitherTransport, MultipartJunkIsDropped) {
  TestLoop server;
  ASSERT_TRUE(server.transport().bind(endpoint("s")));
  PlainSocket dealer(ZMQ_DEALER, endpoint("s"));
  dealer.send({"a", "b"});
  dealer.send({"", "b", "c"});
  dealer.send({"a", "", "", "", "d"});
  dealer.send({"", ""});
  dealer.send({"", "framed"});
  dealer.send({"good"});
  ASSERT_TRUE(server.until_got(3));
  EXPECT_EQ(server.handler.got[0].bytes, "");
  EXPECT_EQ(server.handler.got[1].bytes, "framed");
  EXPECT_EQ(server.handler.got[2].bytes, "good");
  EXPECT_EQ(server.transport().counters().dropped_malformed, 3u);
  EXPECT_EQ(server.transport().inbound_peers(), 1u);
}

TEST_P(EitherTransport, ManyPeersAreServedAndTheOneUnheardForLongestIsForgotten) {
  EventLoopOptions options;
  options.net.inbound_peers_max = 20;
  TestLoop server(options);
  ASSERT_TRUE(server.transport().bind(endpoint("s")));
  std::vector<std::unique_ptr<PlainSocket>> clients;
  for (int i = 0; i < 30; ++i) {
    clients.push_back(std::make_unique<PlainSocket>(ZMQ_DEALER, endpoint("s")));
    clients.back()->send({std::to_string(i)});
    ASSERT_TRUE(server.until_got(server.handler.got.size() + 1));
    if (i != 19) continue;
    clients.front()->send({"the first is still there"});
    ASSERT_TRUE(server.until_got(21));
  }
  EXPECT_EQ(server.transport().inbound_peers(), 20u);
  for (const size_t i : {0u, 1u, 10u, 11u, 29u}) {
    const auto hello =
        std::find_if(server.handler.got.begin(), server.handler.got.end(),
                     [&](const auto& got) { return got.bytes == std::to_string(i); });
    const bool sent = server.transport().send(hello->from, frame("re"));
    EXPECT_EQ(sent, i == 0 || i > 10) << i;
    server.loop.turn(server.handler, 0ms);
    if (sent) {
      EXPECT_EQ(clients[i]->receive(), "re");
    }
  }
}

TEST_P(EitherTransport, AReplyToAPeerThatLeftIsRefused) {
  TestLoop server;
  ASSERT_TRUE(server.transport().bind(endpoint("s")));
  auto client = std::make_unique<PlainSocket>(ZMQ_DEALER, endpoint("s"));
  client->send({"hello"});
  ASSERT_TRUE(server.until_got(1));
  client.reset();
  const PeerId gone = server.handler.got[0].from;
  ASSERT_TRUE(server.until([&] { return !server.transport().send(gone, frame("late")); }));
  EXPECT_EQ(server.transport().counters().dropped_gone, 1u);
  EXPECT_EQ(server.transport().inbound_peers(), 0u);
}

TEST_P(EitherTransport, ALoudPeerDoesNotKeepOthersOut) {
  EventLoopOptions options;
  options.budget.frames = 8;
  options.budget.frames_per_slice = 4;
  TestLoop server(options);
  ASSERT_TRUE(server.transport().bind(endpoint("s")));
  EchoServer other(endpoint("other"));
  const PeerId loud = server.transport().connect(endpoint("s"));
  const PeerId quiet = server.transport().connect(endpoint("other"));
  bool quiet_heard = false;
  // Each loud frame causes the next, so that the ROUTER always has some.
  server.handler.answer = [&](PeerId from, Frame f) {
    if (from == quiet)
      quiet_heard = true;
    else
      server.transport().send(loud, std::move(f));
  };
  for (int i = 0; i < 500; ++i) server.transport().send(loud, frame("loud"));
  ASSERT_TRUE(server.until_got(1000));
  server.transport().send(quiet, frame("quiet"));
  ASSERT_TRUE(server.until([&] { return quiet_heard; }));
  EXPECT_GE(static_cast<size_t>(server.handler.turns) * 8, server.handler.got.size());
}

TEST_P(EitherTransport, AHandlerMayDisconnectThePeerItHears) {
  EchoServer server(endpoint("s"));
  TestLoop client;
  const PeerId peer = client.transport().connect(endpoint("s"));
  client.handler.answer = [&](PeerId from, Frame) { client.transport().disconnect(from); };
  for (int i = 0; i < 100; ++i) client.transport().send(peer, frame("x"));
  ASSERT_TRUE(client.until_got(1));
  client.loop.turn(client.handler, 0ms);
  EXPECT_EQ(client.handler.got.size(), 1u);
}

class ByLibzmq : public EitherTransport {};
INSTANTIATE_TEST_SUITE_P(, ByLibzmq, ::testing::Values("tcp"), scheme_name);

TEST_P(ByLibzmq, AReplyToAPeerThatDoesNotReadIsRefusedAtTheMark) {
  EventLoopOptions options;
  options.net.queued_frames_max = 10;
  TestLoop server(options);
  ASSERT_TRUE(server.transport().bind(endpoint("s")));
  PlainSocket deaf(ZMQ_DEALER, endpoint("s"));
  deaf.send({"hello"});
  ASSERT_TRUE(server.until_got(1));
  const PeerId peer = server.handler.got[0].from;
  uint64_t sent = 0;
  while (sent < 1'000'000 && server.transport().send(peer, frame(std::string(1000, 'x')))) ++sent;
  EXPECT_LT(sent, 1'000'000u);
  EXPECT_EQ(server.transport().counters().dropped_full, 1u);
}

// --- What only LocalTransport has to do itself ---------------------------------------------------

/// A socket that is connected and says what the test says.
class RawPeer {
 public:
  explicit RawPeer(const std::string& path) : fd_(socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    KV_ASSERT(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }
  ~RawPeer() { close(fd_); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  void say(const std::string& bytes) {
    KV_ASSERT(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
              static_cast<ssize_t>(bytes.size()));
  }
  /// How much of it the kernel took.
  size_t say_what_fits(BytesView bytes) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent > 0 ? static_cast<size_t>(sent) : 0;
  }
  /// Reads what has come; true at the end of the connection.
  bool has_ended() {
    char bytes[4096];
    for (;;) {
      const ssize_t got = recv(fd_, bytes, sizeof bytes, MSG_DONTWAIT);
      if (got == 0 || (got < 0 && errno == ECONNRESET)) return true;
      if (got < 0) return false;
      heard.append(bytes, static_cast<size_t>(got));
    }
  }

  std::string heard;

 private:
  int fd_;
};

const std::string kClientHandshake = zmtp_greeting() + zmtp_ready("DEALER");

TEST(LocalTransport, ALibzmqRouterIsSpokenToAndHeard) {
  const SocketDirectory directory;
  TestLoop client;
  const PeerId peer = client.transport().connect(directory.endpoint("s"));
  EXPECT_TRUE(client.transport().send(peer, frame("early")));
  SteadyClock clock;
  Poller poller;
  ZmqTransport router(poller);
  ASSERT_TRUE(router.bind(directory.endpoint("s")));
  Collector echo;
  echo.answer = [&](PeerId from, Frame f) { router.send(from, std::move(f)); };
  for (const size_t size : {1u, 300u, 3'000'000u})
    EXPECT_TRUE(client.transport().send(peer, frame(pattern(size))));
  ASSERT_TRUE(client.until([&] {
    for (const uint64_t token : poller.wait(router.settle() ? 0ms : 1ms))
      router.mark_readable(token);
    router.receive(echo, clock.now());
    return client.handler.got.size() == 4;
  }));
  EXPECT_EQ(client.handler.got[0].bytes, "early");
  EXPECT_TRUE(client.handler.got[3].bytes == pattern(3'000'000));
}

TEST(LocalTransport, WhoNeverShakesHandsIsClosed) {
  const SocketDirectory directory;
  EventLoopOptions options;
  options.net.handshake_limit = 20ms;
  TestLoop server(options);
  ASSERT_TRUE(server.transport().bind(directory.endpoint("s")));
  RawPeer silent(directory.path("s"));
  RawPeer slow(directory.path("s"));
  slow.say(kClientHandshake.substr(0, 70));
  RawPeer good(directory.path("s"));
  good.say(kClientHandshake);
  ASSERT_TRUE(server.until([&] { return silent.has_ended() && slow.has_ended(); }));
  EXPECT_FALSE(good.has_ended()) << "an open one may be silent for ever";
  EXPECT_EQ(server.transport().inbound_peers(), 1u);
}

TEST(LocalTransport, StrangersAreClosedAndDisturbNobody) {
  const SocketDirectory directory;
  TestLoop server;
  server.handler.answer = [&](PeerId from, Frame f) { server.transport().send(from, f); };
  ASSERT_TRUE(server.transport().bind(directory.endpoint("s")));
  RawPeer good(directory.path("s"));
  good.say(kClientHandshake);
  const std::string strange[] = {
      "GET / HTTP/1.1\r\n\r\n",                        // Not ZMTP.
      zmtp_greeting() + zmtp_ready("SUB"),             // Not a client of a ROUTER.
      kClientHandshake + std::string("\x08\x01x", 3),  // A flag that does not exist.
      kClientHandshake + std::string("\x02\xff\xff\xff\xff\xff\xff\xff\xff", 9),  // Too large.
      zmtp_greeting() + std::string("\0\x01x", 3),  // A message before READY.
  };
  for (const std::string& bytes : strange) {
    RawPeer stranger(directory.path("s"));
    stranger.say(bytes);
    EXPECT_TRUE(server.until([&] { return stranger.has_ended(); })) << bytes.size();
  }
  good.say(std::string("\0\x02hi", 4));
  EXPECT_TRUE(server.until([&] {
    EXPECT_FALSE(good.has_ended());
    return good.heard.ends_with(std::string("\0\x02hi", 4));
  }));
  EXPECT_EQ(server.transport().inbound_peers(), 1u);
  EXPECT_EQ(server.handler.got.size(), 1u);
}

TEST(LocalTransport, AFrameInPiecesIsWhole) {
  const SocketDirectory directory;
  TestLoop server;
  ASSERT_TRUE(server.transport().bind(directory.endpoint("s")));
  RawPeer slow(directory.path("s"));
  RawPeer quick(directory.path("s"));
  quick.say(kClientHandshake);
  const std::string bytes = kClientHandshake + std::string("\0\x05hello\0\x05world", 14);
  for (const char c : bytes) {
    slow.say(std::string(1, c));
    quick.say(std::string("\0\x01q", 3));  // Both read into the same room.
    const size_t quick_ones = server.handler.got.size() + 1;
    ASSERT_TRUE(server.until([&] { return server.handler.got.size() >= quick_ones; }));
    server.loop.turn(server.handler, 0ms);
  }
  ASSERT_TRUE(server.until_got(bytes.size() + 2));
  std::string slow_ones;
  for (const auto& got : server.handler.got)
    if (got.bytes != "q") slow_ones += got.bytes;
  EXPECT_EQ(slow_ones, "helloworld");
}

TEST(LocalTransport, WhatWaitsBehindABreakGoesOutOverTheNextConnection) {
  const SocketDirectory directory;
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  directory.path("s").copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(listener, 8), 0);
  TestLoop client;
  const PeerId peer = client.transport().connect(directory.endpoint("s"));
  const int accepted = accept(listener, nullptr, nullptr);
  const std::string handshake = zmtp_greeting() + zmtp_ready("ROUTER");
  ASSERT_EQ(::send(accepted, handshake.data(), handshake.size(), 0),
            static_cast<ssize_t>(handshake.size()));
  // Nobody reads: of these, some are in the kernel and in the connection, the others wait.
  for (int i = 0; i < 40; ++i)
    ASSERT_TRUE(client.transport().send(peer, frame(std::to_string(i) + pattern(100'000))));
  for (int i = 0; i < 5; ++i) client.loop.turn(client.handler, 0ms);
  close(accepted);
  close(listener);
  EchoServer server(directory.endpoint("s"));
  ASSERT_TRUE(client.until([&] {
    return !client.handler.got.empty() && client.handler.got.back().bytes.starts_with("39");
  }));
  const int first = std::stoi(client.handler.got.front().bytes);
  EXPECT_GT(first, 0) << "those in the connection are lost with it";
  for (size_t i = 0; i < client.handler.got.size(); ++i)
    EXPECT_TRUE(client.handler.got[i].bytes ==
                std::to_string(first + static_cast<int>(i)) + pattern(100'000));
}

TEST(LocalTransport, TheLastFramesAreWrittenAtTheEnd) {
  const SocketDirectory directory;
  auto server = std::make_unique<TestLoop>();
  ASSERT_TRUE(server->transport().bind(directory.endpoint("s")));
  RawPeer client(directory.path("s"));
  client.say(kClientHandshake + std::string("\0\x01?", 3));
  ASSERT_TRUE(server->until_got(1));
  // More than the kernel takes at once, so that somebody has to wait until it is read.
  ASSERT_TRUE(server->transport().send(server->handler.got[0].from, frame(pattern(2'000'000))));
  std::thread reader([&] {
    while (!client.has_ended()) std::this_thread::yield();
  });
  server.reset();
  reader.join();
  EXPECT_TRUE(client.heard.ends_with(pattern(2'000'000)));
  EXPECT_FALSE(std::filesystem::exists(directory.path("s")));
}

TEST(LocalTransport, APeerThatDoesNotReadIsRefusedAtTheMarkAndServedWhenItReads) {
  const SocketDirectory directory;
  EventLoopOptions options;
  options.net.queued_frames_max = 10;
  TestLoop server(options);
  ASSERT_TRUE(server.transport().bind(directory.endpoint("s")));
  RawPeer deaf(directory.path("s"));
  deaf.say(kClientHandshake + std::string("\0\x01?", 3));
  ASSERT_TRUE(server.until_got(1));
  const PeerId peer = server.handler.got[0].from;
  size_t sent = 0;
  while (sent < 100'000 && server.transport().send(peer, frame(std::string(1000, 'x')))) {
    ++sent;
    server.loop.turn(server.handler, 0ms);
  }
  EXPECT_LT(sent, 100'000u);
  EXPECT_EQ(server.transport().counters().dropped_full, 1u);
  EXPECT_GE(server.transport().unsent_bytes(peer), 10'000u);
  ASSERT_TRUE(server.until([&] {
    EXPECT_FALSE(deaf.has_ended());
    return deaf.heard.size() >= sent * 1000;
  }));
  EXPECT_TRUE(server.transport().send(peer, frame("more")));
  ASSERT_TRUE(server.until([&] { return !deaf.has_ended() && deaf.heard.ends_with("more"); }));
  EXPECT_EQ(server.transport().unsent_bytes(peer), 0u);
  // Nothing is left to be written: that the socket could take more wakes nobody.
  const int turns = server.handler.turns;
  const Instant begun = server.clock.now();
  while (server.clock.now() < begun + 60ms) server.loop.turn(server.handler, 20ms);
  EXPECT_LT(server.handler.turns, turns + 10);
}

TEST(LocalTransport, WhatWasQueuedForABrokenConnectionLeavesRoomForOthers) {
  const SocketDirectory directory;
  EventLoopOptions options;
  options.net.queued_bytes_max = 500'000;
  options.net.queued_bytes_per_peer_max = 450'000;
  options.net.frame_bytes_max = 400'000;
  TestLoop server(options);
  ASSERT_TRUE(server.transport().bind(directory.endpoint("s")));
  const auto heard_from = [&](RawPeer& peer) {
    peer.say(kClientHandshake + std::string("\0\x01?", 3));
    EXPECT_TRUE(server.until_got(server.handler.got.size() + 1));
    return server.handler.got.back().from;
  };
  // Each leaves some of its frame behind; together they would be more than all may have.
  for (int i = 0; i < 20; ++i) {
    {
      RawPeer deaf(directory.path("s"));
      const PeerId deaf_id = heard_from(deaf);
      ASSERT_TRUE(server.transport().send(deaf_id, frame(pattern(400'000)))) << i;
      server.loop.turn(server.handler, 0ms);
      EXPECT_FALSE(server.transport().send(deaf_id, frame(pattern(400'000)))) << i;
    }
    ASSERT_TRUE(server.until([&] { return server.transport().inbound_peers() == 0; }));
  }
}

TEST(LocalTransport, WhatAPeerSaidBeforeItsEndIsHeardThoughNothingReachesItAnyMore) {
  const SocketDirectory directory;
  TestLoop server;
  ASSERT_TRUE(server.transport().bind(directory.endpoint("s")));
  auto client = std::make_unique<RawPeer>(directory.path("s"));
  client->say(kClientHandshake + std::string("\0\x01?", 3));
  ASSERT_TRUE(server.until_got(1));
  client->say(std::string("\0\x04last", 6));
  client.reset();
  EXPECT_TRUE(server.transport().send(server.handler.got[0].from, frame("to nobody")));
  ASSERT_TRUE(server.until([&] { return server.transport().inbound_peers() == 0; }));
  ASSERT_EQ(server.handler.got.size(), 2u);
  EXPECT_EQ(server.handler.got[1].bytes, "last");
}

TEST(LocalTransport, AFloodWithoutAMessageHoldsNobodyUp) {
  const SocketDirectory directory;
  TestLoop server;
  ASSERT_TRUE(server.transport().bind(directory.endpoint("s")));
  RawPeer pongs(directory.path("s"));
  RawPeer parts(directory.path("s"));
  RawPeer good(directory.path("s"));
  for (RawPeer* peer : {&pongs, &parts, &good}) peer->say(kClientHandshake);
  std::atomic<bool> enough{false};
  const auto flood = [&](RawPeer& peer, const std::string& piece) {
    std::string many;
    while (many.size() < 60'000) many += piece;
    for (size_t said = 0; !enough; said %= many.size())
      said += peer.say_what_fits(BytesView(many).substr(said));
  };
  std::thread first([&] { flood(pongs, std::string("\x04\x05\x04PONG", 7)); });
  std::thread second([&] { flood(parts, std::string("\x01\x01x", 3)); });
  for (int i = 0; i < 20; ++i) {
    good.say(std::string("\0\x01g", 3));
    EXPECT_TRUE(server.until_got(static_cast<size_t>(i) + 1));
  }
  enough = true;
  first.join();
  second.join();
}

TEST(LocalTransport, PingsAreAnsweredAsLongAsTheAnswersAreRead) {
  const SocketDirectory directory;
  TestLoop server;
  ASSERT_TRUE(server.transport().bind(directory.endpoint("s")));
  RawPeer client(directory.path("s"));
  client.say(kClientHandshake + std::string("\x04\x09\x04PING\0\0hi", 11));
  EXPECT_TRUE(server.until([&] {
    EXPECT_FALSE(client.has_ended());
    return client.heard.ends_with(std::string("\x04\x07\x04PONGhi", 9));
  }));
}

TEST(LocalTransport, ASilentLoopConnectsAgainByItself) {
  const SocketDirectory directory;
  TestLoop client;
  const PeerId peer = client.transport().connect(directory.endpoint("s"));
  EXPECT_TRUE(client.transport().send(peer, frame("early")));
  EchoServer server(directory.endpoint("s"));
  // Nothing else would wake these turns, and each may last until the test is over.
  const Instant begun = client.clock.now();
  while (client.handler.got.empty() && client.clock.now() < begun + kTestLimit)
    client.loop.turn(client.handler, kTestLimit);
  EXPECT_LT(seconds_of(client.clock.now() - begun), seconds_of(kTestLimit) / 2);
}

TEST(LocalTransport, WithoutDescriptorsItWaitsAndDoesNotSpin) {
  const SocketDirectory directory;
  TestLoop server;
  ASSERT_TRUE(server.transport().bind(directory.endpoint("s")));
  RawPeer client(directory.path("s"));
  client.say(kClientHandshake + std::string("\0\x02hi", 4));
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const int lowest_free = dup(0);
  close(lowest_free);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(lowest_free);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const Instant begun = server.clock.now();
  while (server.clock.now() < begun + 250ms) server.loop.turn(server.handler, 50ms);
  EXPECT_LT(server.handler.turns, 50);
  EXPECT_TRUE(server.handler.got.empty());
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(server.until_got(1)) << "it accepts again";
}

TEST(LocalTransport, TheSocketIsTheOwnersAlone) {
  const SocketDirectory directory;
  EchoServer server(directory.endpoint("s"));
  struct stat found {};
  ASSERT_EQ(stat(directory.path("s").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777u, 0600u);
  const mode_t mask = umask(0);
  umask(mask);
  EXPECT_NE(mask, 0177u) << "the mask is put back";
}

TEST_P(EitherTransport, ALivingSocketIsNotStolen) {
  EchoServer server(endpoint("s"));
  TestLoop thief;
  const Status bound = thief.transport().bind(endpoint("s"));
  ASSERT_FALSE(bound);
  EXPECT_EQ(bound.error().kind, ErrorKind::locked);
  EXPECT_NE(bound.error().what.find(endpoint("s").substr(6)), std::string::npos);
  TestLoop client;
  client.transport().send(client.transport().connect(endpoint("s")), frame("x"));
  EXPECT_TRUE(client.until_got(1));
}

TEST(LocalTransport, ADeadSocketIsReplacedAndAFileIsNot) {
  const SocketDirectory directory;
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  directory.path("dead").copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  close(fd);
  EchoServer server(directory.endpoint("dead"));
  EXPECT_TRUE(server.status);

  std::ofstream(directory.path("precious")) << "data";
  TestLoop other;
  const Status bound = other.transport().bind(directory.endpoint("precious"));
  ASSERT_FALSE(bound);
  EXPECT_EQ(bound.error().kind, ErrorKind::invalid);
  EXPECT_TRUE(std::filesystem::is_regular_file(directory.path("precious")));
}

TEST(LocalTransport, AMissingDirectoryIsNamed) {
  const SocketDirectory directory;
  TestLoop server;
  const Status bound = server.transport().bind(directory.endpoint("no/such/s"));
  ASSERT_FALSE(bound);
  EXPECT_NE(bound.error().what.find("/no/such/s: No such file or directory"), std::string::npos)
      << bound.error().what;
}

TEST_P(EitherTransport, AFrameIsReleasedOnceItIsWritten) {
  EchoServer server(endpoint("s"));
  TestLoop client;
  auto owner = std::make_shared<const std::string>(pattern(100'000));
  const std::weak_ptr<const std::string> watched = owner;
  const PeerId peer = client.transport().connect(endpoint("s"));
  const BytesView view = *owner;
  ASSERT_TRUE(client.transport().send(peer, Frame(std::move(owner), view)));
  ASSERT_TRUE(client.until_got(1));
  EXPECT_TRUE(client.until([&] { return watched.expired(); }));
  EXPECT_EQ(client.transport().unsent_bytes(peer), 0u);
}

TEST_P(EitherTransport, ReceivedFramesOutliveTheTransport) {
  std::vector<Frame> kept;
  {
    EchoServer server(endpoint("s"));
    TestLoop client;
    client.handler.answer = [&](PeerId, Frame f) { kept.push_back(std::move(f)); };
    const PeerId peer = client.transport().connect(endpoint("s"));
    for (const size_t size : {10u, 1000u, 100'000u})
      client.transport().send(peer, frame(pattern(size)));
    ASSERT_TRUE(client.until_got(3));
  }
  for (const Frame& f : kept) EXPECT_TRUE(f.view() == pattern(f.size()));
}

TEST(ZmqTransport, AnArrivalIsSeenThoughASendHidItFromThePoller) {
  const SocketDirectory directory;
  TestLoop server;  // On this thread, so that it answers when the test says so.
  server.handler.answer = [&](PeerId from, Frame f) { server.transport().send(from, f); };
  ASSERT_TRUE(server.transport().bind(directory.endpoint("s")));
  const auto server_has = [&](size_t frames) { return server.until_got(frames); };
  SteadyClock clock;
  Poller poller;
  ZmqTransport client(poller);
  Collector handler;
  const PeerId peer = client.connect(directory.endpoint("s"));
  client.send(peer, frame("connect"));
  ASSERT_TRUE(server_has(1));
  server.loop.turn(server.handler, 0ms);
  const Instant limit = clock.limit();
  while (handler.got.empty() && clock.now() < limit) {
    for (const uint64_t token : poller.wait(client.settle() ? 0ms : 20ms))
      client.mark_readable(token);
    client.receive(handler, clock.now());
  }
  client.send(peer, frame("first"));
  ASSERT_FALSE(client.settle());
  ASSERT_TRUE(server_has(2));
  server.loop.turn(server.handler, 0ms);
  ASSERT_FALSE(poller.wait(kTestLimit).empty()) << "the answer has come";
  // libzmq looks at its commands at most every 3 million ticks of the CPU's counter when it sends:
  // the send after that takes the answer's notice away from the descriptor.
  const Instant due = clock.now() + 5ms;
  while (clock.now() < due) continue;
  client.send(peer, frame("second"));
  EXPECT_TRUE(client.settle());
  client.receive(handler, clock.now());
  ASSERT_GE(handler.got.size(), 2u);
  EXPECT_EQ(handler.got[1].bytes, "first");
}

INSTANTIATE_TEST_SUITE_P(, EitherTransport, ::testing::Values("ipc", "tcp"), scheme_name);

}  // namespace
}  // namespace kv
