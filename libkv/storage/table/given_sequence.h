// The entries of a table that was ingested (ingest_writer.h): in its file they all have one low
// sequence, and to whoever walks it the one that the manifest gives them.
#pragma once

#include <memory>
#include <utility>

#include "libkv/storage/entry.h"

namespace kv {

/// REQUIRES: no key of `entries` has two versions. Not thread-safe.
class GivenSequenceIterator final : public EntryIterator {
 public:
  GivenSequenceIterator(std::unique_ptr<EntryIterator> entries, Sequence given)
      : entries_(std::move(entries)), given_(given) {}

  void seek(BytesView key, Sequence sequence) override {
    entries_->seek(key, sequence >= given_ ? kNewest : 0);
    show();
  }
  void seek_to_first() override {
    entries_->seek_to_first();
    show();
  }
  void seek_before(BytesView key) override {
    entries_->seek_before(key);
    show();
  }
  void seek_to_last() override {
    entries_->seek_to_last();
    show();
  }
  void next() override {
    entries_->next();
    show();
  }
  void prev() override {
    entries_->prev();
    show();
  }
  Status status() const override { return entries_->status(); }
  bool pass_over() override {
    const bool goes_on = entries_->pass_over();
    show();
    return goes_on;
  }

 private:
  void show() {
    current_ = nullptr;
    if (!entries_->valid()) return;
    entry_ = entries_->entry();
    entry_.sequence = given_;
    current_ = &entry_;
  }

  const std::unique_ptr<EntryIterator> entries_;
  const Sequence given_;
  Entry entry_;
};

}  // namespace kv
