// A replica on an engine that the test moves by hand, its answers recorded, and requests of one
// line each. The world: six members, one placement of four partitions that all have the slots 1, 2,
// 3 and the fallbacks 4, 5.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "libkv/base/log.h"
#include "libkv/codec/record_codec.h"
#include "libkv/model/token.h"
#include "libkv/replica/replica.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_environment.h"
#include "tests/unit/replica/fake_engine.h"

namespace kv::test {

constexpr KeyspaceId kKeyspace = 7;
constexpr KeyspaceId kCpKeyspace = 8;
constexpr PlacementId kPlacement = 1;
constexpr uint8_t kPartitionBits = 2;

inline ClusterMap make_map(Epoch epoch = 5) {
  ClusterMap map;
  map.cluster = {1, 2};
  map.epoch = epoch;
  map.partition_bits = kPartitionBits;
  for (MemberNumber number = 1; number <= 6; ++number) {
    MemberInfo member;
    member.number = number;
    member.labels = {"dc1", "r" + std::to_string(number), "h" + std::to_string(number)};
    map.members.push_back(member);
  }
  map.voters = {1, 2, 3};
  Placement placement;
  placement.id = kPlacement;
  for (PartitionId id = 0; id < map.partitions(); ++id) {
    PartitionRow row;
    for (MemberNumber owner = 1; owner <= 3; ++owner) {
      row.slots.push_back({owner, 0, SlotStage::stable});
    }
    row.fallbacks = {4, 5};
    row.changed = 1;
    placement.table.push_back(row);
  }
  map.placements.push_back(placement);
  Keyspace causal;
  causal.id = kKeyspace;
  causal.name = "k";
  causal.placement = kPlacement;
  map.keyspaces.push_back(causal);
  causal.id = kCpKeyspace;
  causal.name = "cp";
  causal.kind = KeyspaceKind::cp;
  map.keyspaces.push_back(causal);
  return map;
}

inline MapPointer share(ClusterMap map) {
  return std::make_shared<const ClusterMap>(std::move(map));
}

/// Changes every row of the placement, at the map's epoch.
template <typename Change>
MapPointer map_with_rows(Epoch epoch, Change&& change) {
  ClusterMap map = make_map(epoch);
  for (PartitionRow& row : map.placements[0].table) {
    change(row);
    row.changed = epoch;
  }
  return share(std::move(map));
}

class RecordedAnswers final : public ReplicaAnswers, public ReplicaSignals {
 public:
  template <typename Told>
  using List = std::vector<std::pair<uint64_t, Told>>;
  template <typename Told>
  List<Told>& all() {
    return std::get<List<Told>>(lists_);
  }
  /// The newest. REQUIRES: there is one.
  template <typename Told>
  const Told& last() {
    if (all<Told>().empty()) throw std::logic_error("no such answer");
    return all<Told>().back().second;
  }

  void answer(Asker a, const msg::MintMade& m) override { keep(a, m); }
  void answer(Asker a, const msg::MintDurable& m) override { keep(a, m); }
  void answer(Asker a, const msg::Merged& m) override { keep(a, m); }
  void answer(Asker a, const msg::ReadDone& m) override { keep(a, m); }
  void answer(Asker a, const msg::ScanPageDone& m) override { keep(a, m); }
  void answer(Asker a, const msg::Done& m) override { keep(a, m); }
  void answer(Asker a, const msg::HintsListed& m) override { keep(a, m); }
  void answer(Asker a, const msg::TreeRootsTold& m) override { keep(a, m); }
  void answer(Asker a, const msg::TreeLeavesTold& m) override { keep(a, m); }
  void answer(Asker a, const msg::LeafKeysTold& m) override { keep(a, m); }
  void answer(Asker a, const msg::Fetched& m) override { keep(a, m); }
  void answer(Asker a, const msg::OwedTold& m) override { keep(a, m); }
  size_t untaken_bytes(Asker asker) const override {
    const auto found = untaken.find(asker.number);
    return found == untaken.end() ? 0 : found->second;
  }
  void map_wanted(Epoch epoch) override { maps_wanted.push_back(epoch); }
  void incarnation_drawn(uint64_t drawn, uint64_t) override { incarnations.push_back(drawn); }

  std::map<uint64_t, size_t> untaken;  // By the asker's number.
  std::vector<Epoch> maps_wanted;
  std::vector<uint64_t> incarnations;

 private:
  template <typename Told>
  void keep(Asker asker, const Told& told) {
    all<Told>().emplace_back(asker.number, told);
  }
  std::tuple<List<msg::MintMade>, List<msg::MintDurable>, List<msg::Merged>, List<msg::ReadDone>,
             List<msg::ScanPageDone>, List<msg::Done>, List<msg::HintsListed>,
             List<msg::TreeRootsTold>, List<msg::TreeLeavesTold>, List<msg::LeafKeysTold>,
             List<msg::Fetched>, List<msg::OwedTold>>
      lists_;
};

class ReplicaTest : public ::testing::Test {
 protected:
  ~ReplicaTest() override { replica.reset(); }

  /// Opens it as `member`, with a map, and with its walks over.
  void open(MemberNumber member = 1, MapPointer map = share(make_map())) {
    self = member;
    replica.reset();
    engine = std::make_unique<FakeEngine>(&store);
    answers = {};
    auto opened =
        Replica::open(process.environment(), *engine, *meta, member, settings, answers, answers);
    ASSERT_TRUE(opened) << opened.error().what;
    replica = std::move(*opened);
    if (map) replica->set_map(std::move(map));
    run();
  }
  /// The process dies: what was not synced is lost.
  void crash_and_open(MapPointer map = share(make_map())) { open(self, std::move(map)); }
  void stop_and_open(MapPointer map = share(make_map())) {
    bool stopped = false;
    replica->stop([&](const Status& status) { stopped = status.has_value(); });
    ASSERT_TRUE(stopped);
    ASSERT_TRUE(engine->close());
    open(self, std::move(map));
  }
  /// What is posted beside the loop runs.
  void run() {
    while (scheduler.run_one()) {
    }
  }
  void pass(Duration time) {
    scheduler.run_until(scheduler.now() + time);
    replica->on_tick();
  }

