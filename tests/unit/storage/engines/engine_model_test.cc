// Both engines against std::map: random batches, reads, scans, clean stops, kills, power losses.
#include <algorithm>
#include <deque>

#include <gtest/gtest.h>

#include "libkv/base/random.h"
#include "tests/crash/prepared_table.h"
#include "tests/crash/storage_world.h"

namespace kv {
namespace {

class ModelRun {
 public:
  /// `memory_bytes`: the engine's budget; 0: more than it needs.
  ModelRun(EngineType type, uint64_t seed, uint64_t memory_bytes)
      : type_(type), random_(seed), world_(seed, type) {
    if (memory_bytes > 0) world_.options.memory_bytes = memory_bytes;
    world_.disk.set_page_cache(random_.below(2) * 60);
  }

  void run(int steps) {
    open();
    for (int step = 0; step < steps && !testing::Test::HasFailure(); ++step) {
      SCOPED_TRACE("step " + std::to_string(step));
      const uint64_t what = random_.below(1000);
      if (what < 590) {
        write();
      } else if (what < 597) {
        drop();
      } else if (what < 600) {
        ingest();
      } else if (what < 800) {
        get(random_key());
      } else if (what < 860) {
        scan();
      } else if (what < 900) {
        get_many();
      } else if (what < 915) {
        look_back();
      } else if (what < 978) {
        for (uint64_t i = random_.below(20); i > 0; --i) world_.scheduler.run_one();
      } else if (what < 980) {
        tidy();
      } else if (what < 985) {
        check_all();
      } else if (what < 990) {
        stop_cleanly();
      } else {
        lose_power();
      }
    }
    world_.run_until_idle();
    check_all();
  }
  const EngineStats& most() const { return most_; }
  int looks_back = 0;
  int drops = 0, ingests = 0;
  int many_on_disk = 0;  ///< Calls of multi_get that had to wait.

 private:
  std::string random_key() { return "key" + std::to_string(random_.below(300)); }
  std::string random_value() {
    std::string value(random_.below(20) == 0 ? random_.below(3000) : random_.below(120), 'v');
    for (size_t i = 0; i < value.size(); i += 7)
      value[i] = static_cast<char>('a' + random_.below(26));
    return value;
  }

  void open() {
    const Status opened = world_.open();
    ASSERT_TRUE(opened) << opened.error().what;
    acknowledged_ = world_.engine->durable_sequence();
    world_.engine->on_durable([this](Result<Sequence> durable) {
      ASSERT_TRUE(durable) << durable.error().what;
      acknowledged_ = *durable;
    });
  }

  void write() {
    WriteBatch batch;
    for (uint64_t i = random_.below(5) + 1; i > 0; --i) {
      if (random_.below(4) == 0) {
        batch.remove(random_key());
      } else {
        batch.put(random_key(), random_value());
      }
    }
    const auto durability = static_cast<Durability>(random_.below(3));
    const auto last = world_.engine->apply(batch, durability);
    if (!last && last.error().kind == ErrorKind::busy) {
      world_.run_until_idle();
      return;
    }
    ASSERT_TRUE(last) << last.error().what;
    ASSERT_EQ(*last, history_.last() + batch.count());
    history_.add(*last, batch);
    EngineHistory::apply(state_, batch);
  }

  /// Half of the ranges are narrow, and some have no end.
  void drop() {
    KeyRange range{random_key(), random_key()};
    if (range.to <= range.from) std::swap(range.from, range.to);
    if (random_.chance(0.5)) range.to = range.from + "5";
    if (random_.below(10) == 0) range.to.clear();
    if (random_.chance(0.3)) snapshots_.emplace_back(world_.engine->snapshot(), state_);
    const auto walk = world_.engine->iterate({});
    const EngineState before = state_;
    const auto last = world_.engine->drop_range(range, static_cast<Durability>(random_.below(3)));
    if (!last && last.error().kind == ErrorKind::busy) return world_.run_until_idle();
    ASSERT_TRUE(last) << last.error().what;
    if (*last != history_.last()) {
      ASSERT_EQ(*last, history_.last() + 1);
      history_.add(*last, range);
      EngineHistory::apply(state_, range);
      ++drops;
    }
    // A walk from before still shows all; a new one and gets do not.
    EngineState seen;
    for (; walk->valid(); walk->next()) seen.emplace(walk->key(), walk->value());
    ASSERT_TRUE(walk->status());
    ASSERT_TRUE(seen == before);
    get(range.from);
    check_range({}, random_.chance(0.5));
  }

