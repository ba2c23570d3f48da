// Gets that need the disk: by reads beside the loop, and by threads where there are no such reads.
#include <gtest/gtest.h>

#include "libkv/storage/engine.h"
#include "tests/crash/file_blocks.h"
#include "tests/crash/traced_meta.h"
#include "tests/sim/sim_environment.h"

namespace kv {
namespace {

/// What the executor makes of reads beside the loop.
enum class Reads { carried_out, refused, brought_short };

/// That of a simulated process, with as much of a ring as is wanted.
class ChosenExecutor final : public Executor {
 public:
  ChosenExecutor(Executor& beneath, Reads reads) : beneath_(beneath), reads_(reads) {}

  void run(Lane lane, std::function<void()> work, std::function<void()> done) override {
    if (lane == Lane::read) ++on_threads;
    beneath_.run(lane, std::move(work), std::move(done));
  }
  bool begin_read(const std::shared_ptr<FileRead>& read, std::function<void()> done) override {
    if (reads_ == Reads::refused) return false;
    ++beside;
    if (reads_ == Reads::brought_short) read->length -= 1;
    return beneath_.begin_read(read, std::move(done));
  }
  void finish_read(FileRead& read) override { beneath_.finish_read(read); }

  int on_threads = 0, beside = 0;

 private:
  Executor& beneath_;
  const Reads reads_;
};

constexpr int kKeys = 400;

/// An engine whose cache holds no block: every get of what was flushed reads.
class EngineReadsTest : public testing::TestWithParam<Reads> {
 public:
  void SetUp() override {
    options_.memtable_bytes = 4 << 10;
    options_.log_segment_bytes = 8 << 10;
    options_.block_bytes = 512;
    options_.section_blocks = 2;
    options_.block_cache_bytes = 1 << 10;
    open();
    for (int i = 0; i < kKeys; ++i) put(i);
    run_until_idle();
    ASSERT_GT(engine_->stats().sstables, 0u);
    read_all();
  }
  ~EngineReadsTest() override { kill(); }

  static std::string key(int number) { return "key" + std::to_string(1000 + number); }
  static std::string value(int number) {
    return "value of " + key(number) + std::string(20, static_cast<char>('a' + number % 26));
  }
  void open() {
    process_ = std::make_unique<SimEnvironment>(scheduler_, disk_, log_);
    Environment& beneath = process_->environment();
    executor_ = std::make_unique<ChosenExecutor>(beneath.executor, GetParam());
    environment_.emplace(
        Environment{beneath.files, beneath.clock, *executor_, log_, beneath.entropy});
    auto opened = open_lsm_engine(*environment_, meta_, "data", options_);
    ASSERT_TRUE(opened) << opened.error().what;
    engine_ = std::move(*opened);
  }
  void kill() {
    process_->kill();
    engine_.reset();
  }
  void put(int number) {
    WriteBatch batch;
    batch.put(key(number), value(number));
    while (!engine_->apply(batch, Durability::none)) run_until_idle();
  }
  /// So that all sections are in memory.
  void read_all() {
    for (int i = 0; i < kKeys; ++i) get(i);
    run_until_idle();
    ASSERT_EQ(answers_.size(), static_cast<size_t>(kKeys));
    answers_.clear();
    executor_->on_threads = executor_->beside = 0;
  }
  /// No section is in memory then.
  void reopen() {
    ASSERT_TRUE(engine_->close());
    kill();
    open();
  }
  void get(int number) {
    engine_->get(key(number), [this, number](Result<Lookup> found) {
      answers_.push_back({number, std::move(found)});
    });
  }
  void run_until_idle() {
    while (scheduler_.run_one()) {
    }
  }
  static void expect_right(int number, const Result<Lookup>& found) {
    ASSERT_TRUE(found) << found.error().what;
    ASSERT_EQ(found->value.has_value(), number < kKeys) << number;
    if (found->value) {
      EXPECT_EQ(found->value->view(), value(number));
    }
  }
  std::string first_table() const {
    for (const std::string& path : disk_.image().paths())
      if (path.ends_with(".sst")) return path;
    return "";
  }

