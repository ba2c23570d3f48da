// Three kv-gossips on a simulated network and simulated disks: what the wiring must do. The rules
// themselves are tested at the machines.
#include "libkv/service/gossip_service.h"

#include <algorithm>
#include <optional>

#include <gtest/gtest.h>

#include "tests/sim/sim_environment.h"
#include "tests/sim/sim_network.h"

namespace kv {
namespace {

Endpoint endpoint_of(MemberNumber member) {
  return "sim://gossip" + std::to_string(member);
}

MemberInfo info_of(MemberNumber member) {
  MemberInfo info;
  info.number = member;
  info.labels = {"dc", "r" + std::to_string(member), "h" + std::to_string(member)};
  info.endpoints[static_cast<int>(DaemonKind::gossip)] = endpoint_of(member);
  return info;
}

class KeptLog final : public Log {
 public:
  void write(LogLevel, std::string_view line) override { lines_.emplace_back(line); }
  size_t count(std::string_view line) const {
    return static_cast<size_t>(std::count(lines_.begin(), lines_.end(), line));
  }

 private:
  std::vector<std::string> lines_;
};

/// One kv-gossip: a process with its disk, which outlives it.
struct Member {
  explicit Member(MemberNumber n) : number(n), disk(n) {}
  const MemberNumber number;
  SimDisk disk;
  std::unique_ptr<SimEnvironment> environment;
  std::unique_ptr<SimProcess> process;
  std::unique_ptr<DataDirectory> directory;
  std::unique_ptr<GossipService> service;

  void stop() {
    if (process) process->detach();
    service = nullptr;
    directory = nullptr;
    process = nullptr;
    environment = nullptr;
  }
};

/// A process that asks and keeps the answers.
class Questioner final : public LoopHandler {
 public:
  Questioner(SimNetwork& network, SimHost host)
      : process_(network, host, "sim://asker" + std::to_string(host)), outbox_(process_) {
    process_.drive(this);
  }
  ~Questioner() override { process_.detach(); }

  template <typename M>
  void ask(MemberNumber member, const M& message) {
    process_.in_turn(
        [this, member, message] { outbox_.add(process_.connect(endpoint_of(member)), message); });
  }
  void on(msg::Proposed&& m) { proposed = std::move(m); }
  void on(msg::ViewTold&& m) {
    if (m.map) map = m.map;
    if (!m.members.empty()) members = m.members;
    liveness_version = m.liveness_version;
  }
  void on(msg::StartJudged&& m) { judged = m; }
  void on(msg::Introduced&& m) { introduced = std::move(m); }
  void on(msg::Told&& m) { told = std::move(m); }

  void on_frame(PeerId, Frame frame, Instant) override {
    EXPECT_TRUE(FrameParser(frame).for_each(*this));
  }
  Instant next_wake() const override { return Instant::max(); }
  void on_tick(Instant) override {}
  void end_of_turn(Instant) override { outbox_.flush(); }

  std::optional<msg::Proposed> proposed;
  MapPointer map;
  std::vector<msg::MemberSeen> members;
  uint64_t liveness_version = 0;
  std::optional<msg::StartJudged> judged;
  std::optional<msg::Introduced> introduced;
  std::optional<msg::Told> told;

 private:
  SimProcess process_;
  Outbox outbox_;
};

class GossipServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const auto& member : members_) start(*member);
  }
  void TearDown() override {
    for (const auto& member : members_) member->stop();
  }

  void start(Member& member) {
    SimProcessOptions options;
    options.seed = ++starts_;
    member.environment = std::make_unique<SimEnvironment>(scheduler_, member.disk, log_, options);
    member.process =
        std::make_unique<SimProcess>(network_, member.number, endpoint_of(member.number));
    Environment& environment = member.environment->environment();
    auto directory = DataDirectory::open(environment, "data", DaemonKind::gossip, member.number);
    ASSERT_TRUE(directory) << directory.error().what;
    member.directory = std::move(*directory);
    auto service = GossipService::open(environment, *member.process, *member.directory,
                                       info_of(member.number), GossipSettings{});
    ASSERT_TRUE(service) << service.error().what;
    member.service = std::move(*service);
    member.process->drive(member.service.get());
  }

  void run(Duration span) { scheduler_.run_until(scheduler_.now() + span); }

  ClusterMap first_map() {
    ClusterMap map;
    map.cluster = {5, 6};
    map.epoch = 1;
    map.partition_bits = 0;
    for (const auto& member : members_) {
      MemberInfo info = info_of(member->number);
      info.store_id = member->directory->store_id();
      map.members.push_back(info);
      map.voters.push_back(member->number);
    }
    map.reason = "kv-init";
    return map;
  }

  Answer propose(MemberNumber at, ClusterMap map) {
    asker_.proposed.reset();
    asker_.ask(at, msg::Propose{1, 3s, std::make_shared<const ClusterMap>(std::move(map))});
    run(4s);
    return asker_.proposed ? asker_.proposed->answer : Answer::late;
  }

  uint64_t starts_ = 0;
  SimScheduler scheduler_;
  SimNetwork network_{scheduler_, 1};
  KeptLog log_;
  std::unique_ptr<Member> members_[3] = {std::make_unique<Member>(MemberNumber{1}),
                                         std::make_unique<Member>(MemberNumber{2}),
                                         std::make_unique<Member>(MemberNumber{3})};
  Questioner asker_{network_, 1};
};

