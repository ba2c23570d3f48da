#include "libkv/protocol/anti_entropy.h"

#include <algorithm>
#include <optional>

#include <gtest/gtest.h>

#include "libkv/protocol/first_map.h"
#include "libkv/protocol/partition_exchange.h"

namespace kv {
namespace {

// Four members, one partition of three slots and a fallback; all are up. The machine under test
// runs at `self`; what it asks is answered as told.
class AntiEntropyWorld {
 public:
  AntiEntropyWorld() {
    std::vector<msg::Introduced> members(4);
    for (MemberNumber i = 0; i < 4; ++i)
      members[i].member.number = static_cast<MemberNumber>(i + 1);
    FirstMapOptions options;
    options.cluster = {1, 1};
    options.partitions = 1;
    view_.map = std::make_shared<const ClusterMap>(first_map(members, options)->map);
    for (MemberNumber member = 1; member <= 4; ++member)
      view_.liveness[member] = {Liveness::alive, 0xf};
  }

  const PartitionRow& row() const { return view_.map->placements[0].table[0]; }
  PartitionKey partition() const { return {view_.map->placements[0].id, 0}; }
  MemberNumber slot(size_t i) const { return row().slots[i].owner; }
  MemberNumber fallback() const { return row().fallbacks[0]; }

  AntiEntropy machine(MemberNumber self) const {
    return AntiEntropy(self, RepairRequestIds(1), AntiEntropy::Settings{}, 1);
  }
  const View& view() const { return view_; }

  /// The ids of the messages of one type in `actions`, with whom they go to.
  template <typename M>
  static std::vector<std::pair<MemberNumber, M>> sent(const RepairActions& actions) {
    std::vector<std::pair<MemberNumber, M>> messages;
    for (const RepairActions::Send& send : actions.sends)
      if (const auto* message = std::get_if<M>(&send.message))
        messages.emplace_back(send.to, *message);
    return messages;
  }

  /// Every slot's leaves are the same: answers all that `*actions` asks.
  static void answer_equal_leaves(AntiEntropy* machine, Instant now, RepairActions* actions) {
    for (const auto& [to, ask] : sent<msg::TreeLeaves>(*actions)) {
      msg::TreeLeavesTold told;
      told.id = ask.id;
      told.leaves = {{1, 7}};
      machine->on_leaves(told, now, actions);
    }
  }