  /// Tables that come when they are verified and all before is flushed, and are as old as the call.
  void ingest() {
    if (history_.has_pending_ingest()) return;
    EngineState pairs;
    for (uint64_t i = random_.below(60) + 1; i > 0; --i) pairs[random_key()] = random_value();
    const std::string path = "made/" + std::to_string(++made_) + ".sst";
    ASSERT_TRUE(prepare_table(world_, path, pairs));
    const auto is_taken = std::make_shared<bool>(false);
    const auto ended = [this, is_taken](Result<Sequence> done) {
      if (!*is_taken) return;
      const bool is_in = done.has_value();
      ingests += is_in;
      history_.settle_ingest(is_in ? EngineHistory::Ingested::in : EngineHistory::Ingested::out);
      state_ = *history_.state_at(history_.last());
    };
    world_.engine->ingest({path}, ended);
    // A refused one takes no sequence; one in memory as many as there are pairs.
    const Sequence at = world_.engine->snapshot()->sequence();
    if (at <= history_.last()) return;
    history_.add_ingest(at, std::move(pairs));
    *is_taken = true;
    // There it is a batch, which is visible at once.
    if (type_ == EngineType::memory) ended(at);
    *is_taken = type_ == EngineType::lsm;
  }
  /// What became of one that the process did not live to tell of.
  void settle_ingest() {
    if (!history_.has_pending_ingest()) return;
    const auto with = history_.state_at(history_.last(), true);
    const bool is_in = *state_of(*world_.engine) == *with;
    history_.settle_ingest(is_in ? EngineHistory::Ingested::in : EngineHistory::Ingested::out);
    state_ = *history_.state_at(history_.last());
  }

  void get(const std::string& key) {
    // An ingest may end meanwhile.
    const EngineState before = state_;
    const auto cached = world_.engine->get_if_cached(key);
    if (cached) check_lookup(key, *cached, before);
    check_lookup(key, world_.get(key), before);
  }
  /// Many at once, of which some may be asked for twice, and some need the disk.
  void get_many() {
    std::vector<std::string> keys;
    for (uint64_t i = random_.below(60); i > 0; --i) keys.push_back(random_key());
    const std::vector<BytesView> views(keys.begin(), keys.end());
    std::optional<Engine::Lookups> later;
    auto answers = world_.engine->multi_get(
        views, [&later](Engine::Lookups found) { later = std::move(found); });
    if (!answers) {
      // Writes, flushes and compactions under way must not show in it.
      const EngineState before = state_;
      const auto after = world_.engine->apply(one_put(), Durability::none);
      if (after) remember_one_put(*after);
      world_.scheduler.run_until_true([&later] { return later.has_value(); });
      answers = std::move(later);
      ++many_on_disk;
      ASSERT_EQ(answers->size(), keys.size());
      for (size_t i = 0; i < keys.size(); ++i) check_lookup(keys[i], (*answers)[i], before);
      return;
    }
    ASSERT_FALSE(later);
    ASSERT_EQ(answers->size(), keys.size());
    for (size_t i = 0; i < keys.size(); ++i) check_lookup(keys[i], (*answers)[i]);
  }
  void check_lookup(const std::string& key, const Result<Lookup>& lookup) {
    check_lookup(key, lookup, state_);
  }
  static void check_lookup(const std::string& key, const Result<Lookup>& lookup,
                           const EngineState& state) {
    ASSERT_TRUE(lookup) << lookup.error().what;
    const auto expected = state.find(key);
    ASSERT_EQ(lookup->value.has_value(), expected != state.end()) << key;
    if (lookup->value) {
      ASSERT_EQ(lookup->value->view(), expected->second) << key;
    }
  }

  void scan() {
    KeyRange range;
    if (random_.chance(0.7)) range.from = random_key();
    if (random_.chance(0.7)) range.to = random_key();
    check_range(range, random_.chance(0.5));
  }
  void check_range(const KeyRange& range, bool reverse) {
    std::vector<std::pair<std::string, std::string>> expected;
    for (const auto& pair : state_)
      if (pair.first >= range.from && (range.to.empty() || pair.first < range.to))
        expected.push_back(pair);
    if (reverse) std::reverse(expected.begin(), expected.end());
    // Writes, flushes and compactions under way must not show in the walk.
    const auto iterator = world_.engine->iterate(range, reverse);
    const auto after = world_.engine->apply(one_put(), Durability::none);
    if (after) remember_one_put(*after);
    if (random_.chance(0.3)) world_.run_until_idle();
    std::vector<std::pair<std::string, std::string>> pairs;
    for (; iterator->valid(); iterator->next())
      pairs.emplace_back(iterator->key(), iterator->value());
    ASSERT_TRUE(iterator->status()) << iterator->status().error().what;
    ASSERT_EQ(pairs, expected) << (reverse ? "reverse" : "forward");
  }
  WriteBatch one_put() {
    put_.clear();
    put_.put(random_key(), "new");
    return put_;
  }
  void remember_one_put(Sequence last) {
    history_.add(last, put_);
    EngineHistory::apply(state_, put_);
  }

  /// Nothing is written for a while.
  void tidy() {
    for (uint64_t i = random_.below(12); i > 0; --i) {
      world_.scheduler.run_until(world_.scheduler.now() + 3s);
      world_.engine->on_tick(world_.scheduler.now());
    }
  }

