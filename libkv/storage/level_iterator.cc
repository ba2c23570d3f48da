#include "libkv/storage/level_iterator.h"

#include <algorithm>

namespace kv {

namespace {

class LevelIterator final : public EntryIterator {
 public:
  LevelIterator(TableCache& cache, std::vector<TablePtr> tables, ReadMode mode)
      : cache_(cache), tables_(std::move(tables)), mode_(mode) {}

  bool valid() const override { return table_ != nullptr && table_->valid(); }
  const Entry& entry() const override { return table_->entry(); }
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
    skip_forward();
  }
  void prev() override {
    table_->prev();
    skip_backward();
  }

 private:
  /// An index before the first wraps round to one behind the last: both mean the end.
  bool open(size_t index) {
    table_.reset();
    index_ = index;
    if (index >= tables_.size() || !status_) return false;
    auto reader = cache_.open(tables_[index]->info());
    if (!reader) {
      status_ = fail(reader.error());
      return false;
    }
    table_ = (*reader)->iterator(mode_);
    return true;
  }
  bool is_sound() {
    status_ = table_->status();
    if (!status_) table_.reset();
    return bool(status_);
  }
  void skip_forward() {
    while (table_ != nullptr && !table_->valid() && is_sound())
      if (open(index_ + 1)) table_->seek_to_first();
  }
  void skip_backward() {
    while (table_ != nullptr && !table_->valid() && is_sound())
      if (open(index_ - 1)) table_->seek_to_last();
  }

  TableCache& cache_;
  const std::vector<TablePtr> tables_;
  const ReadMode mode_;
  size_t index_ = 0;
  std::unique_ptr<EntryIterator> table_;
  Status status_;
};

}  // namespace

std::unique_ptr<EntryIterator> iterate_level(TableCache& cache, std::vector<TablePtr> tables,
                                             ReadMode mode) {
  return std::make_unique<LevelIterator>(cache, std::move(tables), mode);
}

}  // namespace kv
