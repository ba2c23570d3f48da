#include "libkv/storage/block.h"

#include "libkv/storage/byte_coding.h"

namespace kv {

Block::Block(std::string bytes) : bytes_(std::move(bytes)) {
  malformed_ = true;
  if (bytes_.size() < 4 || bytes_.size() > UINT32_MAX) return;
  const auto count = load_word<uint32_t>(bytes_.data() + bytes_.size() - 4);
  if (count > (bytes_.size() - 4) / 4) return;
  entries_end_ = static_cast<uint32_t>(bytes_.size() - 4 - size_t{count} * 4);
  if ((count == 0) != (entries_end_ == 0)) return;
  restarts_ = count;
  malformed_ = false;
}

uint32_t Block::restart(uint32_t index) const {
  return load_word<uint32_t>(bytes_.data() + entries_end_ + size_t{index} * 4);
}

Status BlockIterator::status() const {
  if (corrupt_ || block_->malformed_) return fail(ErrorKind::corrupt, "the block does not parse");
  return {};
}

void BlockIterator::refuse() {
  corrupt_ = true;
  valid_ = false;
}

bool BlockIterator::decode_at(uint32_t offset) {
  valid_ = false;
  if (offset >= block_->entries_end_) return false;
  const BytesView entries = BytesView(block_->bytes_).substr(0, block_->entries_end_);
  ByteReader reader(entries.substr(offset));
  const uint64_t shared = reader.take_varint();
  const uint64_t unshared = reader.take_varint();
  const uint64_t value_bytes = reader.take_varint();
  const uint64_t tag = reader.take_varint();
  const BytesView suffix = reader.take_bytes(unshared);
  const BytesView value = reader.take_bytes(value_bytes);
  if (!reader.ok() || shared > key_.size() || (tag & 3) > 1) {
    refuse();
    return false;
  }
  key_.resize(static_cast<size_t>(shared));
  key_.append(suffix);
  entry_ = {key_, tag >> 2, static_cast<EntryKind>(tag & 3), value};
  offset_ = offset;
  next_ = static_cast<uint32_t>(entries.size() - reader.rest().size());
  valid_ = true;
  return true;
}

void BlockIterator::go_to_restart(uint32_t index) {
  key_.clear();
  decode_at(block_->restart(index));
}

void BlockIterator::seek_to_first() {
  valid_ = false;
  if (block_->restarts_ > 0) go_to_restart(0);
}

uint32_t BlockIterator::last_restart_before(BytesView key, Sequence sequence) {
  uint32_t low = 0;
  uint32_t high = block_->restarts_ - 1;
  while (low < high) {
    const uint32_t middle = high - (high - low) / 2;
    go_to_restart(middle);
    if (!valid_) return 0;
    if (compare_entries(entry_.key, entry_.sequence, key, sequence) < 0) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

void BlockIterator::seek(BytesView key, Sequence sequence) {
  valid_ = false;
  if (block_->restarts_ == 0 || corrupt_) return;
  go_to_restart(last_restart_before(key, sequence));
  while (valid_ && compare_entries(entry_.key, entry_.sequence, key, sequence) < 0) next();
}

void BlockIterator::next() {
  decode_at(next_);
}

void BlockIterator::walk_to_last_below(uint32_t end_offset) {
  while (valid_ && next_ < end_offset) decode_at(next_);
}

void BlockIterator::seek_to_last() {
  valid_ = false;
  if (block_->restarts_ == 0 || corrupt_) return;
  go_to_restart(block_->restarts_ - 1);
  walk_to_last_below(block_->entries_end_);
}

void BlockIterator::seek_before(BytesView key) {
  seek(key, kNewest);
  if (corrupt_) return;
  if (valid_) {
    prev();
  } else {
    seek_to_last();
  }
}

void BlockIterator::prev() {
  const uint32_t here = offset_;
  uint32_t low = 0;
  uint32_t high = block_->restarts_;
  // The last restart that lies before the current entry.
  while (high - low > 1) {
    const uint32_t middle = low + (high - low) / 2;
    if (block_->restart(middle) < here) {
      low = middle;
    } else {
      high = middle;
    }
  }
  valid_ = false;
  if (here == 0) return;
  go_to_restart(low);
  walk_to_last_below(here);
  if (valid_ && offset_ >= here) refuse();
}

}  // namespace kv