 private:
  View view_;
};

constexpr Instant kNow{std::chrono::seconds(10)};

TEST(AntiEntropy, AFallbackHasTheSlotItOwesComparedWithTheOthers) {
  const AntiEntropyWorld world;
  AntiEntropy machine = world.machine(world.fallback());
  RepairActions actions;
  machine.on_view(world.view(), kNow, &actions);
  const auto asked = AntiEntropyWorld::sent<msg::OwedList>(actions);
  ASSERT_EQ(asked.size(), 1u);
  msg::OwedTold told;
  told.id = asked[0].second.id;
  told.owed = {{world.partition(), world.slot(2), 77}};
  actions = {};
  machine.on_owed(told, kNow, &actions);
  std::vector<MemberNumber> compared;
  for (const auto& [to, leaves] : AntiEntropyWorld::sent<msg::TreeLeaves>(actions))
    compared.push_back(to);
  std::sort(compared.begin(), compared.end());
  std::vector<MemberNumber> expected = {world.slot(0), world.slot(1), world.slot(2), world.slot(2)};
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(compared, expected);
  AntiEntropyWorld::answer_equal_leaves(&machine, kNow, &actions);
  const auto paid = AntiEntropyWorld::sent<msg::OwedPaid>(actions);
  ASSERT_EQ(paid.size(), 1u);
  EXPECT_EQ(paid[0].first, world.fallback());
  ASSERT_EQ(paid[0].second.paid.size(), 1u);
  EXPECT_EQ(paid[0].second.paid[0].mark, 77u);
}

// What a peer says is a record of another kind must neither be merged nor end the process.
TEST(AntiEntropy, RecordsOfTwoKindsAreNotMadeEqual) {
  const auto outcome = [](RecordKind mine, RecordKind theirs) {
    RepairRequestIds ids(1);
    RepairActions actions;
    PartitionExchange exchange({1, 0}, 1, 2, 5, &ids, {}, kNow, &actions);
    uint64_t leaf = 0;
    for (const auto& [to, ask] : AntiEntropyWorld::sent<msg::TreeLeaves>(actions)) {
      msg::TreeLeavesTold told;
      told.id = ask.id;
      told.leaves = {{1, ++leaf}};
      exchange.on_leaves(told, kNow, &actions);
    }
    uint64_t digest = 0;
    for (const auto& [to, ask] : AntiEntropyWorld::sent<msg::LeafKeys>(actions)) {
      msg::LeafKeysTold told;
      told.id = ask.id;
      told.keys = {{7, SharedBytes("k"), {++digest, 0}}};
      exchange.on_keys(told, kNow, &actions);
    }
    for (const auto& [to, ask] : AntiEntropyWorld::sent<msg::Fetch>(actions)) {
      msg::Fetched told;
      told.id = ask.id;
      told.records.resize(1);
      Record& record = told.records[0].record;
      record.kind = to == 1 ? mine : theirs;
      Sibling sibling;
      sibling.dot = {Actor(to, 1), 1};
      record.context.see(sibling.dot);
      record.siblings.push_back(sibling);
      exchange.on_fetched(told, kNow, &actions);
    }
    const bool merged = !AntiEntropyWorld::sent<msg::Merge>(actions).empty();
    return std::make_pair(exchange.state(), merged);
  };
  using State = PartitionExchange::State;
  EXPECT_EQ(outcome(RecordKind::causal, RecordKind::causal), std::make_pair(State::running, true));
  EXPECT_EQ(outcome(RecordKind::causal, RecordKind::last_write_wins),
            std::make_pair(State::failed, false));
  EXPECT_EQ(outcome(RecordKind::linearizable, RecordKind::linearizable),
            std::make_pair(State::failed, false));
}

TEST(AntiEntropy, ARefillEndsByComparisonsOfRootsAlone) {
  const AntiEntropyWorld world;
  const MemberNumber self = world.slot(0);
  AntiEntropy machine = world.machine(self);
  RepairActions actions;
  machine.on_view(world.view(), kNow, &actions);
  const auto owed = AntiEntropyWorld::sent<msg::OwedList>(actions);
  const auto roots = AntiEntropyWorld::sent<msg::TreeRoots>(actions);
  ASSERT_EQ(owed.size(), 1u);
  ASSERT_EQ(roots.size(), 4u);
  // The refill is listed at the same moment as the roots were asked for; one peer's exchanges fail.
  msg::OwedTold told;
  told.id = owed[0].second.id;
  told.refilling = {world.partition()};
  actions = {};
  machine.on_owed(told, kNow, &actions);
  for (const auto& [to, ask] : AntiEntropyWorld::sent<msg::TreeLeaves>(actions)) {
    msg::TreeLeavesTold refused;
    refused.id = ask.id;
    refused.answer = Answer::busy;
    machine.on_leaves(refused, kNow, &actions);
  }
  for (const auto& [to, ask] : roots) {
    msg::TreeRootsTold equal;
    equal.id = ask.id;
    equal.roots = {{world.partition(), 5, false}};
    machine.on_roots(equal, kNow, &actions);
  }
  EXPECT_TRUE(AntiEntropyWorld::sent<msg::OwedPaid>(actions).empty());
  // The next listing finds all equal: nothing is left to exchange, and that is told.
  actions = {};
  machine.on_tick(kNow + 1s, &actions);
  const auto again = AntiEntropyWorld::sent<msg::OwedList>(actions);
  ASSERT_EQ(again.size(), 1u);
  told.id = again[0].second.id;
  actions = {};
  machine.on_owed(told, kNow + 1s, &actions);
  const auto paid = AntiEntropyWorld::sent<msg::OwedPaid>(actions);
  ASSERT_EQ(paid.size(), 1u);
  EXPECT_EQ(paid[0].second.level, std::vector<PartitionKey>{world.partition()});
}

}  // namespace
}  // namespace kv
