#include "libkv/storage/table/block.h"

#include <algorithm>

#include "libkv/storage/byte_coding.h"
#include "libkv/storage/table/block_builder.h"

namespace kv {

Block::Block(BlockBytes bytes) : bytes_(std::move(bytes)) {
  malformed_ = true;
  if (bytes_.size() < 4 || bytes_.size() > UINT32_MAX) return;
  size_t end = bytes_.size() - 4;
  const auto word = load_word<uint32_t>(bytes_.data() + end);
  const uint32_t count = word & 0xffffff;
  const uint32_t flags = word >> 24;
  if (flags > kBlockHasBuckets) return;
  uint32_t buckets = 0;
  if (flags == kBlockHasBuckets) {
    if (end < 2) return;
    end -= 2;
    buckets = load_word<uint16_t>(bytes_.data() + end);
    if (buckets == 0 || buckets > end) return;
    end -= buckets;
  }
  if (count > end / 4) return;
  entries_end_ = static_cast<uint32_t>(end - size_t{count} * 4);
  if ((count == 0) != (entries_end_ == 0)) return;
  restarts_ = count;
  buckets_ = buckets;
  malformed_ = false;
}

uint32_t Block::restart(uint32_t index) const {
  return load_word<uint32_t>(bytes_.data() + entries_end_ + size_t{index} * 4);
}

/// An entry as it lies there, its key without what it shares with the one before.
struct Block::Parsed {
  size_t shared = 0;
  BytesView suffix;
  BytesView value;
  Sequence sequence = 0;
  EntryKind kind = EntryKind::value;
  uint32_t next = 0;  // Where the entry after it begins.
};

bool Block::parse(uint32_t offset, Parsed* entry) const {
  if (offset >= entries_end_) return false;
  const BytesView bytes = bytes_.view().substr(offset, entries_end_ - offset);
  uint64_t lengths[3];
  ByteReader reader(bytes);
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(bytes[i]); };
  if (bytes.size() > 3 && (byte(0) | byte(1) | byte(2)) < 0x80) {
    for (size_t i = 0; i < 3; ++i) lengths[i] = byte(i);
    reader = ByteReader(bytes.substr(3));
  } else {
    for (uint64_t& length : lengths) length = reader.take_varint();
  }
  const uint64_t tag = reader.take_varint();
  entry->shared = static_cast<size_t>(lengths[0]);
  entry->suffix = reader.take_bytes(lengths[1]);
  entry->value = reader.take_bytes(lengths[2]);
  entry->sequence = tag >> 2;
  entry->kind = static_cast<EntryKind>(tag & 3);
  entry->next = static_cast<uint32_t>(entries_end_ - reader.rest().size());
  return reader.ok() && (tag & 3) <= 1;
}

