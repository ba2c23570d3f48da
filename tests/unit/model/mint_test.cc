#include "libkv/model/mint.h"

#include <gtest/gtest.h>

namespace kv {
namespace {

const WallTime kNow = wall_time_of(1'000'000);

MintRequest request(uint64_t number, PutMode mode = PutMode::over_what_is_there) {
  MintRequest result;
  result.mode = mode;
  result.put = {1, number};
  result.value = SharedBytes(std::to_string(number));
  return result;
}

class Mint : public testing::Test {
 protected:
  MintOutcome put(const MintRequest& r) { return mint(&stored, r, minter, kNow, random); }
  StoredRecord stored;
  Minter minter{1, 77};
  Random random{5};
};

TEST_F(Mint, CountsUpWhileTheBirthStandsAndIsBornAgainAfterwards) {
  EXPECT_EQ(put(request(1)), MintOutcome::minted);
  const BirthMark first = stored.mark.value();
  EXPECT_EQ(put(request(2)), MintOutcome::minted);
  EXPECT_EQ(stored.mark, first);
  EXPECT_EQ(to_string(stored.record.context), "[s1:2]");
  minter.incarnation = 78;
  EXPECT_EQ(put(request(3)), MintOutcome::minted);
  EXPECT_NE(stored.mark->birth, first.birth);
  EXPECT_EQ(stored.mark->incarnation, 78u);
  EXPECT_EQ(stored.record.context.actors().size(), 2u);
  EXPECT_EQ(stored.record.siblings.size(), 1u);
}

TEST_F(Mint, ARecordThatCameByMergeAloneTakesANewBirth) {
  put(request(1));
  StoredRecord other;
  other.mark = BirthMark{5, 77};  // Left from a record that was dropped.
  EXPECT_TRUE(merge_into(&other, stored.record));
  EXPECT_EQ(other.mark, std::nullopt);
  EXPECT_FALSE(merge_into(&other, stored.record));
  const BirthMark mark = stored.mark.value();
  EXPECT_FALSE(merge_into(&stored, other.record));
  EXPECT_EQ(stored.mark, mark);
}

TEST_F(Mint, AnAttemptThatIsHeldOrCoveredIsRepeated) {
  MintRequest first = request(1);
  EXPECT_EQ(put(first), MintOutcome::minted);
  const StoredRecord before = stored;
  EXPECT_EQ(put(first), MintOutcome::repeated);
  EXPECT_EQ(stored, before);
  MintRequest second = request(1, PutMode::sibling);
  second.attempt = 2;
  EXPECT_EQ(put(second), MintOutcome::minted);
  EXPECT_EQ(stored.record.siblings.size(), 1u) << "the second attempt covers the first";
  EXPECT_EQ(put(first), MintOutcome::repeated) << "a late first attempt is covered";
}

// Try 2 of a put was made at another member when the second put of its try 1 comes, over the joined
// context. Were it minted, its context would cover try 2's dot, and try 2's context covers it.
TEST_F(Mint, AnAttemptThatItsOwnContextCoversIsRepeated) {
  MintRequest early = request(1);
  EXPECT_EQ(put(early), MintOutcome::minted);
  StoredRecord elsewhere;
  MintRequest late = request(1);
  late.attempt = 18;
  EXPECT_EQ(mint(&elsewhere, late, Minter{2, 5}, kNow, random), MintOutcome::minted);
  MintRequest second_put = request(1);
  second_put.attempt = 2;
  second_put.context = elsewhere.record.context;
  EXPECT_EQ(put(second_put), MintOutcome::repeated);
  merge_into(&elsewhere, stored.record);
  ASSERT_EQ(elsewhere.record.siblings.size(), 1u);
  EXPECT_EQ(elsewhere.record.siblings[0].attempt, 18u);
}

TEST_F(Mint, ASiblingCoversNothingAndAContextWhatItSaw) {
  put(request(1));
  const CausalContext seen = stored.record.context;
  put(request(2, PutMode::sibling));
  EXPECT_EQ(stored.record.siblings.size(), 2u);
  MintRequest third = request(3, PutMode::over_context);
  third.context = seen;
  put(third);
  ASSERT_EQ(stored.record.siblings.size(), 2u);
  EXPECT_EQ(stored.record.siblings[0].value.view(), "2");
  EXPECT_EQ(stored.record.siblings[1].value.view(), "3");
}

TEST_F(Mint, TheCapRefusesOnlyWhatWouldLeaveMore) {
  minter.siblings_max = 3;
  for (uint64_t i = 1; i <= 3; ++i)
    EXPECT_EQ(put(request(i, PutMode::sibling)), MintOutcome::minted);
  const CausalContext seen = stored.record.context;
  const StoredRecord before = stored;
  EXPECT_EQ(put(request(4, PutMode::sibling)), MintOutcome::too_many_siblings);
  EXPECT_EQ(stored, before);
  StoredRecord other;
  Minter elsewhere{2, 1};
  for (uint64_t i = 10; i < 15; ++i) {
    mint(&other, request(i, PutMode::sibling), elsewhere, kNow, random);
  }
  merge_into(&stored, other.record);
  EXPECT_EQ(stored.record.siblings.size(), 8u) << "merges are never refused";
  MintRequest partly = request(5, PutMode::over_context);
  partly.context = seen;
  EXPECT_EQ(put(partly), MintOutcome::minted) << "it leaves fewer than there were";
  EXPECT_EQ(put(request(6)), MintOutcome::minted);
  EXPECT_EQ(stored.record.siblings.size(), 1u);
}

TEST_F(Mint, TheCapCountsBytesButNeverRefusesALoneValue) {
  minter.siblings_bytes_max = 10;
  MintRequest large = request(1);
  large.value = SharedBytes(std::string(11, 'x'));
  EXPECT_EQ(put(large), MintOutcome::minted);
  EXPECT_EQ(put(request(2, PutMode::sibling)), MintOutcome::too_many_siblings);
}

TEST_F(Mint, AContextThatKnowsMoreOfItsActorShowsAmnesia) {
  put(request(1));
  const StoredRecord rolled_back = stored;
  put(request(2));
  const CausalContext later = stored.record.context;
  stored = rolled_back;
  MintRequest third = request(3, PutMode::over_context);
  third.context = later;
  EXPECT_TRUE(shows_amnesia(stored, later, minter));
  EXPECT_EQ(put(third), MintOutcome::amnesia);
  EXPECT_EQ(stored, rolled_back);
  minter.incarnation = 78;
  EXPECT_EQ(put(third), MintOutcome::minted);
  EXPECT_EQ(stored.record.siblings.size(), 1u);
}

TEST_F(Mint, ATimestampIsAboveWhatIsThere) {
  mint(&stored, request(1), minter, wall_time_of(2'000'000), random);
  put(request(2));
  EXPECT_EQ(stored.record.siblings[0].timestamp, wall_time_of(2'000'001));
}

}  // namespace
}  // namespace kv