  std::vector<FileBlock> blocks_of(const std::string& path, const std::string& kind) const {
    const DiskImage& image = disk_.image();
    const SimBytes& bytes = image.bytes(*image.find(path));
    std::string all(static_cast<size_t>(bytes.size()), '\0');
    bytes.read(0, all);
    std::vector<FileBlock> blocks = table_blocks(all);
    std::erase_if(blocks, [&](const FileBlock& block) { return block.kind != kind; });
    return blocks;
  }

  /// How many keys are not answered as a block at that place is rotten; the others are right.
  size_t refused_for_rot_at(const std::string& path, uint64_t offset) {
    for (int i = 0; i < kKeys; ++i) get(i);
    run_until_idle();
    EXPECT_EQ(answers_.size(), static_cast<size_t>(kKeys));
    size_t refused = 0;
    for (const auto& [number, found] : answers_) {
      if (found) {
        expect_right(number, found);
        continue;
      }
      ++refused;
      EXPECT_EQ(found.error().kind, ErrorKind::corrupt);
      EXPECT_EQ(found.error().what, path + ": offset " + std::to_string(offset) +
                                        ": the block's checksum does not match");
    }
    return refused;
  }

  struct Answer {
    int number;
    Result<Lookup> found;
  };
  std::vector<Answer> answers_;
  SimScheduler scheduler_;
  SimDisk disk_{1};
  NullLog log_;
  TracedMeta meta_{disk_};
  EngineOptions options_;
  std::unique_ptr<SimEnvironment> process_;
  std::unique_ptr<ChosenExecutor> executor_;
  std::optional<Environment> environment_;
  std::unique_ptr<Engine> engine_;
};

TEST_P(EngineReadsTest, EveryKeyHasItsAnswerWhoeverReads) {
  for (int i = 0; i < kKeys + 50; ++i) {
    get(i);
    EXPECT_TRUE(answers_.empty()) << "never before returning";
    run_until_idle();
    ASSERT_EQ(answers_.size(), 1u);
    expect_right(i, answers_.front().found);
    answers_.clear();
  }
  EXPECT_EQ(executor_->beside > 200, GetParam() != Reads::refused);
  EXPECT_EQ(executor_->on_threads > 200, GetParam() != Reads::carried_out);
}

TEST_P(EngineReadsTest, ManyKeysHaveTheirAnswersInTheirOrder) {
  std::vector<std::string> keys;
  for (int i = 0; i < kKeys + 50; i += 3) keys.push_back(key(i * 7 % (kKeys + 50)));
  const std::vector<BytesView> views(keys.begin(), keys.end());
  std::optional<Engine::Lookups> found;
  ASSERT_FALSE(engine_->multi_get(views, [&](Engine::Lookups all) { found = std::move(all); }));
  EXPECT_FALSE(found);
  run_until_idle();
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), keys.size());
  for (size_t i = 0; i < keys.size(); ++i)
    expect_right(std::stoi(keys[i].substr(3)) - 1000, (*found)[i]);
  EXPECT_EQ(executor_->beside > 0, GetParam() != Reads::refused);
}

TEST_P(EngineReadsTest, ManyKeysInMemoryAreAnsweredAtOnceAndTheOthersNot) {
  std::vector<std::string> keys;
  for (int i = kKeys + 49; i >= 0; i -= 7) keys.push_back(key(i));
  const std::vector<BytesView> views(keys.begin(), keys.end());
  const auto answers = engine_->get_many_if_cached(views);
  ASSERT_EQ(answers.size(), keys.size());
  size_t answered = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    ASSERT_EQ(answers[i].has_value(), engine_->get_if_cached(keys[i]).has_value()) << keys[i];
    if (!answers[i]) continue;
    ++answered;
    expect_right(std::stoi(keys[i].substr(3)) - 1000, *answers[i]);
  }
  EXPECT_GT(answered, 0u);
  EXPECT_LT(answered, keys.size());
}

