#include "libkv/storage/merging_iterator.h"

#include <algorithm>

namespace kv {

namespace {

/// A heap of the valid sources, the one whose entry is next on top.
class MergingIterator final : public EntryIterator {
 public:
  explicit MergingIterator(std::vector<std::unique_ptr<EntryIterator>> sources)
      : sources_(std::move(sources)) {}

  Status status() const override { return status_; }

  void seek(BytesView key, Sequence sequence) override {
    start(false, [&](EntryIterator& source) { source.seek(key, sequence); });
  }
  void seek_to_first() override {
    start(false, [](EntryIterator& source) { source.seek_to_first(); });
  }
  void seek_before(BytesView key) override {
    start(true, [&](EntryIterator& source) { source.seek_before(key); });
  }
  void seek_to_last() override {
    start(true, [](EntryIterator& source) { source.seek_to_last(); });
  }
  void next() override {
    heap_.front()->next();
    settle_top();
  }
  void prev() override {
    heap_.front()->prev();
    settle_top();
  }
  bool pass_over() override {
    bool passed = false;
    for (const auto& source : sources_) {
      if (source->valid() || source->status()) continue;
      if (!source->pass_over()) return false;
      passed = true;
    }
    status_ = {};
    gather();
    return passed;
  }

 private:
  template <typename Position>
  void start(bool backward, Position position) {
    backward_ = backward;
    heap_.clear();
    current_ = nullptr;
    if (!status_) return;
    for (const auto& source : sources_) position(*source);
    gather();
  }

  /// Makes the heap of the sources where they stand.
  void gather() {
    heap_.clear();
    current_ = nullptr;
    for (const auto& source : sources_) {
      if (!take_status(*source)) return;
      if (source->valid()) heap_.push_back(source.get());
    }
    std::make_heap(heap_.begin(), heap_.end(), later());
    show();
  }
  void show() { current_ = heap_.empty() ? nullptr : &heap_.front()->entry(); }

  bool take_status(const EntryIterator& source) {
    if (source.valid()) return true;
    status_ = source.status();
    if (status_) return true;
    heap_.clear();
    current_ = nullptr;
    return false;
  }

  /// The top has moved: back into its place.
  void settle_top() {
    EntryIterator* top = heap_.front();
    if (!take_status(*top)) return;
    // Mostly it stays on top: then two comparisons are enough.
    if (top->valid() && stays_on_top()) return show();
    std::pop_heap(heap_.begin(), heap_.end(), later());
    if (top->valid()) {
      std::push_heap(heap_.begin(), heap_.end(), later());
    } else {
      heap_.pop_back();
    }
    show();
  }
  bool stays_on_top() const {
    const auto behind = later();
    for (size_t child = 1; child < std::min<size_t>(heap_.size(), 3); ++child)
      if (behind(heap_[0], heap_[child])) return false;
    return true;
  }

  struct Later {
    bool backward;
    bool operator()(const EntryIterator* a, const EntryIterator* b) const {
      const Entry& x = a->entry();
      const Entry& y = b->entry();
      const int order = compare_entries(x.key, x.sequence, y.key, y.sequence);
      return backward ? order < 0 : order > 0;
    }
  };
  Later later() const { return {backward_}; }

  std::vector<std::unique_ptr<EntryIterator>> sources_;
  std::vector<EntryIterator*> heap_;
  bool backward_ = false;
  Status status_;
};

}  // namespace

std::unique_ptr<EntryIterator> merge_iterators(
    std::vector<std::unique_ptr<EntryIterator>> sources) {
  if (sources.size() == 1) return std::move(sources.front());
  return std::make_unique<MergingIterator>(std::move(sources));
}

}  // namespace kv
