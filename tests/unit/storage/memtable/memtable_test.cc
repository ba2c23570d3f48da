#include "libkv/storage/memtable/memtable.h"

#include <atomic>
#include <map>
#include <thread>

#include <gtest/gtest.h>

#include "libkv/base/random.h"

namespace kv {
namespace {

TEST(ArenaTest, PiecesAreAlignedAndCounted) {
  Arena arena;
  for (size_t bytes = 1; bytes < 40000; bytes = bytes * 3 + 1) {
    char* piece = arena.allocate(bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(piece) % alignof(void*), 0u);
    std::fill(piece, piece + bytes, 'x');
  }
  EXPECT_GE(arena.reserved_bytes(), arena.used_bytes());
  EXPECT_GT(arena.used_bytes(), 40000u);
}

TEST(ArenaTest, PiecesOverlapInNoBlockOfAnySize) {
  Arena arena;
  std::vector<char*> pieces;
  for (size_t i = 0; i < 4000; ++i) {  // Into the second huge block.
    char* piece = arena.allocate(i % 7 * 500 + 1, i % 2 == 0 ? 64 : alignof(void*));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(piece) % (i % 2 == 0 ? 64 : alignof(void*)), 0u);
    std::fill(piece, piece + i % 7 * 500 + 1, static_cast<char>(i));
    pieces.push_back(piece);
  }
  for (size_t i = 0; i < pieces.size(); ++i)
    for (size_t at = 0; at <= i % 7 * 500; ++at) ASSERT_EQ(pieces[i][at], static_cast<char>(i));
  EXPECT_GE(arena.reserved_bytes(), arena.used_bytes());
}

// Else a simulated run would not repeat itself: a memtable is flushed when it is full.
TEST(MemtableTest, IsAsFullAfterTheSameWritesWhereverItLies) {
  std::vector<std::unique_ptr<char[]>> others;
  std::vector<size_t> full;
  for (size_t round = 0; round < 8; ++round) {
    others.push_back(std::make_unique<char[]>(round * 16 + 8));
    const auto table = std::make_shared<Memtable>();
    for (Sequence sequence = 1; sequence <= 3000; ++sequence) {
      const std::string key = "k" + std::to_string(sequence * 7919 % 3000);
      table->add({key, sequence, EntryKind::value, key});
    }
    full.push_back(table->memory_bytes());
  }
  EXPECT_EQ(full, std::vector<size_t>(full.size(), full.front()));
}

TEST(MemtableTest, FindsTheNewestVersionAtOrBelowASequence) {
  const auto table = std::make_shared<Memtable>();
  table->add({"b", 1, EntryKind::value, "one"});
  table->add({"a", 2, EntryKind::value, ""});
  table->add({"b", 3, EntryKind::removal, {}});
  table->add({"b", 5, EntryKind::value, "five"});
  EXPECT_EQ(table->find("b", 5)->value, "five");
  EXPECT_EQ(table->find("b", kNewest)->value, "five");
  EXPECT_EQ(table->find("b", 4)->kind, EntryKind::removal);
  EXPECT_EQ(table->find("b", 2)->value, "one");
  EXPECT_FALSE(table->find("b", 0));
  EXPECT_FALSE(table->find("a", 1));
  EXPECT_FALSE(table->find("", 9));
  EXPECT_FALSE(table->find("c", 9));
  EXPECT_EQ(table->last_sequence(), 5u);
  EXPECT_EQ(table->entries(), 4u);
}

TEST(MemtableTest, WalksBothWaysAsAMapDoes) {
  Random random(3);
  const auto table = std::make_shared<Memtable>();
  std::map<std::pair<std::string, Sequence>, std::string> model;  // Sequence negated: newest first.
  for (Sequence sequence = 1; sequence <= 2000; ++sequence) {
    const std::string key = std::to_string(random.below(500));
    table->add({key, sequence, EntryKind::value, std::to_string(sequence)});
    model[{key, ~sequence}] = std::to_string(sequence);
  }
  const auto walk = table->iterator();
  walk->seek_to_first();
  for (const auto& [place, value] : model) {
    ASSERT_TRUE(walk->valid());
    ASSERT_EQ(walk->entry().key, place.first);
    ASSERT_EQ(walk->entry().value, value);
    walk->next();
  }
  EXPECT_FALSE(walk->valid());
  walk->seek_to_last();
  for (auto at = model.rbegin(); at != model.rend(); ++at) {
    ASSERT_TRUE(walk->valid());
    ASSERT_EQ(walk->entry().value, at->second);
    walk->prev();
  }
  EXPECT_FALSE(walk->valid());
  for (int i = 0; i < 600; i += 7) {
    const std::string key = std::to_string(i);
    walk->seek_before(key);
    const auto expected = model.lower_bound({key, 0});
    ASSERT_EQ(walk->valid(), expected != model.begin());
    if (walk->valid()) {
      ASSERT_EQ(walk->entry().value, std::prev(expected)->second);
    }
  }
}

// Run under the thread sanitizer, this is the proof that readers need no lock.
TEST(MemtableTest, ReadersSeeWholeEntriesWhileOneWrites) {
  const auto table = std::make_shared<Memtable>();
  std::atomic<Sequence> written{0};
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> wrong{0};
  const auto read = [&] {
    Random random(9);
    while (!stop.load()) {
      const Sequence at = written.load(std::memory_order_acquire);
      const std::string key = std::to_string(random.below(200));
      const auto found = table->find(key, at);
      if (found &&
          (found->sequence > at || found->value != key + "=" + std::to_string(found->sequence)))
        ++wrong;
      const auto walk = table->iterator();
      std::string last;
      int steps = 0;
      for (walk->seek(key, kNewest); walk->valid() && steps < 20; walk->next(), ++steps) {
        if (walk->entry().key < BytesView(last)) ++wrong;
        last = walk->entry().key;
      }
    }
  };
  std::thread first(read), second(read);
  Random random(1);
  for (Sequence sequence = 1; sequence <= 20000; ++sequence) {
    const std::string key = std::to_string(random.below(200));
    table->add({key, sequence, EntryKind::value, key + "=" + std::to_string(sequence)});
    written.store(sequence, std::memory_order_release);
  }
  stop = true;
  first.join();
  second.join();
  EXPECT_EQ(wrong, 0u);
}

}  // namespace
}  // namespace kv