TEST_P(EngineReadsTest, GetsOfOneBlockShareARead) {
  const EngineStats before = engine_->stats();
  for (int i = 20; i < 40; ++i) get(i);
  run_until_idle();
  ASSERT_EQ(answers_.size(), 20u);
  for (const Answer& answer : answers_) {
    expect_right(answer.number, answer.found);
    EXPECT_EQ(answer.found->found_in, FoundIn::disk);
  }
  if (GetParam() == Reads::carried_out) {
    EXPECT_LE(engine_->stats().disk_reads - before.disk_reads, 6u);
  }
  const EngineStats after = engine_->stats();
  EXPECT_GT(after.disk_reads, before.disk_reads);
  EXPECT_EQ(after.disk_reads_of_gets - before.disk_reads_of_gets,
            after.disk_reads - before.disk_reads);
}

// A full cache need not take what the system had, but one call asks the system only once.
TEST_P(EngineReadsTest, KeysOfOneCallShareABlockThatTheCacheDoesNotTake) {
  disk_.set_page_cache(100);
  std::vector<std::string> keys;
  for (int i = 20; i < 36; ++i) keys.push_back(key(i));
  const std::vector<BytesView> views(keys.begin(), keys.end());
  const auto reads_of_a_call = [&] {
    const EngineStats before = engine_->stats();
    const auto answers = engine_->get_many_if_cached(views);
    for (size_t i = 0; i < keys.size(); ++i) {
      EXPECT_TRUE(answers[i]) << keys[i];
      if (answers[i]) expect_right(static_cast<int>(20 + i), *answers[i]);
    }
    const EngineStats after = engine_->stats();
    EXPECT_EQ(after.cache_hits + after.cache_misses - before.cache_hits - before.cache_misses,
              keys.size());
    return after.cache_misses - before.cache_misses;
  };
  const uint64_t reads = reads_of_a_call();
  EXPECT_GE(reads, 1u);
  EXPECT_LE(reads, 6u);
  EXPECT_EQ(reads_of_a_call(), reads) << "nothing was kept";
}

/// What is counted of the reads of a key, whoever makes them.
std::vector<uint64_t> counted(const EngineStats& stats) {
  return {stats.gets, stats.bloom_checks, stats.bloom_negatives, stats.bloom_false_positives,
          stats.cache_hits + stats.cache_misses};
}

TEST_P(EngineReadsTest, AKeyCountsOnceHoweverOftenItIsLookedUp) {
  std::vector<std::string> keys;
  for (int i = 0; i < kKeys + 50; i += 3) keys.push_back(key(i));
  const auto count = [&](const std::function<void(BytesView)>& read) {
    const auto before = counted(engine_->stats());
    for (const std::string& key : keys) read(key);
    auto after = counted(engine_->stats());
    for (size_t i = 0; i < after.size(); ++i) after[i] -= before[i];
    return after;
  };
  const auto expected = count([&](BytesView key) { ASSERT_TRUE(engine_->snapshot()->get(key)); });
  EXPECT_GT(expected[1], 100u) << "filters are asked";
  // In all the ways in which a kv-node asks.
  EXPECT_EQ(expected, count([&](BytesView key) {
              if (engine_->get_if_cached(key)) return;
              engine_->get(key, [](const Result<Lookup>& found) { EXPECT_TRUE(found); });
              run_until_idle();
            }));
  EXPECT_EQ(expected, count([&](BytesView key) {
              if (engine_->get_many_if_cached({&key, 1}).front()) return;
              engine_->multi_get({&key, 1}, [](const Engine::Lookups&) {});
              run_until_idle();
            }));
}

TEST_P(EngineReadsTest, SectionsAreReadBesideTheLoopEachOnce) {
  reopen();
  const EngineStats before = engine_->stats();
  // What memory answers takes a turn of the lane, too, as get() does not tell before it returns.
  int at_once = 0;
  for (int i = 0; i < kKeys + 50;) {
    const size_t answered = answers_.size();
    for (const int end = i + 30; i < end; ++i) {
      at_once += engine_->get_if_cached(key(i)).has_value();
      get(i);
    }
    EXPECT_EQ(answers_.size(), answered) << "never before returning";
    run_until_idle();
  }
  ASSERT_EQ(answers_.size(), static_cast<size_t>(kKeys + 50));
  for (const Answer& answer : answers_) expect_right(answer.number, answer.found);
  const EngineStats after = engine_->stats();
  EXPECT_EQ(after.disk_reads_of_gets - before.disk_reads_of_gets,
            after.disk_reads - before.disk_reads);
  uint64_t sections = 0;
  for (const std::string& path : disk_.image().paths())
    if (path.ends_with(".sst")) sections += blocks_of(path, "section").size();
  EXPECT_GT(sections, after.sstables);
  if (GetParam() == Reads::carried_out) {
    EXPECT_EQ(executor_->on_threads, at_once);
    EXPECT_EQ(after.sections_read, sections);
  }
}

