// What the coordinator itself decides: what it takes up at all. Its machines have their own tests.
#include "libkv/service/coordinator_service.h"

#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "tests/kit/small_ring.h"
#include "tests/sim/sim_environment.h"

namespace kv {
namespace {

/// Keeps what is sent; each endpoint is a peer.
class KeptFrames final : public Transport {
 public:
  PeerId connect(const Endpoint& endpoint) override {
    return static_cast<PeerId>(peers_.emplace(endpoint, peers_.size() + 1).first->second);
  }
  void disconnect(PeerId) override {}
  bool send(PeerId to, Frame frame) override {
    frames.emplace_back(to, std::move(frame));
    return true;
  }
  size_t unsent_bytes(PeerId) const override { return 0; }
  std::vector<std::pair<PeerId, Frame>> frames;

 private:
  std::map<Endpoint, uint64_t> peers_;
};

constexpr PeerId kClient{100};
constexpr PeerId kNode{101};

class CoordinatorServiceTest : public ::testing::Test {
 protected:
  void start(const CoordinatorSettings& settings) {
    for (MemberInfo& member : ring.map.members) {
      for (const DaemonKind daemon : {DaemonKind::node, DaemonKind::gossip}) {
        member.endpoints[static_cast<int>(daemon)] =
            "sim://" + std::string(to_string(daemon)) + std::to_string(member.number);
      }
    }
    ring.map.cluster = {1, 2};
    ring.map.voters = {1};
    ring.publish();
    service = std::make_unique<CoordinatorService>(process.environment(), transport,
                                                   ring.map.members[0], settings);
    msg::ViewTold told;
    told.epoch = ring.map.epoch;
    told.map = ring.view.map;
    told.liveness_version = 1;
    for (const MemberInfo& member : ring.map.members) {
      told.members.push_back({member.number, Liveness::alive, 0x0f});
    }
    give(kNode, told);
    service->on_tick(scheduler.now());
  }
  template <typename M>
  void give(PeerId from, const M& message) {
    KeptFrames carried;
    Outbox outbox(carried);
    outbox.add(from, message);
    outbox.flush();
    service->on_frame(from, std::move(carried.frames[0].second), scheduler.now());
    end_turn();
  }
  void tick_after(Duration time) {
    service->on_tick(scheduler.now() + time);
    end_turn();
  }
  void end_turn() {
    service->end_of_turn(scheduler.now());
    for (auto& [to, frame] : std::exchange(transport.frames, {})) {
      ASSERT_TRUE(FrameParser(frame).for_each(*this));
    }
  }
  void put(msg::RequestId id, size_t value_bytes) {
    msg::ClientPut put;
    put.id = id;
    put.time_left = 5s;
    put.keyspace = "t";
    put.key = SharedBytes("k");
    put.put = {1, id};
    put.value = SharedBytes(std::string(value_bytes, 'v'));
    give(kClient, put);
  }
  /// Every mint so far is refused for good, and with it its put.
  void refuse_all() {
    for (const msg::RequestId id : std::exchange(mints, {})) {
      msg::MintMade made;
      made.id = id;
      made.answer = Answer::too_many_siblings;
      give(kNode, made);
    }
  }

 public:
  void on(msg::Mint&& mint) { mints.push_back(mint.id); }
  void on(msg::Read&& read) { reads.push_back(read.id); }
  void on(msg::PutDone&& done) { puts[done.id] = done; }
  void on(msg::GetDone&& done) { gets[done.id] = done; }
  void on(msg::Ask&& ask) { asked.push_back(ask.id); }
  void on(msg::Told&& told) { answers.push_back(std::move(told)); }

 protected:
  testing::SmallRing ring{1, 1, 1, 1};
  SimScheduler scheduler;
  SimDisk disk;
  NullLog log;
  SimEnvironment process{scheduler, disk, log};
  KeptFrames transport;
  std::unique_ptr<CoordinatorService> service;
  std::vector<msg::RequestId> mints, reads, asked;
  std::vector<msg::Told> answers;
  std::map<msg::RequestId, msg::PutDone> puts;
  std::map<msg::RequestId, msg::GetDone> gets;
};

TEST_F(CoordinatorServiceTest, WhatIsInFlightIsBoundedInBytes) {
  CoordinatorSettings settings;
  settings.operations_bytes_max = 10'000;
  start(settings);
  put(1, 6000);
  ASSERT_EQ(mints.size(), 1u);
  put(2, 6000);
  ASSERT_EQ(puts.count(2), 1u);
  EXPECT_EQ(puts[2].answer, Answer::busy);
  EXPECT_EQ(puts[2].detail, "6001 bytes are in flight");
  // A small one fits, and room comes back with the end of an operation.
  put(3, 100);
  EXPECT_EQ(mints.size(), 2u);
  refuse_all();
  EXPECT_EQ(puts[1].answer, Answer::too_many_siblings);
  put(4, 9000);
  EXPECT_EQ(mints.size(), 1u);
  EXPECT_EQ(puts.count(4), 0u);
}

TEST_F(CoordinatorServiceTest, RecordsThatCameForGetsCount) {
  CoordinatorSettings settings;
  settings.operations_bytes_max = 10'000;
  ring = testing::SmallRing(3, 3, 2, 2);
  start(settings);
  msg::ClientGet get;
  get.id = 1;
  get.time_left = 5s;
  get.keyspace = "t";
  get.key = SharedBytes("k");
  give(kClient, get);
  ASSERT_EQ(reads.size(), 2u);
  msg::ReadDone done;
  done.id = reads[0];
  done.epoch = 41;
  done.has_record = true;
  Sibling sibling;
  sibling.dot = {Actor(1, 7), 1};
  sibling.value = SharedBytes(std::string(9'990, 'v'));
  done.record.context.see(sibling.dot);
  done.record.siblings.push_back(sibling);
  done.digest = digest_of(done.record);
  give(kNode, done);
  put(2, 100);
  EXPECT_EQ(puts[2].answer, Answer::busy);
  msg::ReadDone same;
  same.id = reads[1];
  same.epoch = 41;
  same.digest = done.digest;
  give(kNode, same);
  EXPECT_EQ(gets[1].answer, Answer::ok);
  put(3, 100);
  EXPECT_EQ(mints.size(), 1u);
}

// A client gives each of five endpoints a fifth of its five seconds.
TEST_F(CoordinatorServiceTest, WhatExplainGathersIsToldWhileItsAskerListens) {
  ring = testing::SmallRing(5, 3, 2, 2);
  start({});
  msg::Ask ask;
  ask.id = 1;
  ask.time_left = 1s;
  ask.verb = "explain";
  ask.arguments = Report::object().set("keyspace", "t").set("key", "k");
  give(kClient, ask);
  ASSERT_EQ(asked.size(), 5u);
  for (size_t member = 1; member <= 3; ++member) {
    msg::Told answer;
    answer.id = asked[member - 1];
    answer.report = Report::object().set("found_in", "nowhere");
    give(kNode, answer);
  }
  tick_after(600ms);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].answer, Answer::ok);
  const Report& replicas = *answers[0].report.find("replicas");
  EXPECT_EQ(replicas.find("3")->find("error"), nullptr);
  EXPECT_EQ(replicas.find("4")->find("error")->as_text(), "unavailable");
  EXPECT_EQ(replicas.find("5")->find("error")->as_text(), "unavailable");
}

}  // namespace
}  // namespace kv
