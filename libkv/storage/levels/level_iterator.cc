#include "libkv/storage/levels/level_iterator.h"

#include <algorithm>

namespace kv {

namespace {

class LevelIterator final : public EntryIterator {
 public:
  LevelIterator(TableCache& cache, std::span<const TablePtr> tables, const KeyRange* range,
                ReadMode mode)
      : cache_(cache), tables_(tables), range_(range), mode_(mode) {}

  Status status() const override { return status_; }

  void seek(BytesView key, Sequence sequence) override {
    const auto at = std::lower_bound(
        tables_.begin(), tables_.end(), key,
        [](const TablePtr& table, BytesView k) { return table->info().last_key < k; });
    if (open(static_cast<size_t>(at - tables_.begin()))) table_->seek(key, sequence);
    skip_forward();
  }
  void seek_to_first() override {
    if (open(0)) table_->seek_to_first();
    skip_forward();
  }
  void seek_before(BytesView key) override {
    const auto at = std::lower_bound(
        tables_.begin(), tables_.end(), key,
        [](const TablePtr& table, BytesView k) { return table->info().first_key < k; });
    if (open(static_cast<size_t>(at - tables_.begin()) - 1)) table_->seek_before(key);
    skip_backward();
  }
  void seek_to_last() override {
    if (open(tables_.size() - 1)) table_->seek_to_last();
    skip_backward();
  }
  void next() override {
    table_->next();
    if (!table_->valid()) skip_forward();
  }
  void prev() override {
    table_->prev();
    if (!table_->valid()) skip_backward();
  }
  bool pass_over() override {
    if (status_ || status_.error().kind != ErrorKind::corrupt) return false;
    status_ = {};
    const bool within = table_ != nullptr && table_->pass_over();
    if (!within && open(backward_ ? index_ - 1 : index_ + 1)) {
      backward_ ? table_->seek_to_last() : table_->seek_to_first();
    }
    backward_ ? skip_backward() : skip_forward();
    return true;
  }

 private:
  /// Holds nothing of the range: what ails it must not matter.
  bool is_behind(const TableFile& table) const {
    if (range_ == nullptr) return false;
    return (!range_->to.empty() && table.info().first_key >= range_->to) ||
           table.info().last_key < range_->from;
  }
  /// An index before the first wraps round to one behind the last: both mean the end.
  bool open(size_t index) {
    table_.reset();
    index_ = index;
    if (index >= tables_.size() || is_behind(*tables_[index]) || !status_) return false;
    auto table = cache_.iterate(*tables_[index], mode_);
    if (!table) {
      status_ = fail(table.error());
      return false;
    }
    table_ = std::move(*table);
    return true;
  }
  bool is_sound() {
    status_ = table_->status();
    return status_.has_value();
  }
  void skip_forward() {
    backward_ = false;
    while (table_ != nullptr && !table_->valid() && is_sound())
      if (open(index_ + 1)) table_->seek_to_first();
    show();
  }
  void skip_backward() {
    backward_ = true;
    while (table_ != nullptr && !table_->valid() && is_sound())
      if (open(index_ - 1)) table_->seek_to_last();
    show();
  }
  /// A table's walk stands on one and the same entry for as long as it stands anywhere.
  void show() {
    current_ = status_ && table_ != nullptr && table_->valid() ? &table_->entry() : nullptr;
  }

  TableCache& cache_;
  const std::span<const TablePtr> tables_;
  const KeyRange* const range_;
  const ReadMode mode_;
  size_t index_ = 0;
  bool backward_ = false;
  std::unique_ptr<EntryIterator> table_;
  Status status_;
};

}  // namespace

std::unique_ptr<EntryIterator> iterate_level(TableCache& cache, std::span<const TablePtr> tables,
                                             ReadMode mode, const KeyRange* range) {
  return std::make_unique<LevelIterator>(cache, tables, range, mode);
}

}  // namespace kv
