// One walk over several sources; and that a source which fails ends it, where one that is over does
// not: what is behind the failure may be the newest version of a key, or a removal.
#include "libkv/storage/levels/merging_iterator.h"

#include <map>
#include <optional>

#include <gtest/gtest.h>

namespace kv {
namespace {

/// Entries in memory, of which one cannot be read.
class ListedEntries final : public EntryIterator {
 public:
  explicit ListedEntries(std::vector<Entry> entries, std::optional<size_t> bad = {})
      : entries_(std::move(entries)), bad_(bad) {}

  void seek(BytesView key, Sequence sequence) override {
    at_ = 0;
    while (at_ < entries_.size() && is_before(entries_[at_], key, sequence)) ++at_;
    show();
  }
  void seek_to_first() override {
    at_ = 0;
    show();
  }
  void seek_before(BytesView key) override {
    at_ = entries_.size();
    while (at_ > 0 && entries_[at_ - 1].key >= key) --at_;
    --at_;
    show();
  }
  void seek_to_last() override {
    at_ = entries_.size() - 1;
    show();
  }
  void next() override {
    ++at_;
    show();
  }
  void prev() override {
    --at_;
    show();
  }
  Status status() const override { return status_; }
  bool pass_over() override { return false; }

 private:
  static bool is_before(const Entry& entry, BytesView key, Sequence sequence) {
    return compare_entries(entry.key, entry.sequence, key, sequence) < 0;
  }
  /// One before the first wraps round: behind the last, as well.
  void show() {
    if (at_ == bad_) status_ = fail(ErrorKind::corrupt, "it cannot be read");
    current_ = status_ && at_ < entries_.size() ? &entries_[at_] : nullptr;
  }

  const std::vector<Entry> entries_;
  const std::optional<size_t> bad_;
  size_t at_ = 0;
  Status status_;
};

Entry entry(BytesView key, Sequence sequence) {
  return {key, sequence, EntryKind::value, "v"};
}

class MergingIteratorTest : public testing::Test {
 protected:
  /// Two sources, of which the second fails at its entry `bad`.
  static std::unique_ptr<EntryIterator> merged(std::optional<size_t> bad = {}) {
    std::vector<std::unique_ptr<EntryIterator>> sources;
    sources.push_back(std::make_unique<ListedEntries>(
        std::vector<Entry>{entry("a", 1), entry("c", 2), entry("e", 3), entry("g", 4)}));
    sources.push_back(std::make_unique<ListedEntries>(
        std::vector<Entry>{entry("b", 5), entry("c", 6), entry("f", 7)}, bad));
    return merge_iterators(std::move(sources));
  }
  static std::string shown(EntryIterator& merged, bool is_backward) {
    std::string text;
    for (; merged.valid(); is_backward ? merged.prev() : merged.next())
      text += std::string(merged.entry().key) + std::to_string(merged.entry().sequence);
    return text;
  }
};

TEST_F(MergingIteratorTest, ShowsAllInTheirOrderNewerVersionsFirst) {
  const auto all = merged();
  all->seek_to_first();
  EXPECT_EQ(shown(*all, false), "a1b5c6c2e3f7g4");
  all->seek_to_last();
  EXPECT_EQ(shown(*all, true), "g4f7e3c2c6b5a1");
  all->seek("c", 3);
  EXPECT_EQ(shown(*all, false), "c2e3f7g4");
  all->seek_before("c");
  EXPECT_EQ(shown(*all, true), "b5a1");
  EXPECT_TRUE(all->status());
}

TEST_F(MergingIteratorTest, AFailedSourceEndsIt) {
  const std::map<size_t, std::string> forward = {{0, ""}, {1, "a1b5"}, {2, "a1b5c6"}};
  const std::map<size_t, std::string> backward = {{0, "g4f7e3c2c6"}, {1, "g4f7"}, {2, ""}};
  for (const bool is_backward : {false, true})
    for (const auto& [bad, expected] : is_backward ? backward : forward) {
      SCOPED_TRACE(bad);
      const auto all = merged(bad);
      is_backward ? all->seek_to_last() : all->seek_to_first();
      EXPECT_EQ(shown(*all, is_backward), expected);
      ASSERT_FALSE(all->status());
      EXPECT_EQ(all->status().error().kind, ErrorKind::corrupt);
    }
}

}  // namespace
}  // namespace kv
