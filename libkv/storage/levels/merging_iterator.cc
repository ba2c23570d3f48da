#include "libkv/storage/levels/merging_iterator.h"

#include <algorithm>

#include "libkv/base/planted.h"

namespace kv {

namespace {

/// The valid sources in the order of their entries: there are few of them, and mostly the first
/// stays the first.
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
    ranks_.front()->next();
    settle_first();
  }
  void prev() override {
    ranks_.front()->prev();
    settle_first();
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
    ranks_.clear();
    current_ = nullptr;
    if (!status_) return;
    for (const auto& source : sources_) position(*source);
    gather();
  }

  /// Ranks the sources where they stand.
  void gather() {
    ranks_.clear();
    current_ = nullptr;
    for (const auto& source : sources_) {
      if (!take_status(*source)) return;
      if (source->valid()) ranks_.push_back(source.get());
    }
    std::sort(ranks_.begin(), ranks_.end(),
              [this](const auto* x, const auto* y) { return is_before(*x, *y); });
    show();
  }
  void show() { current_ = ranks_.empty() ? nullptr : &ranks_.front()->entry(); }

  bool take_status(const EntryIterator& source) {
    if (source.valid() || KV_PLANTED(error_ends_a_source)) return true;
    status_ = source.status();
    if (status_) return true;
    ranks_.clear();
    current_ = nullptr;
    return false;
  }

  /// The first has moved: to its new place.
  void settle_first() {
    EntryIterator* const moved = ranks_.front();
    if (!take_status(*moved)) return;
    if (!moved->valid()) {
      ranks_.erase(ranks_.begin());
      return show();
    }
    size_t place = 0;
    for (; place + 1 < ranks_.size() && is_before(*ranks_[place + 1], *moved); ++place)
      ranks_[place] = ranks_[place + 1];
    ranks_[place] = moved;
    show();
  }

  bool is_before(const EntryIterator& a, const EntryIterator& b) const {
    const Entry& x = a.entry();
    const Entry& y = b.entry();
    const int order = compare_entries(x.key, x.sequence, y.key, y.sequence);
    return backward_ ? order > 0 : order < 0;
  }

  std::vector<std::unique_ptr<EntryIterator>> sources_;
  std::vector<EntryIterator*> ranks_;  // In the order of their entries.
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
