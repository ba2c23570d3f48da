#include "libkv/protocol/scan_machine.h"

#include <algorithm>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "tests/kit/small_ring.h"

namespace kv {
namespace {

// Members with keys, answering pages as a kv-node does; a page has two records at most.
class ScanWorld {
 public:
  ScanWorld(MemberNumber members, uint8_t r, bool strict = false)
      : ring(members, 3, r, 2, strict), routing_(1, RoutingSettings()) {}

  testing::SmallRing ring;
  std::map<MemberNumber, std::map<std::string, Record>> held;
  std::map<MemberNumber, int> silent_after;  ///< Pages that it still answers.
  std::set<MemberNumber> asked;

  void take_down(MemberNumber member) {
    ring.set_up(member, false);
    silent_after[member] = 0;
  }

  void put(MemberNumber member, const std::string& key, uint64_t counter, bool tombstone = false) {
    Record& record = held[member][key];
    Sibling sibling;
    sibling.dot = {Actor(1, 1), counter};
    sibling.tombstone = tombstone;
    if (!tombstone) sibling.value = SharedBytes(key + std::to_string(counter));
    record.context.see(sibling.dot);
    record.siblings = {sibling};
  }

  msg::ScanDone page(msg::ClientScan scan) {
    routing_.on_view(ring.publish());
    scan.time_left = 5s;
    const auto& map = ring.view.map;
    ScanMachine machine({}, scan, scan_plan_for(map, map->keyspaces[0], routing_, at_.now), 0);
    CoordinatorActions actions;
    machine.start(at_, &actions);
    for (int steps = 0; steps < 1000; ++steps) {
      if (actions.reply) return std::get<msg::ScanDone>(*actions.reply);
      actions = next(&machine, actions);
    }
    ADD_FAILURE() << "no reply";
    return {};
  }

  // All pages, as `key` or `key=value`.
  std::string all(msg::ClientScan scan) {
    std::string text;
    for (int pages = 0; pages < 100; ++pages) {
      const msg::ScanDone done = page(scan);
      if (done.answer != Answer::ok) return text + done.detail;
      for (const auto& record : done.records) {
        text += std::string(record.key.view());
        for (const Sibling& s : record.record.siblings) text += "=" + std::string(s.value.view());
        text += " ";
      }
      if (!done.more) return text;
      text += "| ";
      (scan.reverse ? scan.to : scan.from) = done.next;
    }
    return text + "no end";
  }

 private:
  CoordinatorActions next(ScanMachine* machine, const CoordinatorActions& before) {
    for (const ToNode& to : before.to_nodes) queue_.push_back(to);
    CoordinatorActions actions;
    if (queue_.empty()) {
      at_.now = std::max(at_.now, *before.wake_at);
      machine->on_tick(at_, &actions);
      return actions;
    }
    const ToNode to = queue_.back();
    queue_.pop_back();
    asked.insert(to.to);
    const auto silent = silent_after.find(to.to);
    if (silent != silent_after.end() && silent->second-- <= 0) {
      machine->on_not_sent(std::get<msg::ScanPage>(to.message).id, at_, &actions);
    } else {
      machine->on_answer(answer(to.to, std::get<msg::ScanPage>(to.message)), at_, &actions);
    }
    return actions;
  }

  msg::ScanPageDone answer(MemberNumber member, const msg::ScanPage& page) {
    std::vector<msg::KeyRecord> found;
    for (const auto& [key, record] : held[member]) {
      if (key < page.from || (!page.to.empty() && key >= page.to)) continue;
      found.push_back({SharedBytes(key), record, 0});
    }
    if (page.reverse) std::reverse(found.begin(), found.end());
    msg::ScanPageDone done;
    done.id = page.id;
    done.exhausted = found.size() <= 2;
    if (!done.exhausted) found.resize(2);
    done.records = found;
    return done;
  }