  static SharedBytes bytes(const std::string& text) { return SharedBytes::copy_of(text); }
  static PartitionKey partition(const std::string& key) {
    return {kPlacement, partition_of(token_of(kKeyspace, key), kPartitionBits)};
  }
  static std::string own_key(const std::string& key) {
    return record_key(Space::own, partition(key), kKeyspace, key);
  }
  static std::string hint_key(const std::string& key) {
    return record_key(Space::hint, partition(key), kKeyspace, key);
  }

  msg::Mint mint_of(const std::string& key, const std::string& value) {
    msg::Mint mint;
    mint.id = ++requests;
    mint.epoch = replica->epoch();
    mint.time_left = 5s;
    mint.keyspace = kKeyspace;
    mint.key = bytes(key);
    mint.put = {99, requests};
    mint.value = bytes(value);
    return mint;
  }
  /// Mints and returns the last MintMade.
  msg::MintMade mint(const msg::Mint& request) {
    replica->on_mint({request.id}, request);
    return answers.all<msg::MintMade>().empty() ? msg::MintMade{} : answers.last<msg::MintMade>();
  }
  msg::MintMade mint(const std::string& key, const std::string& value) {
    return mint(mint_of(key, value));
  }
  msg::Merge merge_of(const std::string& key, const Record& record, msg::Members hint_for = {}) {
    msg::Merge merge;
    merge.id = ++requests;
    merge.epoch = replica->epoch();
    merge.time_left = 5s;
    merge.keyspace = kKeyspace;
    merge.key = bytes(key);
    merge.record = record;
    merge.hint_for = std::move(hint_for);
    return merge;
  }
  void merge(const msg::Merge& request) { replica->on_merge({request.id}, request); }
  void merge(const std::string& key, const Record& record, msg::Members hint_for = {}) {
    merge(merge_of(key, record, std::move(hint_for)));
  }
  msg::ReadDone read(const std::string& key) {
    msg::Read request;
    request.id = ++requests;
    request.epoch = replica->epoch();
    request.time_left = 5s;
    request.keyspace = kKeyspace;
    request.key = bytes(key);
    replica->on_read({request.id}, request);
    return answers.last<msg::ReadDone>();
  }
  static std::vector<std::string> values(const Record& record) {
    std::vector<std::string> shown;
    for (const Sibling& sibling : record.siblings) shown.emplace_back(sibling.value.view());
    return shown;
  }
  /// A record as another member would have made it.
  static Record foreign(MemberNumber member, uint64_t counter, const std::string& value) {
    Record record;
    Sibling sibling;
    sibling.dot = {Actor(member, 0xabc), counter};
    sibling.put = {member, counter};
    sibling.value = SharedBytes::copy_of(value);
    record.context.see(sibling.dot);
    record.siblings.push_back(sibling);
    return record;
  }
  uint64_t root(const std::string& key) {
    msg::TreeRoots request;
    request.epoch = replica->epoch();
    request.partitions = {partition(key)};
    replica->on_tree_roots({1}, request);
    const auto& roots = answers.last<msg::TreeRootsTold>().roots;
    return roots.empty() ? ~uint64_t{0} : roots[0].root;
  }
  /// The leaves of all partitions, computed from the engine's rows.
  std::map<std::pair<PartitionId, uint32_t>, uint64_t> computed_leaves() const {
    std::map<std::pair<PartitionId, uint32_t>, uint64_t> leaves;
    for (const auto& [key, value] : engine->rows()) {
      const auto parsed = parse_record_key(key);
      if (!parsed || parsed->space != Space::own) continue;
      const auto stored = decode_stored_record(SharedBytes::copy_of(value));
      const uint32_t leaf = leaf_of_key(kPartitionBits, parsed->keyspace, parsed->name);
      leaves[{parsed->partition.partition, leaf}] +=
          leaf_hash(parsed->keyspace, parsed->name, digest_of(stored->record));
    }
    return leaves;
  }
  std::map<std::pair<PartitionId, uint32_t>, uint64_t> told_leaves() {
    std::map<std::pair<PartitionId, uint32_t>, uint64_t> leaves;
    for (PartitionId id = 0; id < 1u << kPartitionBits; ++id) {
      msg::TreeLeaves request;
      request.epoch = replica->epoch();
      request.partition = {kPlacement, id};
      replica->on_tree_leaves({1}, request);
      EXPECT_EQ(answers.last<msg::TreeLeavesTold>().answer, Answer::ok);
      for (const auto& [leaf, sum] : answers.last<msg::TreeLeavesTold>().leaves) {
        leaves[{id, leaf}] = sum;
      }
    }
    return leaves;
  }

  SimScheduler scheduler;
  SimDisk disk;
  NullLog log;
  SimEnvironment process{scheduler, disk, log};
  MemoryMeta durable_meta;
  std::unique_ptr<MetaStore> meta = open_memory_meta(&durable_meta);
  FakeStore store;
  ReplicaSettings settings;
  RecordedAnswers answers;
  std::unique_ptr<FakeEngine> engine;
  std::unique_ptr<Replica> replica;
  MemberNumber self = 1;
  uint64_t requests = 0;
};

}  // namespace kv::test
