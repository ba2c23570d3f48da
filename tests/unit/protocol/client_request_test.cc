#include "libkv/protocol/client_request.h"

#include <gtest/gtest.h>

namespace kv {
namespace {

class Client {
 public:
  explicit Client(ClientMessage message)
      : random_(1), request_({}, {{"ipc:a", "ipc:b"}, 0, 100, &random_}, std::move(message)) {
    request_.start(now_, &act());
  }

  ClientActions& act() { return actions_ = ClientActions(); }
  void tick(Duration passed) {
    now_ += passed;
    request_.on_tick(now_, &act());
  }
  void tick_to_wake() { tick(*actions_.wake_at - now_); }
  template <typename M>
  void reply(msg::RequestId id, Answer answer) {
    M done;
    done.id = id;
    done.answer = answer;
    request_.on_reply(done, now_, &act());
  }
  void no_connection(size_t endpoint, const Error& why = {ErrorKind::unavailable, "no such file"}) {
    request_.on_connect_failed(endpoint, why, now_, &act());
  }
  const msg::ClientPut& put() const { return std::get<msg::ClientPut>(actions_.send->message); }
  const msg::PutDone& put_done() const { return std::get<msg::PutDone>(*actions_.reply); }

  ClientActions actions_;

 private:
  Instant now_;
  Random random_;
  ClientRequest request_;
};

msg::ClientPut a_put() {
  msg::ClientPut put;
  put.put = {5, 6};
  put.time_left = 3s;
  return put;
}

msg::ClientGet a_get() {
  msg::ClientGet get;
  get.time_left = 3s;
  return get;
}

TEST(ClientRequest, TriesTheNextCoordinatorWithTheSamePutIdAndTheNextTryNumber) {
  Client client(a_put());
  EXPECT_EQ(client.actions_.send->endpoint, 0u);
  EXPECT_EQ(client.put().try_number, 0u);
  client.tick(1s);
  ASSERT_TRUE(client.actions_.send);
  EXPECT_EQ(client.actions_.send->endpoint, 1u);
  EXPECT_EQ(client.put().try_number, 1u);
  EXPECT_EQ(client.put().put, (PutId{5, 6}));
  EXPECT_EQ(client.put().time_left, 2s);
  // The first try's success is covered by the second one.
  client.reply<msg::PutDone>(100, Answer::ok);
  EXPECT_FALSE(client.actions_.reply);
  client.reply<msg::PutDone>(101, Answer::ok);
  EXPECT_EQ(client.put_done().answer, Answer::ok);
}

TEST(ClientRequest, AWriteThatMayHaveBeenReceivedIsUnknown) {
  Client client(a_put());
  client.tick(3s);
  EXPECT_EQ(client.put_done().answer, Answer::unknown);
}

TEST(ClientRequest, AWriteThatNobodyReceivedIsUnavailableAndNamesWhoWasTried) {
  Client client(a_put());
  client.no_connection(0);
  ASSERT_TRUE(client.actions_.send);
  EXPECT_EQ(client.actions_.send->endpoint, 1u);
  client.no_connection(1);
  EXPECT_FALSE(client.actions_.send);
  int rounds = 0;
  while (!client.actions_.reply && ++rounds < 200) {
    client.tick_to_wake();
    while (client.actions_.send) client.no_connection(client.actions_.send->endpoint);
  }
  ASSERT_TRUE(client.actions_.reply);
  EXPECT_EQ(client.put_done().answer, Answer::unavailable);
  EXPECT_EQ(client.put_done().detail, "tried ipc:a (no such file), ipc:b (no such file)");
}

TEST(ClientRequest, EndpointsThatCanNeverWorkEndItAtOnce) {
  const Error denied{ErrorKind::denied, "stay on this host"};
  const Error invalid{ErrorKind::invalid, "names a directory"};
  for (const auto& [first, second, answer] :
       {std::tuple(denied, denied, Answer::denied), std::tuple(invalid, invalid, Answer::invalid),
        std::tuple(invalid, denied, Answer::denied), std::tuple(denied, invalid, Answer::denied)}) {
    Client client(a_put());
    client.no_connection(0, first);
    ASSERT_TRUE(client.actions_.send);
    client.no_connection(1, second);
    ASSERT_TRUE(client.actions_.reply);
    EXPECT_EQ(client.put_done().answer, answer);
    EXPECT_EQ(client.put_done().detail,
              "tried ipc:a (" + first.what + "), ipc:b (" + second.what + ")");
  }
}

TEST(ClientRequest, AnEndpointThatMayWorkYetIsWaitedFor) {
  Client client(a_put());
  client.no_connection(0, {ErrorKind::denied, "stay on this host"});
  client.no_connection(1);
  ASSERT_FALSE(client.actions_.reply);
  client.tick_to_wake();
  client.no_connection(0, {ErrorKind::denied, "stay on this host"});
  client.reply<msg::PutDone>(103, Answer::ok);
  EXPECT_EQ(client.put_done().answer, Answer::ok);
}

TEST(ClientRequest, AWriteThatMayBeStoredIsUnknownWhateverBecomesOfTheEndpoints) {
  Client client(a_put());
  client.tick(1s);
  client.no_connection(1, {ErrorKind::denied, "no permission"});
  client.tick_to_wake();
  client.no_connection(0, {ErrorKind::denied, "no permission"});
  EXPECT_EQ(client.put_done().answer, Answer::unknown);
}

TEST(ClientRequest, ARefusalIsTriedAgainAfterAPause) {
  Client client(a_put());
  client.reply<msg::PutDone>(100, Answer::busy);
  EXPECT_FALSE(client.actions_.send);
  client.tick_to_wake();
  ASSERT_TRUE(client.actions_.send);
  EXPECT_EQ(client.put().try_number, 1u);
  client.reply<msg::PutDone>(101, Answer::invalid);
  EXPECT_EQ(client.put_done().answer, Answer::invalid);
}

TEST(ClientRequest, AFinalRefusalAfterATryThatMayBeStoredIsUnknown) {
  Client client(a_put());
  client.tick(1s);
  client.reply<msg::PutDone>(101, Answer::too_many_siblings);
  EXPECT_EQ(client.put_done().answer, Answer::unknown);
}

TEST(ClientRequest, AReadTakesAnyTrysAnswerAndIsOtherwiseUnavailable) {
  Client late(a_get());
  late.tick(1s);
  late.reply<msg::GetDone>(100, Answer::not_found);
  ASSERT_TRUE(late.actions_.reply);
  EXPECT_EQ(std::get<msg::GetDone>(*late.actions_.reply).answer, Answer::not_found);
  Client never(a_get());
  never.tick(1s);
  never.tick(2s);
  ASSERT_TRUE(never.actions_.reply);
  const auto& done = std::get<msg::GetDone>(*never.actions_.reply);
  EXPECT_EQ(done.answer, Answer::unavailable);
  EXPECT_EQ(done.detail, "tried ipc:a (no answer in 1.0s), ipc:b (no answer in time)");
}

// It names the cause, and the silence may be nothing but the end of the client's time.
TEST(ClientRequest, WhatTheCoordinatorSaidIsToldAfterASilentTryOfARead) {
  Client client(a_get());
  client.reply<msg::GetDone>(100, Answer::unavailable);
  client.tick_to_wake();
  client.reply<msg::GetDone>(101, Answer::busy);
  client.tick_to_wake();
  client.tick(3s);
  ASSERT_TRUE(client.actions_.reply);
  const std::string detail = std::get<msg::GetDone>(*client.actions_.reply).detail;
  EXPECT_EQ(detail, "tried ipc:a (unavailable, then no answer in time), ipc:b (busy)");
}

}  // namespace
}  // namespace kv