TEST_P(EngineReadsTest, AKeyCountsOnceAlsoWhereItsSectionIsRead) {
  const auto count = [&](const std::function<void(int)>& read) {
    const auto before = counted(engine_->stats());
    for (int i = 0; i < kKeys + 50; ++i) read(i);
    auto after = counted(engine_->stats());
    for (size_t i = 0; i < after.size(); ++i) after[i] -= before[i];
    return after;
  };
  const auto expected = count([&](int i) { ASSERT_TRUE(engine_->snapshot()->get(key(i))); });
  reopen();
  EXPECT_EQ(expected, count([&](int i) {
              get(i);
              run_until_idle();
            }));
}

TEST_P(EngineReadsTest, CloseWaitsForTheirAnswers) {
  for (int i = 0; i < 30; ++i) get(i);
  ASSERT_TRUE(engine_->close());
  ASSERT_EQ(answers_.size(), 30u);
  for (const Answer& answer : answers_) {
    const bool is_given_up = !answer.found && answer.found.error().kind == ErrorKind::unavailable;
    // However many wait for a thread, it does not wait for what they would do.
    EXPECT_EQ(is_given_up, GetParam() != Reads::carried_out);
    if (!is_given_up) expect_right(answer.number, answer.found);
  }
  get(1);
  run_until_idle();
  ASSERT_EQ(answers_.size(), 31u);
  EXPECT_FALSE(answers_.back().found);
}

TEST_P(EngineReadsTest, AnEngineThatIsGoneAnswersNobody) {
  for (int i = 0; i < 30; ++i) get(i);
  engine_.reset();
  run_until_idle();
  EXPECT_TRUE(answers_.empty());
}

TEST_P(EngineReadsTest, AFailedReadIsToldToAllWhoWaitForIt) {
  disk_.fail_nth(1, FaultKind::read, true);
  for (int i = 20; i < 30; ++i) get(i);
  run_until_idle();
  ASSERT_EQ(answers_.size(), 10u);
  for (const Answer& answer : answers_) {
    ASSERT_FALSE(answer.found);
    EXPECT_EQ(answer.found.error().kind, ErrorKind::corrupt);
  }
}

TEST_P(EngineReadsTest, AFailedReadIsNotKept) {
  disk_.fail_nth(1, FaultKind::read, false);
  get(20);
  run_until_idle();
  get(20);
  run_until_idle();
  ASSERT_EQ(answers_.size(), 2u);
  EXPECT_FALSE(answers_[0].found);
  expect_right(20, answers_[1].found);
}

TEST_P(EngineReadsTest, ARottenBlockIsToldWithItsPlace) {
  const std::string path = first_table();
  disk_.rot(path, 7);
  const size_t refused = refused_for_rot_at(path, 0);
  EXPECT_GT(refused, 0u);
  EXPECT_LT(refused, 30u);
}

TEST_P(EngineReadsTest, ARottenSectionIsToldWithItsPlace) {
  const std::string path = first_table();
  const std::vector<FileBlock> sections = blocks_of(path, "section");
  ASSERT_GT(sections.size(), 1u);
  disk_.rot(path, sections[0].offset + 7);
  reopen();
  const size_t refused = refused_for_rot_at(path, sections[0].offset);
  EXPECT_GT(refused, 0u);
  EXPECT_LT(refused, 60u);
}

INSTANTIATE_TEST_SUITE_P(By, EngineReadsTest,
                         testing::Values(Reads::carried_out, Reads::refused, Reads::brought_short),
                         [](const auto& of) {
                           if (of.param == Reads::carried_out) return "reads";
                           return of.param == Reads::refused ? "threads" : "shortReads";
                         });

}  // namespace
}  // namespace kv
