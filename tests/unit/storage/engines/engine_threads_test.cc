// The engine with real threads and real files: what the simulator, which has one thread, cannot
// show. Meant for the thread sanitizer too.
#include <atomic>
#include <filesystem>
#include <future>

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include "libkv/base/posix_environment.h"
#include "libkv/base/random.h"
#include "libkv/base/thread_executor.h"
#include "libkv/storage/table/ingest_writer.h"
#include "tests/crash/engine_history.h"

namespace kv {
namespace {

struct Threads {
  uint64_t memory_bytes;  ///< The budget; 0: more than is needed.
  bool use_read_ring;     ///< Where there is one.
};

class EngineThreadsTest : public testing::TestWithParam<Threads> {
 public:
  EngineThreadsTest() {
    directory_ = (std::filesystem::temp_directory_path() /
                  ("kv-engine-threads-" + std::to_string(::getpid())))
                     .string();
    std::filesystem::remove_all(directory_);
    options_.memtable_bytes = 64 << 10;
    options_.log_segment_bytes = 64 << 10;
    options_.block_cache_bytes = 256 << 10;
    options_.block_bytes = 1024;
    options_.section_blocks = 8;
    if (GetParam().memory_bytes == 0) return;
    options_.memory_bytes = GetParam().memory_bytes;
    options_.block_bytes = 128;
    options_.direct_reads = true;
  }
  ~EngineThreadsTest() override {
    for (const char* end : {"", ".made", ".copy"}) std::filesystem::remove_all(directory_ + end);
  }

  /// So many puts of keys below 800.
  static void write(Engine& engine, ThreadExecutor& executor, Random& random, EngineState& state,
                    int count) {
    for (int i = 0; i < count; ++i) {
      WriteBatch batch;
      batch.put("k" + std::to_string(random.below(800)), std::string(random.below(120), 'x'));
      auto applied = engine.apply(batch, Durability::none);
      for (; !applied && applied.error().kind == ErrorKind::busy;
           applied = engine.apply(batch, Durability::none))
        ASSERT_TRUE(executor.drain(60s));
      ASSERT_TRUE(applied) << applied.error().what;
      EngineHistory::apply(state, batch);
      executor.run_completions();
    }
  }

  std::unique_ptr<Engine> open(Environment& environment) {
    auto opened = open_lsm_engine(environment, *meta_, directory_, options_);
    EXPECT_TRUE(opened) << opened.error().what;
    return opened ? std::move(*opened) : nullptr;
  }

  static constexpr size_t kManyKeys = 24;
  /// Asks for some of the keys at once, and counts the right answers when they come.
  static void read_many(Engine& engine, const EngineState& state, Random& random, uint64_t* right) {
    std::vector<std::string> keys, expected;
    for (size_t i = 0; i < kManyKeys; ++i) {
      keys.push_back("k" + std::to_string(random.below(800)));
      const auto at = state.find(keys.back());
      expected.push_back(at == state.end() ? "" : at->second);
    }
    const auto check = [expected, right](const Engine::Lookups& answers) {
      for (size_t i = 0; i < expected.size(); ++i)
        if (answers[i] && (answers[i]->value ? answers[i]->value->view() : "") == expected[i])
          ++*right;
    };
    const std::vector<BytesView> views(keys.begin(), keys.end());
    if (const auto answers = engine.multi_get(views, check)) check(*answers);
  }