  Routing routing_;
  Moment at_;
  std::vector<ToNode> queue_;
};

ScanWorld five_keys() {
  ScanWorld world(3, 2);
  for (const char* key : {"a", "b", "c", "d", "e"}) {
    for (MemberNumber m = 1; m <= 3; ++m) world.put(m, key, 1);
  }
  world.put(2, "b", 2);        // The others are stale.
  world.put(3, "d", 2, true);  // Deleted; the others do not know yet.
  world.held[1].erase("e");    // One has not got it.
  return world;
}

TEST(ScanMachine, MergesTheStreamsInKeyOrder) {
  ScanWorld world = five_keys();
  EXPECT_EQ(world.all({}), "a=a1 b=b2 c=c1 e=e1 ");
}

TEST(ScanMachine, PagesAreExact) {
  for (uint32_t records : {1u, 2u, 3u}) {
    ScanWorld world = five_keys();
    msg::ClientScan scan;
    scan.records_max = records;
    std::string text = world.all(scan);
    text.erase(std::remove(text.begin(), text.end(), '|'), text.end());
    text.erase(
        std::unique(text.begin(), text.end(), [](char x, char y) { return x == ' ' && y == ' '; }),
        text.end());
    EXPECT_EQ(text.substr(0, 20), "a=a1 b=b2 c=c1 e=e1 ");
  }
}

TEST(ScanMachine, ReverseRangeAndKeysOnly) {
  ScanWorld world = five_keys();
  msg::ClientScan scan;
  scan.reverse = true;
  scan.keys_only = true;
  scan.records_max = 2;
  scan.from = "b";
  scan.to = "e";
  EXPECT_EQ(world.all(scan), "c b ");
}

TEST(ScanMachine, TooFewReplicasIsUnavailableAndSaysWhere) {
  ScanWorld world = five_keys();
  world.take_down(2);
  world.take_down(3);
  EXPECT_EQ(world.all({}), "2 of 2 partitions lack 2 replicas that answer (R=2, epoch 41)");
}

TEST(ScanMachine, OneThatGossipGivesUpIsAskedWhereTheOthersDoNotSuffice) {
  ScanWorld world = five_keys();
  world.ring.set_up(2, false);
  EXPECT_EQ(world.all({}), "a=a1 b=b1 c=c1 e=e1 ");  // 1 and 3 are R.
  EXPECT_EQ(world.asked.count(2), 0u);
  world.ring.set_up(3, false);
  EXPECT_EQ(world.all({}), "a=a1 b=b2 c=c1 e=e1 ");
  // On the way, too: the one that is up fails after its first page.
  world = five_keys();
  world.ring.set_up(2, false);
  world.silent_after[3] = 1;
  EXPECT_EQ(world.all({}), "a=a1 b=b1 c=c1 d=d1 e=e1 ");
  EXPECT_EQ(world.asked.count(2), 1u);
}

TEST(ScanMachine, UnavailableComesSoonWhereThoseThatAreNotUpAreDead) {
  testing::SmallRing ring(3, 3, 2, 2);
  Routing routing(1, RoutingSettings());
  ring.set_up(2, false);
  ring.set_up(3, false);
  routing.on_view(ring.publish());
  Moment at;
  msg::ClientScan scan;
  scan.time_left = 5s;
  const auto& map = ring.view.map;
  ScanMachine machine({}, scan, scan_plan_for(map, map->keyspaces[0], routing, at.now), 0);
  CoordinatorActions actions;
  machine.start(at, &actions);
  ASSERT_EQ(actions.to_nodes.size(), 3u);
  msg::ScanPageDone page;
  page.id = std::get<msg::ScanPage>(actions.to_nodes[0].message).id;
  page.exhausted = true;
  actions = {};
  machine.on_answer(page, at, &actions);
  ASSERT_TRUE(actions.wake_at);
  at.now = *actions.wake_at;
  actions = {};
  machine.on_tick(at, &actions);
  EXPECT_TRUE(actions.finished);
  EXPECT_LE(at.now - Instant(), 1s);
  EXPECT_EQ(std::get<msg::ScanDone>(*actions.reply).detail,
            "2 of 2 partitions lack 2 replicas that answer (R=2, epoch 41)");
}

TEST(ScanMachine, AFallbackStandsInForASlotThatIsDown) {
  for (bool strict : {false, true}) {
    ScanWorld world(4, 2, strict);
    world.take_down(2);
    world.take_down(3);
    world.put(1, "a", 1);
    world.put(4, "a", 2);
    EXPECT_EQ(world.all({}),
              strict ? "2 of 2 partitions lack 2 replicas that answer (R=2, epoch 41)" : "a=a2 ");
  }
}

TEST(ScanMachine, AMemberThatFailsOnTheWayIsLeftOut) {
  ScanWorld world = five_keys();
  world.silent_after[1] = 1;
  EXPECT_EQ(world.all({}), "a=a1 b=b2 c=c1 e=e1 ");
}

TEST(ScanMachine, WithoutAQuorumOnTheWayThePageEndsAtTheFrontier) {
  ScanWorld world = five_keys();
  world.silent_after[1] = 1;
  world.silent_after[2] = 1;
  const msg::ScanDone done = world.page({});
  EXPECT_EQ(done.answer, Answer::ok);
  EXPECT_EQ(done.records.size(), 2u);
  EXPECT_TRUE(done.more);
  EXPECT_EQ(done.next, std::string("b\0", 2));
}

}  // namespace
}  // namespace kv
