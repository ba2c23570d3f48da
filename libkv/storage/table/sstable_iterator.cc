#include "libkv/storage/table/sstable_iterator.h"

namespace kv {

void SstableIterator::seek(BytesView key, Sequence sequence) {
  if (!status_) return;
  backward_ = false;
  if (open_section(table_->section_for(key, sequence), true)) {
    block_ = section_->block_for(key, sequence);
    if (open_block()) data_->seek(key, sequence);
  }
  skip();
}

void SstableIterator::seek_to_first() {
  if (!status_) return;
  backward_ = false;
  if (open_section(0, false)) enter_block();
  skip();
}

void SstableIterator::seek_before(BytesView key) {
  if (!status_) return;
  backward_ = true;
  if (open_section(table_->section_for(key, kNewest), true)) {
    const size_t block = section_->block_for(key, kNewest);
    // Behind the last block's last key: the last entry of all is the one.
    if (block < section_->blocks()) block_ = block;
    if (open_block()) data_->seek_before(key);
  }
  skip();
}

void SstableIterator::seek_to_last() {
  if (!status_) return;
  backward_ = true;
  if (open_section(table_->sections() - 1, false)) enter_block();
  skip();
}

void SstableIterator::next() {
  data_->next();
  if (data_->valid()) return;
  backward_ = false;
  skip();
}

void SstableIterator::prev() {
  data_->prev();
  if (data_->valid()) return;
  backward_ = true;
  skip();
}

/// Past the block that is corrupt, or the whole section if that is.
bool SstableIterator::pass_over() {
  if (status_ || status_.error().kind != ErrorKind::corrupt) return false;
  status_ = {};
  if (step()) enter_block();
  skip();
  return true;
}

/// On its first block, or backward on its last.
bool SstableIterator::open_section(size_t number, bool sought) {
  data_.reset();
  section_.reset();
  number_ = number;
  if (number >= table_->sections()) return false;
  auto section = sections_ ? sections_(number, sought) : table_->load(number);
  if (!section) {
    status_ = fail(section.error());
    return false;
  }
  section_ = std::move(*section);
  block_ = backward_ ? section_->blocks() - 1 : 0;
  return true;
}

/// To the next block; false: there is none, or its section cannot be read.
bool SstableIterator::step() {
  const size_t last = section_ == nullptr || backward_ ? 0 : section_->blocks() - 1;
  if (section_ == nullptr || block_ == last)
    return open_section(backward_ ? number_ - 1 : number_ + 1, false);
  backward_ ? --block_ : ++block_;
  return true;
}

bool SstableIterator::open_block() {
  data_.reset();
  if (block_ >= section_->blocks()) return false;
  auto read = section_->read_block(block_, mode_);
  if (!read) {
    status_ = fail(read.error());
    return false;
  }
  table_->blocks().counters().add({.cache_hits = read->from_cache});
  data_.emplace(std::move(read->block));
  return true;
}

void SstableIterator::enter_block() {
  if (open_block()) backward_ ? data_->seek_to_last() : data_->seek_to_first();
}

bool SstableIterator::is_sound() {
  const Status status = data_->status();
  if (!status) {
    status_ = fail(table_->blocks().located(status.error()));
    data_.reset();
  }
  return status.has_value();
}

void SstableIterator::skip() {
  while (data_ && is_sound() && !data_->valid()) {
    data_.reset();
    if (step()) enter_block();
  }
  current_ = data_ && data_->valid() ? &data_->entry() : nullptr;
}

}  // namespace kv
