#include "libkv/storage/memtable/memtable.h"

#include <algorithm>
#include <vector>

#include "libkv/base/assert.h"
#include "libkv/base/planted.h"

namespace kv {

namespace {

/// Walks page by page, and in a page key by key, and in a key version by version.
class MemtableIterator final : public EntryIterator {
 public:
  MemtableIterator(std::shared_ptr<const Memtable> owner, const FingerprintTree& tree)
      : owner_(std::move(owner)), tree_(tree) {}

  Status status() const override { return {}; }

  void seek(BytesView key, Sequence sequence) override {
    tree_.load(key, page_);
    index_ = page_.sorted;
    show_newest();
    while (at_ != nullptr && at_->key() == key && at_->sequence() > sequence) show_older();
    fill_entry();
  }
  void seek_to_first() override { seek({}, kNewest); }
  void seek_before(BytesView key) override {
    tree_.load_before(key, page_);
    index_ = first_not_below(key);
    show_previous_key();
    fill_entry();
  }
  void seek_to_last() override {
    tree_.load_last(page_);
    index_ = page_.count;
    show_previous_key();
    fill_entry();
  }
  void next() override {
    newer_.clear();
    show_older();
    fill_entry();
  }
  void prev() override {
    if (at_ == page_.keys[index_].newest) {
      show_previous_key();
    } else {
      if (newer_.empty()) collect_newer(at_);
      at_ = newer_.back();
      newer_.pop_back();
    }
    fill_entry();
  }

 private:
  size_t first_not_below(BytesView key) const {
    const auto* begin = page_.keys.data();
    const auto is_below = [&](const auto& ranked) { return ranked.newest->key() < key; };
    return static_cast<size_t>(std::partition_point(begin, begin + page_.count, is_below) - begin);
  }

  void show_newest() {
    newer_.clear();
    if (index_ == page_.count && page_.high != nullptr) {
      tree_.load(page_.high->key(), page_);
      index_ = page_.sorted;
    }
    at_ = index_ < page_.count ? page_.keys[index_].newest : nullptr;
  }
  void show_older() {
    at_ = at_->older();
    if (at_ != nullptr) return;
    ++index_;
    show_newest();
  }
  /// Its oldest version.
  void show_previous_key() {
    newer_.clear();
    at_ = nullptr;
    if (index_ == 0 && page_.low != nullptr) {
      tree_.load_before(page_.low->key(), page_);
      index_ = page_.count;
    }
    if (index_ == 0) return;
    if (index_ <= page_.sorted) FingerprintTree::sort_all(page_);
    --index_;
    collect_newer(nullptr);
    at_ = newer_.back();
    newer_.pop_back();
  }
  void collect_newer(const ChainedEntry* end) {
    for (const auto* at = page_.keys[index_].newest; at != end; at = at->older())
      newer_.push_back(at);
  }
  void fill_entry() {
    current_ = nullptr;
    if (at_ == nullptr) return;
    entry_ = at_->entry();
    current_ = &entry_;
  }

  std::shared_ptr<const Memtable> owner_;
  const FingerprintTree& tree_;
  FingerprintTree::Page page_;
  size_t index_ = 0;  // In the page.
  const ChainedEntry* at_ = nullptr;
  /// Walking backward: the versions of the key that are still to come, the newest first. Chains
  /// lead only the other way.
  std::vector<const ChainedEntry*> newer_;
  Entry entry_;
};

}  // namespace

void Memtable::add(const Entry& entry) {
  KV_ASSERT(entry.sequence > last_sequence_ && entry.sequence <= kSequenceMax);
  entries_.insert(entry);
  last_sequence_ = entry.sequence;
  ++count_;
}

void Memtable::add_sorted(std::span<const Entry* const> entries) {
  Sequence last = last_sequence_;
  for (const Entry* entry : entries) {
    KV_ASSERT(entry->sequence > last_sequence_ && entry->sequence <= kSequenceMax);
    last = std::max(last, entry->sequence);
  }
  entries_.insert_sorted(entries);
  last_sequence_ = last;
  count_ += entries.size();
}

void Memtable::add_ingest(Sequence sequence) {
  KV_ASSERT(sequence > last_sequence_ && sequence <= kSequenceMax);
  last_sequence_ = sequence;
}

void Memtable::add_drop(RangeDrop drop) {
  KV_ASSERT(drop.sequence > last_sequence_ && drop.sequence <= kSequenceMax);
  last_sequence_ = drop.sequence;
  drop_bytes_ += sizeof(drop) + drop.range.from.size() + drop.range.to.size();
  drops_.push_back(std::move(drop));
}

std::optional<Entry> Memtable::find(BytesView key, Sequence at) const {
  const ChainedEntry* entry = entries_.find(key);
  while (entry != nullptr && entry->sequence() > at && !KV_PLANTED(point_reads_see_the_newest))
    entry = entry->older();
  if (entry == nullptr) return std::nullopt;
  return entry->entry();
}

std::unique_ptr<EntryIterator> Memtable::iterator() const {
  return std::make_unique<MemtableIterator>(shared_from_this(), entries_);
}

}  // namespace kv