  std::string directory_;
  EngineOptions options_;
  const ThreadExecutorOptions threads_{.use_read_ring = GetParam().use_read_ring};
  NullLog log_;
  MemoryMeta rows_;
  std::unique_ptr<MetaStore> meta_ = open_memory_meta(&rows_);
  PosixEnvironment posix_;
};

TEST_P(EngineThreadsTest, WritesReadsAndScansGoOnTogether) {
  Random random(4);
  EngineState state;
  ThreadExecutor executor(threads_);
  Environment environment = posix_.with(executor, log_);
  auto engine = open(environment);
  ASSERT_NE(engine, nullptr);
  Sequence durable = 0, last = 0;
  engine->on_durable([&](Result<Sequence> risen) {
    ASSERT_TRUE(risen);
    durable = *risen;
  });
  uint64_t reads = 0, many_reads = 0, drops = 0;
  std::atomic<uint64_t> scans{0}, looks_back{0};  // Counted by several reading threads.
  for (int i = 0; i < 6000; ++i) {
    WriteBatch batch;
    const std::string key = "k" + std::to_string(random.below(800));
    batch.put(key, key + "=" + std::to_string(i) + std::string(random.below(120), 'x'));
    const auto applied = engine->apply(batch, i % 50 == 0 ? Durability::always : Durability::none);
    if (applied) {
      last = *applied;
      EngineHistory::apply(state, batch);
    } else {
      ASSERT_EQ(applied.error().kind, ErrorKind::busy);
      ASSERT_TRUE(executor.drain(60s));
    }
    if (i % 400 == 200) {
      const KeyRange range{key, key + "~"};
      const auto dropped = engine->drop_range(range, Durability::none);
      if (dropped) {
        last = *dropped;
        EngineHistory::apply(state, range);
        ++drops;
      }
    }
    if (i % 3 == 0) {
      const std::string wanted = "k" + std::to_string(random.below(800));
      const auto at = state.find(wanted);
      const std::string expected = at == state.end() ? "" : at->second;
      engine->get(wanted, [expected, &reads](Result<Lookup> lookup) {
        ASSERT_TRUE(lookup) << lookup.error().what;
        ASSERT_EQ(lookup->value ? lookup->value->view() : "", expected);
        ++reads;
      });
    }
    if (i % 20 == 0) read_many(*engine, state, random, &many_reads);
    if (i % 200 == 0) {
      const std::shared_ptr<EngineIterator> walk = engine->iterate({}, i % 400 == 0);
      executor.run(
          Lane::read,
          [walk, expected = state.size(), &scans] {
            size_t seen = 0;
            for (; walk->valid(); walk->next()) ++seen;
            if (walk->status() && seen == expected) ++scans;
          },
          [] {});
    }
    if (i % 100 == 0) {
      const auto snapshot = engine->snapshot();
      const auto sound = [snapshot, expected = state] {
        for (const auto& [key_then, value] : expected) {
          const auto found = snapshot->get(key_then);
          if (!found || !found->value || found->value->view() != value) return false;
        }
        return true;
      };
      executor.run(
          Lane::read, [sound, &looks_back] { looks_back += sound() ? 1 : 0; }, [] {});
    }
    executor.run_completions();
  }
  engine->sync();
  ASSERT_TRUE(executor.drain(60s));
  EXPECT_EQ(durable, last);
  EXPECT_EQ(reads, 2000u);
  EXPECT_EQ(many_reads, 300u * kManyKeys);
  EXPECT_EQ(scans.load(), 30u);
  EXPECT_EQ(looks_back.load(), 60u);
  EXPECT_GT(drops, 10u);
  EXPECT_GT(engine->stats().flushes, 3u);
  EXPECT_GT(engine->stats().compactions, 0u);
  const EngineStats stats = engine->stats();
  EXPECT_LE(stats.memory_used(), stats.memory_bytes);
  if (GetParam().memory_bytes > 0) {
    EXPECT_GT(stats.tables_opened, stats.flushes);
  }
  ASSERT_TRUE(engine->close());
  engine = open(environment);
  EXPECT_TRUE(engine->recovery().clean);
  EXPECT_TRUE(*state_of(*engine) == state);
  // Destroyed with work under way, as when a daemon is told to go.
  for (int i = 0; i < 300; ++i) {
    WriteBatch batch;
    batch.put("k" + std::to_string(i), std::string(500, 'y'));
    (void)engine->apply(batch, Durability::always);
    engine->get("k1", [](Result<Lookup>) {});
  }
  engine.reset();
  ASSERT_TRUE(executor.drain(60s));
}

TEST_P(EngineThreadsTest, CheckpointsAndIngestsGoOnBesideWrites) {
  Random random(5);
  EngineState state, ingested;
  ThreadExecutor executor(threads_);
  Environment environment = posix_.with(executor, log_);
  const auto engine = open(environment);
  ASSERT_NE(engine, nullptr);
  write(*engine, executor, random, state, 3000);

  for (int n = 300; n < 900; ++n) ingested["k" + std::to_string(n)] = "ingested";
  const auto table = *IngestWriter::create(environment.files, directory_ + ".made", {});
  for (const auto& [key, value] : ingested) ASSERT_TRUE(table->put(key, value));
  ASSERT_TRUE(table->finish());
  std::optional<Result<Sequence>> taken, copied;
  engine->ingest({directory_ + ".made"}, [&taken](Result<Sequence> done) { taken = done; });
  for (const auto& [key, value] : ingested) state[key] = value;
  write(*engine, executor, random, state, 2000);
  ASSERT_TRUE(executor.drain(60s));
  ASSERT_TRUE(taken && *taken) << taken->error().what;
  EXPECT_TRUE(*state_of(*engine) == state);

  MemoryMeta rows;
  const EngineState expected = state;
  engine->checkpoint(
      {directory_ + ".copy",
       [&rows]() -> Result<std::unique_ptr<MetaStore>> { return open_memory_meta(&rows); },
       {}},
      [&copied](Result<Sequence> done) { copied = done; });
  write(*engine, executor, random, state, 2000);
  if (!engine->drop_range({"k3", "k5"}, Durability::none)) {
    ASSERT_TRUE(executor.drain(60s));
    ASSERT_TRUE(engine->drop_range({"k3", "k5"}, Durability::none));
  }
  EngineHistory::apply(state, KeyRange{"k3", "k5"});
  ASSERT_TRUE(executor.drain(60s));
  ASSERT_TRUE(copied && *copied) << copied->error().what;
  const auto meta = open_memory_meta(&rows);
  const auto copy = open_lsm_engine(environment, *meta, directory_ + ".copy", options_);
  ASSERT_TRUE(copy) << copy.error().what;
  EXPECT_TRUE(*state_of(**copy) == expected);
  EXPECT_TRUE(*state_of(*engine) == state);
}

/// A removal is newer than what an ingest brings that began before it, however long that takes.
TEST_P(EngineThreadsTest, WhatIsRemovedWhileTablesAreIngestedStaysRemoved) {
  Random random(6);
  EngineState state;
  ThreadExecutor executor(threads_);
  Environment environment = posix_.with(executor, log_);
  const auto engine = open(environment);
  ASSERT_NE(engine, nullptr);
  write(*engine, executor, random, state, 1000);
  const auto table = *IngestWriter::create(environment.files, directory_ + ".made", {});
  for (int n = 800; n < 900; ++n) ASSERT_TRUE(table->put("k" + std::to_string(n), "ingested"));
  ASSERT_TRUE(table->finish());

  // Both reading threads are busy: the ingest verifies nothing until they are let go.
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  for (size_t i = 0; i < ThreadExecutorOptions().read_threads; ++i)
    executor.run(
        Lane::read, [released] { released.wait(); }, [] {});
  std::optional<Result<Sequence>> taken;
  engine->ingest({directory_ + ".made"}, [&taken](Result<Sequence> done) { taken = done; });
  WriteBatch removals;
  for (int n = 800; n < 900; ++n) removals.remove("k" + std::to_string(n));
  ASSERT_TRUE(engine->apply(removals, Durability::none));
  const uint64_t flushes = engine->stats().flushes;
  for (int n = 0; engine->stats().flushes < flushes + 8; n = (n + 1) % 800) {
    WriteBatch batch;
    const std::string key = "k" + std::to_string(n);
    batch.put(key, std::string(100, 'y'));
    if (engine->apply(batch, Durability::none)) EngineHistory::apply(state, batch);
    pollfd completion{executor.completion_fd(), POLLIN, 0};
    ASSERT_GE(poll(&completion, 1, 0), 0);
    executor.run_completions();
  }
  EXPECT_FALSE(taken);
  release.set_value();
  ASSERT_TRUE(executor.drain(60s));
  ASSERT_TRUE(taken && *taken);
  EXPECT_TRUE(*state_of(*engine) == state);
  for (int n = 800; n < 900; ++n) {
    const auto found = engine->get_if_cached("k" + std::to_string(n));
    if (found) {
      EXPECT_FALSE((*found)->value) << n;
    }
  }
}

TEST_P(EngineThreadsTest, CloseWaitsForWhatIsRunning) {
  EngineState state;
  {
    ThreadExecutor executor(threads_);
    Environment environment = posix_.with(executor, log_);
    auto engine = open(environment);
    for (int i = 0; i < 2000; ++i) {
      WriteBatch batch;
      batch.put("k" + std::to_string(i % 100), std::to_string(i));
      if (engine->apply(batch, Durability::always)) EngineHistory::apply(state, batch);
    }
    ASSERT_TRUE(engine->close());
  }
  ThreadExecutor executor(threads_);
  Environment environment = posix_.with(executor, log_);
  auto engine = open(environment);
  EXPECT_TRUE(engine->recovery().clean);
  EXPECT_TRUE(*state_of(*engine) == state);
}

INSTANTIATE_TEST_SUITE_P(Budgets, EngineThreadsTest,
                         testing::Values(Threads{0, true}, Threads{192 << 10, true},
                                         Threads{192 << 10, false}),
                         [](const auto& of) {
                           if (of.param.memory_bytes == 0) return "enough";
                           return of.param.use_read_ring ? "tiny" : "tinyWithoutRing";
                         });

}  // namespace
}  // namespace kv
