// Which tables are merged next, and which stay for one that cannot be read.
#include "libkv/storage/levels/compaction_picker.h"

#include <gtest/gtest.h>

namespace kv {
namespace {

class CompactionPickerTest : public testing::Test {
 protected:
  // Newest first at level 0, as a Version keeps them: the higher number is the newer one.
  void add(size_t level, uint64_t number, const std::string& first, const std::string& last,
           uint64_t removals = 0, uint64_t bytes = 100) {
    TableInfo info;
    info.number = number;
    info.level = static_cast<uint32_t>(level);
    info.first_key = first;
    info.last_key = last;
    info.file_bytes = bytes;
    info.entries = 10;
    info.removals = removals;
    info.sequence_min = info.sequence_max = number;
    levels_[level].push_back(
        std::make_shared<TableFile>(info, std::make_shared<TableLife>(number, obsolete_)));
  }
  std::string picked() { return shown(picker_.pick(Version(levels_))); }
  std::string picked_lazily() {
    const CompactionPicker lazy({.level0_tables = 2, .level0_tables_lazy = 4});
    return shown(lazy.pick(Version(levels_)));
  }
  std::string picked_idle() { return shown(picker_.pick_idle(Version(levels_))); }
  static std::string shown(const std::optional<CompactionPlan>& plan) {
    if (!plan) return "nothing";
    if (plan->kind == CompactionKind::gather) return "gather" + numbers(plan->upper);
    std::string text = std::to_string(plan->level) + ":" + numbers(plan->upper);
    text += " with" + numbers(plan->lower);
    if (!plan->around.empty()) text += " around" + numbers(plan->around);
    return text;
  }
  static std::string numbers(const std::vector<TablePtr>& tables) {
    std::string text;
    for (const TablePtr& table : tables) text += " " + std::to_string(table->info().number);
    return text;
  }

