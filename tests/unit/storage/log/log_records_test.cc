// What waits for the log is moved by nothing, and its room is used again.
#include "libkv/storage/log/log_records.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "libkv/base/random.h"
#include "libkv/storage/engine.h"

namespace kv {
namespace {

constexpr size_t kPieceBytes = 16 << 10;
constexpr size_t kRoomPieces = 3;

class LogRecordsTest : public ::testing::Test {
 protected:
  /// Until there are `bytes`, small ones that share records and larger ones that do not.
  void add_until(size_t bytes) {
    while (records_.bytes() < bytes) {
      WriteBatch batch;
      batch.put("k", std::string(random_.below(random_.below(8) == 0 ? 6000 : 200), 'v'));
      records_.add_batch(next_++, 1, batch.encoded());
    }
  }
  static std::set<const char*> places_of(const LogRecords::Pieces& pieces) {
    std::set<const char*> places;
    for (const std::string& piece : pieces) places.insert(piece.data());
    return places;
  }

  Random random_{7};
  LogRecords records_{kPieceBytes, kRoomPieces};
  Sequence next_ = 1;
};

TEST_F(LogRecordsTest, NoneIsMoved) {
  // A piece as it is begun has the room that it ends with.
  add_until(1);
  LogRecords::Pieces first = records_.take();
  ASSERT_EQ(first.size(), 1u);
  const char* const place = first[0].data();
  const size_t room = first[0].capacity();
  EXPECT_GE(room, kPieceBytes);
  records_.keep_room(std::move(first));
  add_until(20 * kPieceBytes);
  const LogRecords::Pieces pieces = records_.take();
  EXPECT_EQ(pieces[0].data(), place);
  EXPECT_GE(pieces.size(), 20u);
  for (const std::string& piece : pieces) EXPECT_EQ(piece.capacity(), room);
}

TEST_F(LogRecordsTest, NoRecordIsInTwoPieces) {
  add_until(20 * kPieceBytes);
  records_.add(LogRecordKind::ingest, next_++, 1, {});
  const uint64_t bytes = records_.bytes();
  uint64_t found = 0;
  Sequence expected = 1;
  for (const std::string& piece : records_.take()) {
    EXPECT_FALSE(piece.empty());
    size_t at = 0;
    while (at < piece.size()) {
      ASSERT_GE(unsealed_record_first(piece.data() + at), expected);
      expected = unsealed_record_first(piece.data() + at) + 1;
      at += static_cast<size_t>(unsealed_record_bytes(piece.data() + at));
    }
    EXPECT_EQ(at, piece.size());
    found += piece.size();
  }
  EXPECT_EQ(found, bytes);
  EXPECT_EQ(expected, next_) << "the last one is there";
  EXPECT_EQ(records_.bytes(), 0u);
}

TEST_F(LogRecordsTest, RoomIsUsedAgain) {
  add_until(5 * kPieceBytes);
  LogRecords::Pieces pieces = records_.take();
  const auto before = places_of(pieces);
  records_.keep_room(std::move(pieces));
  add_until(5 * kPieceBytes);
  LogRecords::Pieces next = records_.take();
  const auto again = std::count_if(next.begin(), next.end(), [&](const std::string& piece) {
    return before.count(piece.data()) != 0;
  });
  EXPECT_GE(again, static_cast<ptrdiff_t>(kRoomPieces));
}

TEST_F(LogRecordsTest, OneThatIsLargerHasAPieceOfItsOwnWhoseRoomIsNotKept) {
  const std::string large(3 * kPieceBytes, 'v');
  add_until(1);
  records_.add_batch(next_++, 1, large);
  add_until(records_.bytes() + 1);
  LogRecords::Pieces pieces = records_.take();
  ASSERT_EQ(pieces.size(), 3u);
  EXPECT_EQ(pieces[1].size(), log_record_bytes(large.size()));
  LogRecords::Pieces only_large;
  only_large.push_back(std::move(pieces[1]));
  records_.keep_room(std::move(only_large));
  add_until(1);
  EXPECT_LT(records_.take()[0].capacity(), large.size());
}

TEST_F(LogRecordsTest, ARecordThatWasEndedIsSharedByNone) {
  WriteBatch batch;
  batch.put("k", "v");
  records_.add_batch(1, 1, batch.encoded());
  records_.add_batch(2, 1, batch.encoded());
  const uint64_t shared = records_.bytes();
  records_.end_record();
  records_.add_batch(3, 1, batch.encoded());
  EXPECT_EQ(records_.bytes(), shared + log_record_bytes(batch.encoded().size()));
}

}  // namespace
}  // namespace kv
