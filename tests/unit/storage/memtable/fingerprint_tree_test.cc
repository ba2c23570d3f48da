// The index of the memtable, through the memtable: against std::map, in orders of arrival that
// split it in every way, and with readers beside the writer.
#include "libkv/storage/memtable/fingerprint_tree.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <thread>

#include <gtest/gtest.h>

#include "libkv/base/random.h"
#include "libkv/storage/memtable/memtable.h"

namespace kv {
namespace {

class ModelledTable {
 public:
  void add(const std::string& key, Random& random) { table_->add(entry_of(note(key, random))); }
  /// All at once, as a replay of the log does.
  void add_sorted(std::vector<std::string> keys, Random& random) {
    std::vector<Entry> entries;
    for (const std::string& key : keys) entries.push_back(entry_of(note(key, random)));
    std::stable_sort(entries.begin(), entries.end(),
                     [](const Entry& a, const Entry& b) { return a.key < b.key; });
    std::vector<const Entry*> sorted;
    for (const Entry& entry : entries) sorted.push_back(&entry);
    table_->add_sorted(sorted);
  }
  void check_find(const std::string& key, Sequence at) const {
    const auto found = table_->find(key, at);
    const auto expected = model_.lower_bound({key, ~at});
    const bool is_there = expected != model_.end() && expected->first.first == key;
    ASSERT_EQ(found.has_value(), is_there);
    if (is_there) check_entry(*found, expected);
  }
  void check_seek(const std::string& key, Sequence at) const {
    const auto walk = table_->iterator();
    walk->seek(key, at);
    auto expected = model_.lower_bound({key, ~at});
    for (int i = 0; i < 5 && expected != model_.end(); ++i, ++expected, walk->next())
      check_entry(*walk, expected);
    ASSERT_EQ(walk->valid(), expected != model_.end());
    if (!walk->valid() || expected == model_.begin()) return;
    // Back again, over versions and keys.
    for (int i = 0; i < 7 && expected != model_.begin(); ++i) {
      walk->prev();
      check_entry(*walk, --expected);
    }
  }
  void check_seek_before(const std::string& key) const {
    const auto walk = table_->iterator();
    walk->seek_before(key);
    auto expected = model_.lower_bound({key, 0});
    for (int i = 0; i < 5 && expected != model_.begin(); ++i, walk->prev())
      check_entry(*walk, --expected);
    ASSERT_EQ(walk->valid(), expected != model_.begin());
  }
  void check_walks() const {
    const auto walk = table_->iterator();
    walk->seek_to_first();
    for (auto at = model_.begin(); at != model_.end(); ++at, walk->next()) check_entry(*walk, at);
    ASSERT_FALSE(walk->valid());
    walk->seek_to_last();
    for (auto at = model_.end(); at != model_.begin(); walk->prev()) check_entry(*walk, --at);
    ASSERT_FALSE(walk->valid());
  }
  Sequence sequence() const { return sequence_; }
  double bytes_per_entry() const {
    return static_cast<double>(table_->memory_bytes()) / static_cast<double>(sequence_);
  }

 private:
  struct Content {
    EntryKind kind;
    std::string value;
  };
  using Model = std::map<std::pair<std::string, Sequence>, Content>;  // Negated: newest first.

  Model::const_iterator note(const std::string& key, Random& random) {
    const bool is_removal = random.below(8) == 0;
    const std::string value =
        is_removal ? "" : std::to_string(++sequence_) + std::string(random.below(40), 'v');
    if (is_removal) ++sequence_;
    const auto kind = is_removal ? EntryKind::removal : EntryKind::value;
    return model_.insert_or_assign({key, ~sequence_}, Content{kind, value}).first;
  }
  static Entry entry_of(Model::const_iterator at) {
    return {at->first.first, ~at->first.second, at->second.kind, at->second.value};
  }
  static void check_entry(const Entry& entry, Model::const_iterator expected) {
    ASSERT_EQ(entry.key, expected->first.first);
    ASSERT_EQ(entry.sequence, ~expected->first.second);
    ASSERT_EQ(entry.kind, expected->second.kind);
    ASSERT_EQ(entry.value, expected->second.value);
  }
  static void check_entry(const EntryIterator& walk, Model::const_iterator expected) {
    ASSERT_TRUE(walk.valid());
    check_entry(walk.entry(), expected);
  }