TEST_F(GossipServiceTest, IntroducesItself) {
  asker_.ask(2, msg::Introduce{7});
  run(10ms);
  ASSERT_TRUE(asker_.introduced);
  EXPECT_EQ(asker_.introduced->member.number, 2);
  EXPECT_EQ(asker_.introduced->member.store_id, members_[1]->directory->store_id());
  EXPECT_TRUE(asker_.introduced->cluster.is_none());
}

TEST_F(GossipServiceTest, TheFirstMapReachesAllAndSurvivesARestart) {
  EXPECT_EQ(propose(1, first_map()), Answer::ok);
  for (const auto& member : members_) {
    ASSERT_NE(member->service->map(), nullptr);
    member->stop();
  }
  for (const auto& member : members_) start(*member);
  for (const auto& member : members_) {
    ASSERT_NE(member->service->map(), nullptr);
    EXPECT_EQ(member->service->map()->epoch, 1u);
  }
  ClusterMap second = *members_[0]->service->map();
  ++second.epoch;
  second.reason = "second";
  EXPECT_EQ(propose(3, second), Answer::ok);
  second.reason = "another second";
  EXPECT_EQ(propose(2, second), Answer::conflict);
}

TEST_F(GossipServiceTest, AWatcherIsToldTheMapAndWhoDied) {
  ASSERT_EQ(propose(1, first_map()), Answer::ok);
  asker_.ask(1, msg::Watch{DaemonKind::node, 1, 0, 0});
  run(100ms);
  ASSERT_NE(asker_.map, nullptr);
  ASSERT_EQ(asker_.members.size(), 3u);
  members_[2]->stop();
  for (int i = 0; i < 100; ++i) {
    asker_.ask(1, msg::Watch{DaemonKind::node, 1, 1, asker_.liveness_version});
    run(100ms);
    if (asker_.members[2].liveness == Liveness::down) return;
  }
  FAIL() << "nobody told that member 3 is down";
}

// One line an event, by each of the two who are left; what they knew already is not told again.
TEST_F(GossipServiceTest, SuspicionsAreLogged) {
  ASSERT_EQ(propose(1, first_map()), Answer::ok);
  EXPECT_EQ(log_.count("member_suspected member=3 by=1"), 0u);
  members_[2]->stop();
  run(20s);
  EXPECT_EQ(log_.count("member_suspected member=3 by=1"), 2u);
  EXPECT_EQ(log_.count("member_suspected member=3 by=2"), 2u);
  EXPECT_EQ(log_.count("member_liveness member=3 was=alive is=suspect"), 2u);
  EXPECT_EQ(log_.count("member_liveness member=3 was=suspect is=down"), 2u);
  EXPECT_EQ(log_.count("member_cleared member=3 suspected_by=1,2"), 0u);
  start(*members_[2]);
  run(5s);
  EXPECT_EQ(log_.count("member_cleared member=3 suspected_by=1,2"), 2u);
  EXPECT_EQ(log_.count("member_liveness member=3 was=down is=alive"), 2u);
}

TEST_F(GossipServiceTest, AStartIsJudgedByTheVoters) {
  ASSERT_EQ(propose(1, first_map()), Answer::ok);
  const auto show = [&](uint64_t start, bool is_new) {
    asker_.judged.reset();
    asker_.ask(2, msg::StartShown{9, 2, 77, start, is_new});
    run(3s);
    return asker_.judged && asker_.judged->known;
  };
  EXPECT_FALSE(show(1, false));
  EXPECT_TRUE(show(1, true));
  EXPECT_TRUE(show(2, false));
  EXPECT_FALSE(show(2, false));
  for (const auto& member : members_) member->stop();
  for (const auto& member : members_) start(*member);
  run(1s);
  EXPECT_FALSE(show(2, false));
  EXPECT_TRUE(show(3, false));
}

TEST_F(GossipServiceTest, TellsItsHistory) {
  ASSERT_EQ(propose(1, first_map()), Answer::ok);
  asker_.ask(2, msg::Ask{3, 1s, "map-history", Report()});
  run(100ms);
  ASSERT_TRUE(asker_.told);
  ASSERT_EQ(asker_.told->report.elements().size(), 1u);
  EXPECT_EQ(asker_.told->report.elements()[0].find("reason")->as_text(), "kv-init");
}

TEST_F(GossipServiceTest, AWipedVoterDoesNotVoteButTheOthersDo) {
  ASSERT_EQ(propose(1, first_map()), Answer::ok);
  members_[2]->stop();
  members_[2] = std::make_unique<Member>(MemberNumber{3});
  start(*members_[2]);
  members_[1]->stop();
  ClusterMap second = *members_[0]->service->map();
  ++second.epoch;
  EXPECT_EQ(propose(1, second), Answer::unavailable);
  start(*members_[1]);
  EXPECT_EQ(propose(1, second), Answer::ok);
}

}  // namespace
}  // namespace kv
