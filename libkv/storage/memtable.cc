#include "libkv/storage/memtable.h"

#include "libkv/base/assert.h"

namespace kv {

namespace {

class MemtableIterator final : public EntryIterator {
 public:
  MemtableIterator(std::shared_ptr<const Memtable> owner, const SkipList& entries)
      : owner_(std::move(owner)), entries_(entries) {}

  bool valid() const override { return node_ != nullptr; }
  const Entry& entry() const override { return SkipList::entry(node_); }
  void seek(BytesView key, Sequence sequence) override {
    node_ = entries_.first_at_or_after(key, sequence);
  }
  void seek_to_first() override { node_ = entries_.first(); }
  void seek_before(BytesView key) override { node_ = entries_.last_before(key, kNewest); }
  void seek_to_last() override { node_ = entries_.last(); }
  void next() override { node_ = SkipList::next(node_); }
  void prev() override {
    const Entry& here = entry();
    node_ = entries_.last_before(here.key, here.sequence);
  }
  Status status() const override { return {}; }

 private:
  std::shared_ptr<const Memtable> owner_;
  const SkipList& entries_;
  const SkipList::Node* node_ = nullptr;
};

}  // namespace

void Memtable::add(const Entry& entry) {
  KV_ASSERT(entry.sequence > last_sequence_ && entry.sequence <= kSequenceMax);
  entries_.insert(entry);
  last_sequence_ = entry.sequence;
  ++count_;
}

std::optional<Entry> Memtable::find(BytesView key, Sequence at) const {
  const SkipList::Node* node = entries_.first_at_or_after(key, at);
  if (node == nullptr || SkipList::entry(node).key != key) return std::nullopt;
  return SkipList::entry(node);
}

std::unique_ptr<EntryIterator> Memtable::iterator() const {
  return std::make_unique<MemtableIterator>(shared_from_this(), entries_);
}

}  // namespace kv