// The last restart before (key, sequence), or the first.
bool Block::restart_for(BytesView key, Sequence sequence, uint32_t* offset) const {
  uint32_t low = 0;
  uint32_t high = restarts_ - 1;
  Parsed entry;
  while (low < high) {
    const uint32_t middle = high - (high - low) / 2;
    if (!parse(restart(middle), &entry) || entry.shared != 0) return false;
    if (compare_entries(entry.suffix, entry.sequence, key, sequence) < 0) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  *offset = restart(low);
  return true;
}

/// What the key's bucket says. REQUIRES: there are buckets.
uint8_t Block::restart_of(uint64_t key_hash) const {
  const size_t begin = entries_end_ + size_t{restarts_} * 4;
  return static_cast<uint8_t>(bytes_.data()[begin + bucket_of(key_hash, buckets_)]);
}

void Block::prefetch(uint64_t key_hash) const {
  if (buckets_ == 0) return;
  const uint8_t at = restart_of(key_hash);
  if (at < restarts_) __builtin_prefetch(bytes_.data() + restart(at));
}

std::optional<Entry> Block::find(BytesView key, uint64_t key_hash, Sequence sequence,
                                 bool* corrupt) const {
  *corrupt = malformed_;
  if (malformed_ || restarts_ == 0) return std::nullopt;
  uint32_t offset = 0;
  if (buckets_ > 0) {
    const uint8_t restart_of_key = restart_of(key_hash);
    if (restart_of_key == kBucketEmpty) return std::nullopt;
    if (restart_of_key != kBucketOfSeveral) {
      *corrupt = restart_of_key >= restarts_;
      if (*corrupt) return std::nullopt;
      return find_from(restart(restart_of_key), key, sequence, corrupt);
    }
  }
  *corrupt = !restart_for(key, sequence, &offset);
  if (*corrupt) return std::nullopt;
  return find_from(offset, key, sequence, corrupt);
}

// An entry that shares more with the one before than that one does with `key` stands before the key
// as that one did: only the others are compared, behind what is known to be the same.
std::optional<Entry> Block::find_from(uint32_t offset, BytesView key, Sequence sequence,
                                      bool* corrupt) const {
  size_t matched = 0;  // How much of `key` the entry before begins with.
  size_t length = 0;   // Of that entry's key.
  for (Parsed entry; offset < entries_end_; offset = entry.next) {
    *corrupt = !parse(offset, &entry) || entry.shared > length;
    if (*corrupt) return std::nullopt;
    length = entry.shared + entry.suffix.size();
    if (entry.shared > matched) continue;
    matched = entry.shared;
    const BytesView rest = key.substr(matched);
    const size_t limit = std::min(rest.size(), entry.suffix.size());
    size_t same = 0;
    while (same < limit && rest[same] == entry.suffix[same]) ++same;
    matched += same;
    if (same < limit) {
      if (static_cast<unsigned char>(entry.suffix[same]) > static_cast<unsigned char>(rest[same])) {
        return std::nullopt;
      }
      continue;
    }
    if (entry.suffix.size() > rest.size()) return std::nullopt;
    if (length == key.size() && entry.sequence <= sequence) {
      return Entry{key, entry.sequence, entry.kind, entry.value};
    }
  }
  return std::nullopt;
}

Status BlockIterator::status() const {
  if (corrupt_ || block_->malformed_) return fail(ErrorKind::corrupt, "the block does not parse");
  return {};
}

void BlockIterator::refuse() {
  corrupt_ = true;
  current_ = nullptr;
}

bool BlockIterator::decode_at(uint32_t offset) {
  current_ = nullptr;
  if (offset >= block_->entries_end_) return false;
  Block::Parsed parsed;
  if (!block_->parse(offset, &parsed) || parsed.shared > key_.size()) {
    refuse();
    return false;
  }
  key_.resize(parsed.shared);
  key_.append(parsed.suffix);
  entry_ = {key_, parsed.sequence, parsed.kind, parsed.value};
  offset_ = offset;
  next_ = parsed.next;
  current_ = &entry_;
  return true;
}

void BlockIterator::go_to_restart(uint32_t index) {
  key_.clear();
  decode_at(block_->restart(index));
}

void BlockIterator::seek_to_first() {
  current_ = nullptr;
  if (block_->restarts_ > 0) go_to_restart(0);
}

void BlockIterator::seek(BytesView key, Sequence sequence) {
  current_ = nullptr;
  if (block_->restarts_ == 0 || corrupt_) return;
  uint32_t offset = 0;
  if (!block_->restart_for(key, sequence, &offset)) return refuse();
  key_.clear();
  decode_at(offset);
  while (valid() && compare_entries(entry_.key, entry_.sequence, key, sequence) < 0) next();
}

void BlockIterator::next() {
  decode_at(next_);
}

void BlockIterator::walk_to_last_below(uint32_t end_offset) {
  while (valid() && next_ < end_offset) decode_at(next_);
}

void BlockIterator::seek_to_last() {
  current_ = nullptr;
  if (block_->restarts_ == 0 || corrupt_) return;
  go_to_restart(block_->restarts_ - 1);
  walk_to_last_below(block_->entries_end_);
}

void BlockIterator::seek_before(BytesView key) {
  seek(key, kNewest);
  if (corrupt_) return;
  if (valid()) {
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
  current_ = nullptr;
  if (here == 0) return;
  go_to_restart(low);
  walk_to_last_below(here);
  if (valid() && offset_ >= here) refuse();
}

}  // namespace kv
