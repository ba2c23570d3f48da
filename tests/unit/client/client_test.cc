// The client between coordinators that answer, that say nothing, and that are not there.
#include "libkv/client/client.h"

#include <map>

#include <gtest/gtest.h>

#include "tests/kit/scripted_server.h"

namespace kv {
namespace {

using namespace kv::testing;

/// What a coordinator was asked, and its answers: ok to everything.
struct Answers {
  FrameBuilder told;
  std::vector<msg::ClientPut> puts;
  std::vector<msg::ClientGet> gets;

  void on(msg::ClientPut&& put) {
    msg::PutDone done;
    done.id = put.id;
    told.add(done);
    puts.push_back(std::move(put));
  }
  void on(msg::ClientGet&& get) {
    msg::GetDone done;
    done.id = get.id;
    told.add(done);
    gets.push_back(std::move(get));
  }
};

/// Answers whatever comes over one connection until it is closed.
void coordinate(int peer, Answers* answers) {
  ScriptedServer::write_all(peer, server_handshake());
  ScriptedServer::read_exactly(peer, kZmtpGreetingBytes + zmtp_ready("DEALER").size());
  std::string come;
  while (true) {
    const auto header = parse_zmtp_frame_header(come, size_t{80} << 20);
    const bool whole = *header && come.size() >= (*header)->header_bytes + (*header)->body_bytes;
    if (!whole) {
      const std::string byte = ScriptedServer::read_exactly(peer, 1);
      if (byte.empty()) return;
      come += byte;
      continue;
    }
    const Frame frame(come.substr((*header)->header_bytes));
    come.clear();
    FrameParser parser(frame);
    ASSERT_TRUE(parser.for_each(*answers));
    if (!answers->told.empty())
      ScriptedServer::write_all(peer, message(std::string(answers->told.take({}).view())));
  }
}

class ClientTest : public ::testing::Test {
 protected:
  void start(std::vector<Endpoint> endpoints) {
    client.emplace(ClientOptions{std::move(endpoints), {}}, clock, 7);
  }
  msg::GetDone get(Duration time_left) {
    msg::ClientGet get;
    get.time_left = time_left;
    return client->get(get);
  }
  msg::ClientPut a_put(Duration time_left) {
    msg::ClientPut put;
    put.put = client->next_put_id();
    put.time_left = time_left;
    return put;
  }
  void speak(ScriptedServer& server) {
    server.serve([this](int peer) { coordinate(peer, &answers); });
  }
  /// Of the gets that came, each one's try number. REQUIRES: the client is gone, its server with
  /// it.
  std::vector<unsigned> tries() {
    other.finish();
    std::vector<unsigned> numbers;
    for (const msg::ClientGet& get : answers.gets) numbers.push_back(get.id & 0xff);
    return numbers;
  }
  Duration passed() { return clock.now() - begun; }

  // The client goes before the servers, whose scripts end with its connections.
  ScriptedServer silent;  ///< Connects, as the kernel does for a stopped process.
  ScriptedServer other;
  Answers answers;
  SteadyClock clock;
  const Instant begun = clock.now();
  std::optional<Client> client;
};

TEST_F(ClientTest, ASilentCoordinatorIsPassedOverWithinTheTimeoutAndThenAvoided) {
  speak(other);
  start({silent.endpoint(), other.endpoint()});
  const msg::GetDone done = get(900ms);
  EXPECT_EQ(done.answer, Answer::ok) << done.detail;
  EXPECT_EQ(get(5s).answer, Answer::ok);
  client.reset();
  EXPECT_EQ(tries(), (std::vector<unsigned>{1, 0}));
}

TEST_F(ClientTest, NothingWaitsBehindASilentCoordinator) {
  speak(other);
  start({silent.endpoint(), other.endpoint()});
  size_t stored = 0;
  for (int i = 0; i < 200; ++i) {
    client->start(a_put(5s), [&](const ClientReply& reply) {
      stored += std::get<msg::PutDone>(reply).answer == Answer::ok ? 1 : 0;
    });
  }
  while (client->in_flight() > 0) client->turn(1s);
  EXPECT_EQ(stored, 200u);
  EXPECT_LT(passed(), 4s) << "all of them pass it over at the same time";
}

TEST_F(ClientTest, AWriteThatWasNeverSentIsUnavailable) {
  start({silent.endpoint()});
  const msg::PutDone done = client->put(a_put(100ms));
  EXPECT_EQ(done.answer, Answer::unavailable);
  EXPECT_EQ(done.detail, "tried " + silent.endpoint() + " (no answer in time)");
  EXPECT_LT(passed(), 900ms) << "no longer than it was to take";
}

TEST_F(ClientTest, ASilentOneThatWakesUpIsGivenWhatWasHeldForIt) {
  start({silent.endpoint()});
  std::optional<ClientReply> reply;
  client->start(a_put(30s), [&](ClientReply got) { reply = std::move(got); });
  while (passed() < 2 * CoordinatorLink::kSilence) client->turn(20ms);
  ASSERT_FALSE(reply);
  speak(silent);
  while (!reply) client->turn(1s);
  client.reset();
  silent.finish();
  EXPECT_EQ(std::get<msg::PutDone>(*reply).answer, Answer::ok);
  ASSERT_EQ(answers.puts.size(), 1u);
  EXPECT_EQ(answers.puts[0].try_number, 0u);
  EXPECT_LE(answers.puts[0].time_left, 30s - 2 * CoordinatorLink::kSilence);
  EXPECT_GT(answers.puts[0].time_left, 10s);
}

TEST_F(ClientTest, OneThatClosesBeforeItsReadyIsPassedOverAtOnce) {
  silent.serve([](int) {});
  speak(other);
  start({silent.endpoint(), other.endpoint()});
  EXPECT_EQ(get(60s).answer, Answer::ok);
  EXPECT_LT(passed(), 10s) << "not a third of its time";
  client.reset();
  EXPECT_EQ(tries(), std::vector<unsigned>{1});
}

TEST_F(ClientTest, WhatIsOverAtOnceIsToldByTheNextTurn) {
  start({"tcp://192.0.2.1:1"});
  std::optional<ClientReply> reply;
  client->start(a_put(20s), [&](ClientReply got) { reply = std::move(got); });
  EXPECT_FALSE(reply);
  EXPECT_EQ(client->in_flight(), 1u);
  client->turn(20s);
  ASSERT_TRUE(reply);
  EXPECT_EQ(std::get<msg::PutDone>(*reply).answer, Answer::denied);
  EXPECT_EQ(client->in_flight(), 0u);
  EXPECT_LT(passed(), 10s);
}

}  // namespace
}  // namespace kv
