#include "libkv/storage/table/table_index.h"

#include <algorithm>
#include <cstring>

#include "libkv/storage/byte_coding.h"
#include "libkv/storage/table/block.h"
#include "libkv/storage/table/table_format.h"

namespace kv {

namespace {

uint64_t head_of(BytesView key) {
  char head[8] = {};
  std::memcpy(head, key.data(), std::min(key.size(), sizeof(head)));
  return load_comparable(head);
}

size_t shared_prefix(BytesView a, BytesView b) {
  const size_t limit = std::min(a.size(), b.size());
  size_t shared = 0;
  while (shared < limit && a[shared] == b[shared]) ++shared;
  return shared;
}

}  // namespace

Result<TableIndex> TableIndex::parse(std::shared_ptr<const Block> block) {
  TableIndex index;
  BlockIterator entries(std::move(block));
  KV_TRY(index.take_handles(entries));
  index.take_keys(entries);
  return index;
}

/// Where the blocks are, and what all keys have in common: they ascend, so what the first and the
/// last share, all do.
Status TableIndex::take_handles(BlockIterator& entries) {
  std::string first, last;
  for (entries.seek_to_first(); entries.valid(); entries.next()) {
    const Entry& entry = entries.entry();
    const bool ascends =
        handles_.empty() || compare_entries(last, sequences_.back(), entry.key, entry.sequence) < 0;
    if (!ascends) return fail(ErrorKind::corrupt, "the index is not in order");
    if (handles_.empty()) first = entry.key;
    last = entry.key;
    sequences_.push_back(entry.sequence);
    KV_ASSIGN(const BlockHandle handle, decode_block_handle(entry.value));
    handles_.push_back(handle);
  }
  KV_TRY(entries.status());
  sequences_.shrink_to_fit();
  handles_.shrink_to_fit();
  common_ = first.substr(0, shared_prefix(first, last));
  return {};
}

void TableIndex::take_keys(BlockIterator& entries) {
  heads_.reserve(blocks());
  key_ends_.reserve(blocks());
  for (entries.seek_to_first(); entries.valid(); entries.next()) {
    const BytesView rest = entries.entry().key.substr(common_.size());
    heads_.push_back(head_of(rest));
    keys_.append(rest);
    key_ends_.push_back(static_cast<uint32_t>(keys_.size()));
  }
  keys_.shrink_to_fit();
}

BytesView TableIndex::key(size_t block) const {
  const size_t begin = block == 0 ? 0 : key_ends_[block - 1];
  return BytesView(keys_).substr(begin, key_ends_[block] - begin);
}

bool TableIndex::is_before(size_t block, BytesView rest, Sequence sequence) const {
  return compare_entries(key(block), sequences_[block], rest, sequence) < 0;
}

size_t TableIndex::find(BytesView key, Sequence sequence) const {
  const BytesView begin = key.substr(0, common_.size());
  if (begin != common_) return begin < BytesView(common_) ? 0 : blocks();
  const BytesView rest = key.substr(common_.size());
  const uint64_t head = head_of(rest);
  const auto at = std::lower_bound(heads_.begin(), heads_.end(), head);
  auto low = static_cast<size_t>(at - heads_.begin());
  if (at == heads_.end() || *at != head) return low;
  // Keys with this very head: mostly one.
  auto high = static_cast<size_t>(std::upper_bound(at, heads_.end(), head) - heads_.begin());
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (is_before(middle, rest, sequence)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

size_t TableIndex::memory_bytes() const {
  return sizeof(*this) + common_.capacity() + keys_.capacity() +
         key_ends_.capacity() * sizeof(uint32_t) + heads_.capacity() * sizeof(uint64_t) +
         sequences_.capacity() * sizeof(Sequence) + handles_.capacity() * sizeof(BlockHandle);
}

}  // namespace kv
