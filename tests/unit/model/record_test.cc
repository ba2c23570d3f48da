#include "libkv/model/record.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "libkv/base/random.h"
#include "libkv/model/mint.h"

namespace kv {
namespace {

// A replica with what a mint needs; its births are its member number's.
struct Replica {
  explicit Replica(MemberNumber number) : minter{number, 1}, random(number) {}

  MintOutcome put(const std::string& value, PutMode mode = PutMode::over_what_is_there,
                  const CausalContext& context = {}) {
    MintRequest request;
    request.mode = mode;
    request.context = context;
    request.put = {minter.member, ++puts};
    request.value = SharedBytes(value);
    return mint(&stored, request, minter, wall_time_of(1'000'000), random);
  }

  StoredRecord stored;
  Minter minter;
  Random random;
  uint64_t puts = 0;
};

std::vector<std::string> values(const Record& record) {
  std::vector<std::string> shown;
  for (const size_t i : visible_siblings(record, wall_time_of(2'000'000))) {
    shown.emplace_back(record.siblings[i].value.view());
  }
  return shown;
}

// DeCandia et al., "Dynamo", 2007, figure 3.
TEST(Record, TheHistoryOfTheDynamoPaper) {
  Replica x(1), y(2), z(3);
  x.put("D1");
  EXPECT_EQ(to_string(x.stored.record.context), "[s1:1]");
  x.put("D2", PutMode::over_context, x.stored.record.context);
  EXPECT_EQ(to_string(x.stored.record.context), "[s1:2]");
  const Record d2 = x.stored.record;

  merge_into(&y.stored, d2);
  merge_into(&z.stored, d2);
  y.put("D3", PutMode::over_context, d2.context);
  z.put("D4", PutMode::over_context, d2.context);
  EXPECT_EQ(to_string(y.stored.record.context), "[s1:2, s2:1]");
  EXPECT_EQ(to_string(z.stored.record.context), "[s1:2, s3:1]");

  const Record conflict = merge(y.stored.record, z.stored.record);
  EXPECT_EQ(values(conflict), (std::vector<std::string>{"D3", "D4"}));
  EXPECT_EQ(to_string(conflict.context), "[s1:2, s2:1, s3:1]");

  x.put("D5", PutMode::over_context, conflict.context);
  for (Replica* other : {&y, &z}) merge_into(&other->stored, x.stored.record);
  for (const Replica* replica : {&x, &y, &z}) {
    EXPECT_EQ(to_string(replica->stored.record.context), "[s1:3, s2:1, s3:1]");
    EXPECT_EQ(values(replica->stored.record), (std::vector<std::string>{"D5"}));
  }
}

TEST(Record, ALastWriteWinsPutComesOutAboveWhatItsWriterSaw) {
  Replica fast(1), slow(2);
  MintRequest request;
  request.kind = RecordKind::last_write_wins;
  request.put = {1, 1};
  request.value = SharedBytes("seen");
  mint(&fast.stored, request, fast.minter, wall_time_of(5'000'000), fast.random);
  request.put = {1, 2};
  request.value = SharedBytes("later");
  request.mode = PutMode::over_context;
  request.context = fast.stored.record.context;
  mint(&slow.stored, request, slow.minter, wall_time_of(1'000'000), slow.random);
  EXPECT_EQ(slow.stored.record.siblings[0].timestamp, wall_time_of(5'000'001));
  const Record merged = merge(fast.stored.record, slow.stored.record);
  ASSERT_EQ(merged.siblings.size(), 1u);
  EXPECT_EQ(merged.siblings[0].value.view(), "later");
  EXPECT_EQ(merged, merge(slow.stored.record, fast.stored.record));

  request.put = {1, 3};
  request.context.see(wall_time_of(900'000'000'000));
  const StoredRecord before = slow.stored;
  EXPECT_EQ(mint(&slow.stored, request, slow.minter, wall_time_of(1'000'000), slow.random),
            MintOutcome::too_far_ahead);
  EXPECT_EQ(slow.stored, before);
}

TEST(Record, ShowsLivingValuesOnceAndNoTombstoneBesideThem) {
  Record record;
  const auto add = [&](uint64_t counter, const char* value, bool tombstone, int64_t expiry) {
    Sibling sibling;
    sibling.dot = {Actor(1, 1), counter};
    sibling.put = {1, counter};
    sibling.value = SharedBytes(value);
    sibling.tombstone = tombstone;
    if (expiry != 0) sibling.expiry = wall_time_of(expiry);
    record.siblings.push_back(sibling);
  };
  add(1, "a", false, 0);
  add(2, "b", false, 50);
  add(3, "", true, 0);
  add(4, "a", false, 0);
  EXPECT_EQ(visible_siblings(record, wall_time_of(49)), (std::vector<size_t>{0, 1}));
  EXPECT_EQ(visible_siblings(record, wall_time_of(50)), (std::vector<size_t>{0}));
  EXPECT_FALSE(record.is_dead(wall_time_of(50)));
  record.siblings.erase(record.siblings.begin());
  record.siblings.pop_back();
  EXPECT_TRUE(record.is_dead(wall_time_of(50)));
  EXPECT_FALSE(record.is_dead(wall_time_of(49)));
}

TEST(Record, ADotUsedTwiceShowsInTheDigestAndIsSettledTheSameWay) {
  Replica x(1);
  x.put("one");
  Record other = x.stored.record;
  other.siblings[0].value = SharedBytes("two");
  EXPECT_NE(digest_of(other), digest_of(x.stored.record));
  EXPECT_EQ(merge(other, x.stored.record), merge(x.stored.record, other));
}

// Records that one history of puts and merges can bring about: merging is only asked to be sound
// for those.
std::vector<Record> records_of_a_history(uint64_t seed, RecordKind kind) {
  Random random(seed);
  std::vector<Replica> replicas;
  for (MemberNumber i = 1; i <= 4; ++i) replicas.emplace_back(i);
  std::vector<Record> seen;
  PutId last{9, 0};
  Attempt attempt = 1;
  for (int step = 0; step < 25; ++step) {
    Replica& one = replicas[random.below(4)];
    Replica& other = replicas[random.below(4)];
    if (random.chance(0.5)) {
      merge_into(&one.stored, other.stored.record);
    } else {
      MintRequest request;
      request.kind = kind;
      request.mode = static_cast<PutMode>(random.below(3));
      if (!seen.empty()) request.context = seen[random.below(seen.size())].context;
      const bool again = last.number > 0 && random.chance(0.3);
      last.number += again ? 0 : 1;
      attempt = again ? attempt + 1 : 1;
      request.put = last;
      request.attempt = attempt;
      request.tombstone = random.chance(0.2);
      request.value = SharedBytes(std::to_string(step));
      mint(&one.stored, request, one.minter, wall_time_of(static_cast<int64_t>(random.below(1000))),
           one.random);
    }
    seen.push_back(one.stored.record);
  }
  return seen;
}

RC_GTEST_PROP(Record, MergeIsCommutativeAssociativeAndIdempotent, (uint64_t seed)) {
  for (const RecordKind kind : {RecordKind::causal, RecordKind::last_write_wins}) {
    const std::vector<Record> seen = records_of_a_history(seed, kind);
    Random random(seed + 1);
    for (int i = 0; i < 20; ++i) {
      const Record& a = seen[random.below(seen.size())];
      const Record& b = seen[random.below(seen.size())];
      const Record& c = seen[random.below(seen.size())];
      RC_ASSERT(merge(a, a) == a);
      RC_ASSERT(merge(a, b) == merge(b, a));
      RC_ASSERT(merge(merge(a, b), c) == merge(a, merge(b, c)));
      RC_ASSERT((a == b) == (digest_of(a) == digest_of(b)));
      RC_ASSERT(merge(a, b).context.covers(a.context));
    }
  }
}

}  // namespace
}  // namespace kv
