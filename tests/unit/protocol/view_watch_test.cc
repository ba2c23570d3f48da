#include "libkv/protocol/view_watch.h"

#include <gtest/gtest.h>

#include "tests/unit/protocol/gossip_maps.h"

namespace kv {
namespace {

const Instant kStart{};
constexpr unsigned kGossip = 1u << static_cast<int>(DaemonKind::gossip);
constexpr unsigned kNode = 1u << static_cast<int>(DaemonKind::node);

msg::ViewTold told(MapPointer map, uint64_t version, Liveness liveness) {
  msg::ViewTold told;
  told.epoch = map ? map->epoch : 0;
  told.map = std::move(map);
  told.liveness_version = version;
  told.members = {{1, liveness, 1}};
  return told;
}

class ViewWatchTest : public testing::Test {
 protected:
  const ClusterMap first_ = make_map(3, 3);
  const MapPointer held_ = shared(first_);
  const MapPointer next_ = next_of(first_, "a");
  ViewWatch watch_{{DaemonKind::node, 1}, held_, kStart};
};

TEST_F(ViewWatchTest, WatchesEachIntervalAndSaysWhatItHas) {
  std::vector<msg::Watch> watches;
  watch_.on_tick(kStart, watches);
  watch_.on_tick(kStart + 50ms, watches);
  ASSERT_EQ(watches.size(), 1u);
  EXPECT_EQ(watches[0].epoch, 1u);
  watch_.on_tick(kStart + 100ms, watches);
  EXPECT_EQ(watches.size(), 2u);
}

TEST_F(ViewWatchTest, NeverGoesBackToAnOlderMap) {
  EXPECT_TRUE(watch_.on_view_told(told(next_, 1, Liveness::alive), kStart));
  watch_.on_view_told(told(held_, 2, Liveness::alive), kStart);
  EXPECT_EQ(watch_.view().epoch(), 2u);
  EXPECT_FALSE(watch_.on_map(held_));
  EXPECT_EQ(watch_.view().epoch(), 2u);
}

TEST_F(ViewWatchTest, TakesNoMapOfAnotherCluster) {
  ClusterMap other = *next_;
  other.cluster = {9, 9};
  EXPECT_FALSE(watch_.on_map(shared(other)));
}

TEST_F(ViewWatchTest, AnOvertakenAnswerChangesNothingButARestartDoes) {
  const uint64_t run_5 = uint64_t{5} << 32;
  const uint64_t run_4 = uint64_t{4} << 32;
  EXPECT_TRUE(watch_.on_view_told(told(nullptr, run_5 + 9, Liveness::alive), kStart));
  EXPECT_FALSE(watch_.on_view_told(told(nullptr, run_5 + 8, Liveness::down), kStart));
  EXPECT_EQ(watch_.view().liveness.at(1).liveness, Liveness::alive);
  EXPECT_TRUE(watch_.on_view_told(told(nullptr, run_4 + 1, Liveness::down), kStart));
  EXPECT_EQ(watch_.view().liveness.at(1).liveness, Liveness::down);
}

TEST_F(ViewWatchTest, NoticesThatKvGossipIsGone) {
  watch_.on_view_told(told(nullptr, 1, Liveness::alive), kStart + 1s);
  EXPECT_FALSE(watch_.gossip_is_lost(kStart + 1500ms));
  EXPECT_TRUE(watch_.gossip_is_lost(kStart + 1600ms));
}

class WatchBoardTest : public testing::Test {
 protected:
  WatchBoard board_{{1}};
  WatchBoard::News news_{shared(make_map(3, 3)), 7, {{1, {Liveness::alive, 1}}}};
  GossipActions actions_;

  msg::ViewTold watch(AskerId id, Epoch epoch, uint64_t version, Instant now = kStart,
                      MemberNumber member = 1) {
    actions_.clear();
    board_.on_watch({DaemonKind::node, member, epoch, version}, id, news_, now, actions_);
    return std::get<msg::ViewTold>(std::get<ReplyTo>(actions_.at(0)).message);
  }
};

TEST_F(WatchBoardTest, TellsOnlyWhatIsNewer) {
  const msg::ViewTold all = watch(AskerId{1}, 0, 0);
  EXPECT_EQ(all.map, news_.map);
  EXPECT_EQ(all.members.size(), 1u);
  const msg::ViewTold nothing = watch(AskerId{1}, 1, 7);
  EXPECT_EQ(nothing.map, nullptr);
  EXPECT_TRUE(nothing.members.empty());
  EXPECT_EQ(nothing.epoch, 1u);
}

TEST_F(WatchBoardTest, PushesNewsOnceToEachWatcher) {
  watch(AskerId{1}, 1, 7);
  watch(AskerId{2}, 1, 7);
  news_.liveness_version = 8;
  actions_.clear();
  board_.on_news(news_, actions_);
  EXPECT_EQ(actions_.size(), 2u);
  actions_.clear();
  board_.on_news(news_, actions_);
  EXPECT_TRUE(actions_.empty());
}

TEST_F(WatchBoardTest, ADaemonThatCeasesToWatchIsNotUp) {
  EXPECT_EQ(board_.daemons_up(), kGossip);
  watch(AskerId{1}, 1, 7);
  EXPECT_EQ(board_.daemons_up(), kGossip | kNode);
  EXPECT_EQ(board_.next_wake(), kStart + 600ms);
  board_.on_tick(kStart + 599ms);
  EXPECT_EQ(board_.daemons_up(), kGossip | kNode);
  board_.on_tick(kStart + 600ms);
  EXPECT_EQ(board_.daemons_up(), kGossip);
}

TEST_F(WatchBoardTest, AnotherMembersDaemonIsAnsweredButNotCounted) {
  EXPECT_EQ(watch(AskerId{1}, 0, 0, kStart, 2).map, news_.map);
  EXPECT_EQ(board_.daemons_up(), kGossip);
}

}  // namespace
}  // namespace kv
