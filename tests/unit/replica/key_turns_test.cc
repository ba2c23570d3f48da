#include "libkv/replica/key_turns.h"

#include <gtest/gtest.h>

#include "tests/unit/replica/fake_engine.h"

namespace kv {
namespace {

struct KeyTurnsTest : ::testing::Test {
  KeyTurns::Step note(const std::string& name) {
    return [this, name](const Result<Lookup>& found) {
      ran += name;
      if (!found) ran += "!";
      if (found && found->value) ran += "=" + std::string(found->value->view());
      ran += ' ';
    };
  }
  KeyTurns::Step write(const std::string& name, const std::string& key, const std::string& value) {
    return [this, name, key, value](const Result<Lookup>& found) {
      note(name)(found);
      WriteBatch batch;
      batch.put(key, value);
      ASSERT_TRUE(engine.apply(batch, Durability::always));
    };
  }
  test::FakeStore store;
  test::FakeEngine engine{&store};
  std::string ran;
};

TEST_F(KeyTurnsTest, OnlyTheKeyOnDiskIsParkedAndItsOrderIsKept) {
  engine.cold = {"disk"};
  KeyTurns turns(engine, 10);
  ASSERT_TRUE(turns.run("disk", write("a", "disk", "A")));
  ASSERT_TRUE(turns.run("disk", note("b")));
  ASSERT_TRUE(turns.run("memory", note("c")));
  EXPECT_EQ(ran, "c ");
  EXPECT_EQ(turns.parked(), 2u);
  EXPECT_EQ(engine.waiting_reads(), 1u);  // One read for the key, however many wait.
  engine.answer_read();
  EXPECT_EQ(ran, "c a b=A ");  // The second sees what the first has written.
  EXPECT_EQ(turns.parked(), 0u);
}

TEST_F(KeyTurnsTest, AKeyThatLeavesMemoryAgainIsReadAgainInOrder) {
  engine.all_cold = true;
  KeyTurns turns(engine, 10);
  ASSERT_TRUE(turns.run("k", write("a", "k", "A")));
  ASSERT_TRUE(turns.run("k", note("b")));
  engine.answer_read();
  ASSERT_TRUE(turns.run("k", note("c")));  // Comes behind b, which still waits.
  EXPECT_EQ(ran, "a ");
  engine.answer_read();
  engine.answer_read();
  EXPECT_EQ(ran, "a b=A c=A ");
}

TEST_F(KeyTurnsTest, AStepThatAsksForItsOwnKeyComesBehindTheOthers) {
  engine.cold = {"k"};
  KeyTurns turns(engine, 10);
  ASSERT_TRUE(turns.run("k", [&](const Result<Lookup>&) {
    ran += "a ";
    ASSERT_TRUE(turns.run("k", note("c")));
  }));
  ASSERT_TRUE(turns.run("k", note("b")));
  engine.answer_read();
  EXPECT_EQ(ran, "a b c ");
}

TEST_F(KeyTurnsTest, NobodyOvertakesWhoIsParkedThoughTheKeyIsInMemoryByNow) {
  engine.cold = {"k"};
  KeyTurns turns(engine, 10);
  ASSERT_TRUE(turns.run("k", write("a", "k", "A")));
  engine.cold.clear();
  EXPECT_FALSE(turns.at_once("k"));
  ASSERT_TRUE(turns.run("k", note("b")));
  EXPECT_EQ(ran, "");
  engine.answer_read();
  EXPECT_EQ(ran, "a b=A ");
  EXPECT_TRUE(turns.at_once("k"));
}

TEST_F(KeyTurnsTest, ParkedStepsAreBounded) {
  engine.cold = {"k"};
  KeyTurns turns(engine, 2);
  EXPECT_TRUE(turns.run("k", note("a")));
  EXPECT_TRUE(turns.run("k", note("b")));
  EXPECT_FALSE(turns.run("k", note("c")));
  EXPECT_TRUE(turns.run("other", note("d")));  // Memory needs no place.
  engine.answer_read();
  EXPECT_EQ(ran, "d a b ");
}

TEST_F(KeyTurnsTest, ACorruptKeyIsToldAsSuch) {
  engine.cold = engine.damaged = {"k"};
  KeyTurns turns(engine, 10);
  ASSERT_TRUE(turns.run("k", note("a")));
  engine.answer_read();
  EXPECT_EQ(ran, "a! ");
}

TEST_F(KeyTurnsTest, AnswersAfterTheEndAreDropped) {
  engine.cold = {"k"};
  {
    KeyTurns turns(engine, 10);
    ASSERT_TRUE(turns.run("k", note("a")));
  }
  engine.answer_read();
  EXPECT_EQ(ran, "");
}

}  // namespace
}  // namespace kv
