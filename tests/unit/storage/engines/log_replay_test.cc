// What a replay of the log makes of its segments: memtables that hold every version, each batch
// whole.
#include "libkv/storage/engines/log_replay.h"

#include <map>
#include <memory>
#include <optional>
#include <set>

#include <gtest/gtest.h>

#include "libkv/base/random.h"
#include "libkv/base/thread_executor.h"

namespace kv {
namespace {

constexpr size_t kMemtableBytes = 64 << 10;

/// A log in memory, and what is in it.
class WrittenLog {
 public:
  void batch(Random& random, size_t operations) {
    WriteBatch batch;
    const Sequence first = last_ + 1;
    for (size_t i = 0; i < operations; ++i) {
      const std::string key = "key/" + std::to_string(random.below(2000));
      const std::string value(random.below(90), static_cast<char>('a' + random.below(26)));
      if (random.below(6) == 0)
        batch.remove(key);
      else
        batch.put(key, value);
    }
    WriteBatch::for_each(batch.encoded(), [this](const WriteBatch::Operation& operation) {
      versions_[{std::string(operation.key), ++last_}] =
          operation.is_put ? std::optional(std::string(operation.value)) : std::nullopt;
    });
    record(LogRecordKind::batch, first, batch.encoded());
  }
  void drop(const KeyRange& range) {
    record(LogRecordKind::range_drop, ++last_, encode_key_range(range));
  }
  void ingest() { record(LogRecordKind::ingest, ++last_, {}); }

  /// What was written since the last call.
  std::shared_ptr<const RecoveredSegment> segment() {
    const auto made = std::make_shared<RecoveredSegment>();
    for (const Pending& pending : pending_)
      made->bytes.insert(made->bytes.end(), pending.payload.begin(), pending.payload.end());
    size_t at = 0;
    for (const Pending& pending : pending_) {
      const BytesView payload = made->view().substr(at, pending.payload.size());
      made->records.push_back({at, pending.kind, pending.first, 0, pending.count, payload});
      at += payload.size();
    }
    pending_.clear();
    return made;
  }

  using Versions = std::map<std::pair<std::string, Sequence>, std::optional<std::string>>;
  const Versions& versions() const { return versions_; }
  /// Where memtables may end.
  bool is_end_of_record(Sequence sequence) const { return ends_.count(sequence) == 1; }
  Sequence last() const { return last_; }

 private:
  struct Pending {
    LogRecordKind kind;
    Sequence first;
    uint32_t count;
    std::string payload;
  };
  void record(LogRecordKind kind, Sequence first, BytesView payload) {
    ends_.insert(last_);
    pending_.push_back(
        {kind, first, static_cast<uint32_t>(last_ - first + 1), std::string(payload)});
  }

  std::vector<Pending> pending_;
  Versions versions_;
  std::set<Sequence> ends_;
  Sequence last_ = 0;
};

using Memtables = std::vector<std::shared_ptr<Memtable>>;

void expect_every_version(const Memtables& newest_first, const WrittenLog& log) {
  uint64_t entries = 0;
  for (const auto& memtable : newest_first) entries += memtable->entries();
  EXPECT_EQ(entries, log.versions().size());
  for (const auto& [version, value] : log.versions()) {
    std::optional<Entry> found;
    for (const auto& memtable : newest_first)
      if (!found) found = memtable->find(version.first, version.second);
    ASSERT_TRUE(found) << version.first << " " << version.second;
    ASSERT_EQ(found->sequence, version.second);
    ASSERT_EQ(found->kind, value ? EntryKind::value : EntryKind::removal);
    ASSERT_EQ(found->value, value.value_or(""));
  }
}

void expect_whole_batches(const Memtables& newest_first, const WrittenLog& log) {
  for (const auto& memtable : newest_first) {
    EXPECT_TRUE(log.is_end_of_record(memtable->last_sequence())) << memtable->last_sequence();
    EXPECT_LT(memtable->memory_bytes(), kMemtableBytes * 5 / 4);
    if (memtable != newest_first.front()) {
      EXPECT_GT(memtable->memory_bytes(), kMemtableBytes * 3 / 4);
    }
  }
}

class LogReplayTest : public testing::Test {
 public:
  ThreadExecutor executor_;
  LogReplay replay_{executor_, nullptr, kMemtableBytes};
  Random random_{5};
  WrittenLog log_;
};

TEST_F(LogReplayTest, OfNothingIsAnEmptyMemtable) {
  const Memtables memtables = replay_.finish();
  ASSERT_EQ(memtables.size(), 1u);
  EXPECT_TRUE(memtables[0]->empty());
}

TEST_F(LogReplayTest, HoldsEveryVersionAndEachBatchWhole) {
  for (int segment = 0; segment < 12; ++segment) {
    for (size_t i = random_.below(80); i > 0; --i) log_.batch(random_, 1 + random_.below(40));
    replay_.take(log_.segment());
  }
  const Memtables memtables = replay_.finish();
  ASSERT_GT(memtables.size(), 5u);
  EXPECT_EQ(memtables.front()->last_sequence(), log_.last());
  expect_every_version(memtables, log_);
  expect_whole_batches(memtables, log_);
}

TEST_F(LogReplayTest, OfSegmentsThatAreAddedOnALane) {
  for (int segment = 0; segment < 6; ++segment) {
    for (int i = 0; i < 400; ++i) log_.batch(random_, 20);
    const auto taken = log_.segment();
    ASSERT_GT(taken->bytes.size(), 300u << 10);
    replay_.take(taken);
  }
  const Memtables memtables = replay_.finish();
  expect_every_version(memtables, log_);
  expect_whole_batches(memtables, log_);
}

TEST_F(LogReplayTest, MayEndWhileASegmentIsBeingAdded) {
  for (int i = 0; i < 4000; ++i) log_.batch(random_, 20);
  const auto segment = log_.segment();
  for (int i = 0; i < 20; ++i) {
    auto replay = std::make_unique<LogReplay>(executor_, nullptr, kMemtableBytes);
    replay->take(segment);
    replay.reset();
    EXPECT_EQ(segment.use_count(), 1);
  }
}

TEST_F(LogReplayTest, DropsAndIngestsStandWhereTheyWereWritten) {
  log_.batch(random_, 30);
  log_.drop({"key/1", "key/2"});
  const Sequence dropped = log_.last();
  log_.batch(random_, 30);
  log_.ingest();
  const Memtables memtables = (replay_.take(log_.segment()), replay_.finish());
  ASSERT_EQ(memtables.size(), 1u);
  expect_every_version(memtables, log_);
  EXPECT_EQ(memtables[0]->last_sequence(), log_.last());
  ASSERT_EQ(memtables[0]->drops().size(), 1u);
  EXPECT_EQ(memtables[0]->drops()[0].sequence, dropped);
  EXPECT_EQ(memtables[0]->drops()[0].range.to, "key/2");
}

}  // namespace
}  // namespace kv