  std::shared_ptr<ObsoleteTables> obsolete_ = std::make_shared<ObsoleteTables>();
  Version::Levels levels_ = Version::Levels(kLevels);
  CompactionPicker picker_{{.level0_tables = 2, .level1_bytes = 150}};
};

TEST_F(CompactionPickerTest, TheLevelThatIsMostOverItsSizeAndThereWhatRewritesLeast) {
  add(1, 1, "a", "c");
  add(1, 2, "d", "f");
  add(2, 3, "b", "e");
  EXPECT_EQ(picked(), "1: 1 with 3") << "of equal ones the first";
  add(2, 4, "a", "a");
  EXPECT_EQ(picked(), "1: 2 with 3");
  add(2, 5, "f", "g");
  add(2, 6, "h", "z");
  EXPECT_EQ(picked(), "1: 1 with 4 3");
  add(1, 8, "g", "g");
  EXPECT_EQ(picked(), "1: 8 with 5");
  levels_[1].pop_back();
  for (uint64_t number = 4; number < 8; ++number) add(0, number, "a", "b");
  EXPECT_EQ(picked(), "0: 7 6 5 4 with 1");
}

// Of level 1 a merge shall rewrite at most half of what it brings, unless too many tables wait.
TEST_F(CompactionPickerTest, LevelZeroWaitsWhereItsMergeWouldRewriteMuch) {
  add(1, 1, "a", "c");
  add(0, 11, "a", "z");
  EXPECT_EQ(picked_lazily(), "nothing") << "one is too few in any case";
  add(0, 12, "a", "z");
  EXPECT_EQ(picked_lazily(), "0: 12 11 with 1") << "a half is not much";
  add(1, 2, "d", "f");
  EXPECT_EQ(picked_lazily(), "nothing");
  add(0, 13, "a", "z");
  EXPECT_EQ(picked_lazily(), "nothing");
  add(0, 14, "a", "z");
  EXPECT_EQ(picked_lazily(), "0: 14 13 12 11 with 1 2") << "as many as may wait";
  levels_[0].pop_back();
  add(1, 3, "zz", "zzz");
  levels_[1].erase(levels_[1].begin());
  EXPECT_EQ(picked_lazily(), "0: 13 12 11 with 2") << "what it does not overlap does not count";
}

TEST_F(CompactionPickerTest, WhatIsOverTheTargetsIsDebt) {
  EXPECT_EQ(picker_.excess_bytes(Version(levels_)), 0u);
  add(1, 1, "a", "c");
  EXPECT_EQ(picker_.excess_bytes(Version(levels_)), 0u);
  add(1, 2, "d", "f");
  EXPECT_EQ(picker_.excess_bytes(Version(levels_)), 50u);
}

TEST_F(CompactionPickerTest, IdleItMergesLevelZeroUnlessThatRewritesMuch) {
  EXPECT_EQ(picked_idle(), "nothing");
  add(0, 1, "a", "z");
  EXPECT_EQ(picked_idle(), "0: 1 with");
  for (uint64_t i = 0; i < 8; ++i) {
    const std::string key(1, static_cast<char>('a' + i));
    add(1, 10 + i, key, key);
  }
  EXPECT_EQ(picked_idle(), "0: 1 with 10 11 12 13 14 15 16 17");
  add(1, 18, "x", "y");
  EXPECT_EQ(picked_idle(), "nothing");
  add(0, 2, "a", "a");
  EXPECT_EQ(picked_idle(), "0: 2 1 with 10 11 12 13 14 15 16 17 18");
}

TEST_F(CompactionPickerTest, IdleItSinksRemovalsThatHideSomething) {
  add(1, 1, "a", "c", 2);
  add(1, 2, "d", "f", 3);
  EXPECT_EQ(picked_idle(), "nothing") << "nothing is below";
  add(3, 3, "a", "c");
  EXPECT_EQ(picked_idle(), "nothing") << "too few";
  add(3, 4, "e", "e");
  EXPECT_EQ(picked_idle(), "1: 2 with");
  add(2, 5, "f", "g");
  EXPECT_EQ(picked_idle(), "1: 2 with 5");
  picker_.leave_out(5);
  EXPECT_EQ(picked_idle(), "nothing");
}

TEST_F(CompactionPickerTest, OneThatCannotBeReadStaysAndTheOthersGoOn) {
  add(1, 1, "a", "c");
  add(1, 2, "d", "f");
  add(1, 3, "g", "i");
  add(2, 4, "e", "e");
  picker_.leave_out(1);
  picker_.leave_out(4);  // And so 2, which would have to be merged with it.
  EXPECT_EQ(picked(), "1: 3 with");
  EXPECT_EQ(picked(), "1: 3 with");
  picker_.leave_out(3);
  EXPECT_EQ(picked(), "nothing");
}

// What is newer must not sink below what is older.
TEST_F(CompactionPickerTest, OfLevelZeroOnlyWhatIsOlderThanAllThatStay) {
  for (uint64_t number = 1; number < 6; ++number) add(0, number, "a", "b");
  picker_.leave_out(3);
  EXPECT_EQ(picked(), "0: 2 1 with");
  picker_.leave_out(1);
  EXPECT_EQ(picked(), "gather 5 4");
}

// Or level 0 would fill up: likes are gathered together, and the oldest is left as it is.
TEST_F(CompactionPickerTest, OfLevelZeroWhatCannotSinkIsGatheredWithItsLike) {
  add(0, 1, "a", "b");
  add(0, 2, "a", "b", 0, 500);
  add(0, 3, "a", "b", 0, 120);
  picker_.leave_out(1);
  EXPECT_EQ(picked(), "nothing") << "the second is much larger";
  add(0, 4, "a", "b", 0, 100);
  EXPECT_EQ(picked(), "gather 4 3") << "the third is";
  add(0, 5, "a", "b", 0, 80);
  EXPECT_EQ(picked(), "gather 5 4 3 2");
  picker_.leave_out(5);
  EXPECT_EQ(picked(), "nothing");
}

TEST_F(CompactionPickerTest, LevelZeroIsMergedAroundWhatCannotBeReadBelow) {
  add(0, 1, "a", "z");
  add(0, 2, "a", "z");
  add(1, 3, "b", "c", 0, 50);
  add(1, 4, "d", "e", 0, 50);
  picker_.leave_out(3);
  EXPECT_EQ(picked(), "0: 2 1 with 4 around 3");
  // What had to stay is not merged again for its own sake.
  picker_.note_stayed(2);
  EXPECT_EQ(picked(), "0: 2 1 with 4 around 3");
  picker_.note_stayed(1);
  EXPECT_EQ(picked(), "nothing");
}

}  // namespace
}  // namespace kv