  /// Takes a snapshot, or reads in one and lets it go: however old, it shows what was then.
  void look_back() {
    if (snapshots_.size() < 3 && random_.chance(0.5)) {
      snapshots_.emplace_back(world_.engine->snapshot(), state_);
      ASSERT_EQ(snapshots_.back().first->sequence(), history_.last());
      return;
    }
    if (snapshots_.empty()) return;
    const auto [snapshot, state] = snapshots_.front();
    snapshots_.pop_front();
    for (int i = 0; i < 20; ++i) {
      const std::string key = random_key();
      check_lookup(key, snapshot->get(key), state);
    }
    for (const bool reverse : {false, true}) {
      EngineState pairs;
      const auto walk = snapshot->iterate({}, reverse);
      for (; walk->valid(); walk->next()) pairs.emplace(walk->key(), walk->value());
      ASSERT_TRUE(walk->status()) << walk->status().error().what;
      ASSERT_TRUE(pairs == state);
    }
    ++looks_back;
  }

  void check_all() {
    for (const bool reverse : {false, true}) check_range({}, reverse);
    for (int key = 0; key < 310; key += 3) get("key" + std::to_string(key));
  }

  void stop_cleanly() {
    count();
    const Status closed = world_.engine->close();
    ASSERT_TRUE(closed) << closed.error().what;
    snapshots_.clear();
    open();
    EXPECT_TRUE(world_.engine->recovery().clean);
    EXPECT_TRUE(world_.engine->recovery().corruption.empty());
    ASSERT_EQ(world_.engine->recovery().last_sequence, history_.last());
    check_all();
  }

  void lose_power() {
    const auto& policies = crash_policies();
    const CrashPolicy policy = policies[random_.below(policies.size())];
    SCOPED_TRACE(to_string(policy));
    count();
    const Sequence promised = acknowledged_;
    snapshots_.clear();
    world_.crash(policy, random_);
    open();
    const RecoveryReport& report = world_.engine->recovery();
    EXPECT_TRUE(report.corruption.empty())
        << report.corruption[0].file << " " << report.corruption[0].what;
    ASSERT_GE(report.last_sequence, promised);
    ASSERT_LE(report.last_sequence, history_.last());
    const auto expected = history_.state_at(report.last_sequence);
    ASSERT_TRUE(expected) << "a batch was cut in two";
    history_.cut(report.last_sequence);
    state_ = *expected;
    settle_ingest();
    check_all();
  }

  void count() {
    const EngineStats stats = world_.engine->stats();
    most_.flushes += stats.flushes;
    most_.compactions += stats.compactions;
    most_.levels = std::max(most_.levels, stats.levels);
  }

  EngineStats most_;
  const EngineType type_;
  Random random_;
  StorageWorld world_;
  EngineHistory history_;
  EngineState state_;
  std::deque<std::pair<std::shared_ptr<const EngineSnapshot>, EngineState>> snapshots_;
  WriteBatch put_;
  int made_ = 0;
  Sequence acknowledged_ = 0;
};

struct ModelCase {
  const char* name;
  EngineType type;
  uint64_t memory_bytes;
};
class EngineModelTest : public testing::TestWithParam<ModelCase> {};

TEST_P(EngineModelTest, AgreesWithAMap) {
  uint64_t flushes = 0, compactions = 0, levels = 0;
  int many_on_disk = 0, looks_back = 0, drops = 0, ingests = 0;
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    ModelRun run(GetParam().type, seed * 1000, GetParam().memory_bytes);
    run.run(1500);
    if (HasFailure()) break;
    many_on_disk += run.many_on_disk;
    looks_back += run.looks_back;
    drops += run.drops;
    ingests += run.ingests;
    flushes += run.most().flushes;
    compactions += run.most().compactions;
    levels = std::max(levels, run.most().levels);
  }
  // A run that never flushes or merges would prove little.
  if (GetParam().type == EngineType::memory) return;
  EXPECT_GT(flushes, 100u);
  EXPECT_GT(compactions, 30u);
  EXPECT_GE(levels, 3u);
  EXPECT_GT(many_on_disk, 20);
  EXPECT_GT(looks_back, 15);
  EXPECT_GT(drops, 40);
  EXPECT_GT(ingests, 10);
}

INSTANTIATE_TEST_SUITE_P(Engines, EngineModelTest,
                         // With 6 KiB nothing is cached, nearly no table stays open, and writes
                         // wait for every flush.
                         testing::Values(ModelCase{"lsm", EngineType::lsm, 0},
                                         ModelCase{"lsm_without_memory", EngineType::lsm, 6 << 10},
                                         ModelCase{"memory", EngineType::memory, 0}),
                         [](const auto& engine) { return engine.param.name; });

}  // namespace
}  // namespace kv