  std::shared_ptr<Memtable> table_ = std::make_shared<Memtable>();
  Model model_;
  Sequence sequence_ = 0;
};

using KeyMaker = std::function<std::string(Random&)>;

/// Adds keys, and looks around as it goes.
void run_against_model(const KeyMaker& make_key, int entries) {
  Random random(11);
  ModelledTable table;
  for (int i = 0; i < entries && !testing::Test::HasFatalFailure(); ++i) {
    const std::string key = make_key(random);
    table.check_find(key, kNewest);
    table.add(key, random);
    table.check_find(key, kNewest);
    if (i % 64 == 0) {
      std::vector<std::string> run(random.below(200));
      for (std::string& one : run) one = make_key(random);
      table.add_sorted(run, random);
    }
    const std::string other = make_key(random);
    const Sequence at = random.below(table.sequence() + 1);
    table.check_find(other, at);
    if (i % 4 == 0) table.check_seek(other, at);
    if (i % 4 == 1) table.check_seek(other, kNewest);
    if (i % 4 == 2) table.check_seek_before(other);
    if ((i & (i + 1)) == 0) table.check_walks();
  }
  table.check_walks();
}

TEST(FingerprintTreeTest, IsAMapOfNumbers) {
  run_against_model([](Random& random) { return std::to_string(random.below(4000)); }, 6000);
}

TEST(FingerprintTreeTest, IsAMapOfRecordKeysInManyPartitions) {
  const auto make_key = [](Random& random) {
    std::string key("\1\0\0\0\0\0\0\0\0\0\1", 11);
    key[5] = static_cast<char>(random.below(4));
    key[6] = static_cast<char>(random.below(256));
    return key + "user/0000" + std::to_string(random.below(100));
  };
  run_against_model(make_key, 6000);
}

TEST(FingerprintTreeTest, IsAMapOfKeysThatBeginEachOther) {
  // Zeros too, which a slice cannot tell from a key's end, and the empty key.
  const auto key = [](Random& random) {
    const char letters[] = {'\0', 'a', '\xff'};
    return std::string(random.below(300), letters[random.below(3)]);
  };
  run_against_model(key, 3000);
}

TEST(FingerprintTreeTest, IsAMapOfBinaryKeys) {
  const auto make_key = [](Random& random) {
    std::string key(random.below(7), '\0');
    for (char& byte : key) byte = static_cast<char>(random.below(4) * 85);
    return key;
  };
  run_against_model(make_key, 6000);
}

TEST(FingerprintTreeTest, IsAMapOfLongKeysThatDifferAtTheirEnd) {
  const auto key = [](Random& random) {
    return std::string(1020, 'k') + std::to_string(random.below(1000));
  };
  run_against_model(key, 2000);
}

TEST(FingerprintTreeTest, IsAMapOfManyVersionsOfFewKeys) {
  run_against_model([](Random& random) { return std::string(random.below(3), 'k'); }, 2000);
  run_against_model([](Random& random) { return std::to_string(random.below(150)); }, 9000);
}

TEST(FingerprintTreeTest, IsAMapOfKeysInAscendingOrder) {
  int next = 0;
  run_against_model([&](Random&) { return std::to_string(1'000'000 + next++); }, 6000);
}

TEST(FingerprintTreeTest, IsAMapOfKeysInDescendingOrder) {
  int next = 0;
  run_against_model([&](Random&) { return std::to_string(1'000'000 - next++); }, 6000);
}

TEST(FingerprintTreeTest, IsAMapOfRunsBesideEachOther) {
  std::array<int, 7> next{};
  const auto key = [&](Random& random) {
    const size_t run = random.below(next.size());
    return std::to_string(run) + "/" + std::to_string(1'000'000 + next[run]++);
  };
  run_against_model(key, 6000);
}

/// What the index and the entry's header take.
double overhead_of(const std::function<std::string(int)>& key_of) {
  Memtable table;
  const int entries = 50'000;
  size_t bytes = 0;
  for (int i = 0; i < entries; ++i) {
    const std::string key = key_of(i);
    bytes += key.size();
    table.add({key, static_cast<Sequence>(i + 1), EntryKind::value, {}});
  }
  return static_cast<double>(table.memory_bytes() - bytes) / entries;
}

TEST(FingerprintTreeTest, RunsFillTheirLeaves) {
  const auto text = [](int number) { return std::to_string(100'000'000 + number); };
  // 16 of header, 9 of a slot, up to 7 of alignment, and the inner nodes.
  EXPECT_LT(overhead_of([&](int i) { return text(i); }), 40);
  EXPECT_LT(overhead_of([&](int i) { return text(i % 64) + text(i / 64); }), 46);
  // As random order does.
  EXPECT_LT(overhead_of([&](int i) { return text(i * 7919 % 50'000); }), 64);
}

TEST(FingerprintTreeTest, KeysThatDescendTowardARunDoNotGetALeafEach) {
  // Two leaves full of a run, then all else between the last of the first and the first of the
  // second.
  const int run = FingerprintTree::kLeafSlots;
  const auto key_of = [](int i) {
    return std::to_string(1'000'000'000 + (i <= 2 * run ? i * 1'000'000 : run * 1'000'000 - i));
  };
  EXPECT_LT(overhead_of(key_of), 80);
}

TEST(FingerprintTreeTest, AWalkBackwardWhileKeysAreAddedSeesAllThatWasThere) {
  Random random(5);
  const auto table = std::make_shared<Memtable>();
  Sequence sequence = 0;
  const auto add = [&] {
    const std::string key = std::to_string(random.below(3000));
    table->add({key, ++sequence, EntryKind::value, key});
  };
  while (sequence < 2000) add();
  const Sequence before = sequence;
  const auto walk = table->iterator();
  uint64_t seen = 0;
  std::string last_key = ":";
  Sequence last_sequence = 0;
  for (walk->seek_to_last(); walk->valid(); walk->prev()) {
    const Entry entry = walk->entry();
    ASSERT_GT(compare_entries(last_key, last_sequence, entry.key, entry.sequence), 0);
    last_key = entry.key;
    last_sequence = entry.sequence;
    if (entry.sequence <= before) ++seen;
    for (int i = 0; i < 5; ++i) add();
  }
  EXPECT_EQ(seen, before);
}

/// Readers beside one writer. Run under the thread sanitizer too.
class ReadersTest : public testing::Test {
 protected:
  static constexpr Sequence kEntries = 30'000;

  /// Twice each: half of all entries are second versions.
  static std::string key_of(Sequence sequence) {
    return "partition/" + std::to_string(sequence % (kEntries / 2) * 7919 % 99'991);
  }
  void write() {
    for (Sequence sequence = 1; sequence <= kEntries; ++sequence) {
      const std::string key = key_of(sequence);
      table_->add({key, sequence, EntryKind::value, key + "=" + std::to_string(sequence)});
      published_.store(sequence, std::memory_order_release);
    }
  }
  void check(const Entry& entry) {
    if (entry.key != key_of(entry.sequence)) ++wrong_;
    if (entry.value != key_of(entry.sequence) + "=" + std::to_string(entry.sequence)) ++wrong_;
  }
  void read_keys(uint64_t seed) {
    Random random(seed);
    Sequence published;
    do {
      published = published_.load(std::memory_order_acquire);
      if (published == 0) continue;
      const Sequence wanted = 1 + random.below(published);
      const auto found = table_->find(key_of(wanted), wanted);
      if (!found || found->sequence != wanted) {
        ++wrong_;
      } else {
        check(*found);
      }
    } while (published < kEntries);
  }
  /// Sees everything that was published before it began, once and in order.
  void walk_all(bool backward) {
    Sequence published;
    do {
      published = published_.load(std::memory_order_acquire);
      const auto walk = table_->iterator();
      backward ? walk->seek_to_last() : walk->seek_to_first();
      Sequence seen = 0;
      Entry last;
      for (; walk->valid(); backward ? walk->prev() : walk->next()) {
        const Entry entry = walk->entry();
        check(entry);
        const int order = compare_entries(last.key, last.sequence, entry.key, entry.sequence);
        if (last.sequence != 0 && (backward ? order <= 0 : order >= 0)) ++wrong_;
        if (entry.sequence <= published) ++seen;
        last = entry;
      }
      if (seen != published) ++wrong_;
    } while (published < kEntries);
  }

  const std::shared_ptr<Memtable> table_ = std::make_shared<Memtable>();
  std::atomic<Sequence> published_{0};
  std::atomic<uint64_t> wrong_{0};
};

TEST_F(ReadersTest, FindWhatWasPublished) {
  std::thread first([&] { read_keys(1); }), second([&] { read_keys(2); });
  write();
  first.join();
  second.join();
  EXPECT_EQ(wrong_, 0u);
}

TEST_F(ReadersTest, WalkOverWhatWasPublished) {
  std::thread forward([&] { walk_all(false); }), backward([&] { walk_all(true); });
  write();
  forward.join();
  backward.join();
  EXPECT_EQ(wrong_, 0u);
}

}  // namespace
}  // namespace kv
