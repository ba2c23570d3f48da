#include "libkv/storage/table/table_index.h"

#include <algorithm>

#include "libkv/storage/table/block.h"
#include "libkv/storage/table/table_format.h"

namespace kv {

namespace {

constexpr size_t kRunMax = 16;
/// So many bytes more that neighbours share are worth a run.
constexpr uint32_t kRunGain = 32;

/// Where the run that begins at `first` ends: where it is long enough, or more is shared before or
/// behind a block than with the one before it. `shared`: with the one before, of each block.
size_t end_of_run(const std::vector<uint32_t>& shared, size_t first) {
  const size_t most = std::min(first + kRunMax, shared.size());
  for (size_t block = first + 1; block < most; ++block) {
    const uint32_t before = block == first + 1 ? 0 : shared[block - 1];
    const uint32_t behind = block + 1 < shared.size() ? shared[block + 1] : 0;
    if (shared[block] + kRunGain < std::max(before, behind)) return block;
  }
  return most;
}

}  // namespace

Result<TableIndex> TableIndex::parse(std::shared_ptr<const Block> block) {
  TableIndex index;
  BlockIterator entries(std::move(block));
  std::vector<uint32_t> shared;
  KV_TRY(index.take_handles(entries, &shared));
  index.take_keys(entries, shared);
  return index;
}

/// Where the blocks are, and what all keys have in common: they ascend, so what the first and the
/// last share, all do.
Status TableIndex::take_handles(BlockIterator& entries, std::vector<uint32_t>* shared) {
  std::string first, last;
  for (entries.seek_to_first(); entries.valid(); entries.next()) {
    const Entry& entry = entries.entry();
    const bool ascends =
        handles_.empty() || compare_entries(last, sequences_.back(), entry.key, entry.sequence) < 0;
    if (!ascends) return fail(ErrorKind::corrupt, "the index is not in order");
    if (handles_.empty()) first = entry.key;
    shared->push_back(static_cast<uint32_t>(common_prefix(last, entry.key)));
    last = entry.key;
    sequences_.push_back(entry.sequence);
    KV_ASSIGN(const BlockHandle handle, decode_block_handle(entry.value));
    handles_.push_back(handle);
  }
  KV_TRY(entries.status());
  sequences_.shrink_to_fit();
  handles_.shrink_to_fit();
  common_ = first.substr(0, common_prefix(first, last));
  return {};
}

void TableIndex::take_keys(BlockIterator& entries, const std::vector<uint32_t>& shared) {
  heads_.reserve(blocks());
  key_ends_.reserve(blocks());
  run_of_.reserve(blocks());
  size_t run_end = 0, prefix = 0;
  for (entries.seek_to_first(); entries.valid(); entries.next()) {
    const BytesView rest = entries.entry().key.substr(common_.size());
    const size_t block = heads_.size();
    if (block == run_end) {
      run_end = end_of_run(shared, block);
      // Keys ascend: what each shares with the one before, all do.
      const auto least = std::min_element(shared.begin() + static_cast<ptrdiff_t>(block) + 1,
                                          shared.begin() + static_cast<ptrdiff_t>(run_end));
      prefix = run_end == block + 1 ? 0 : *least - common_.size();
      const auto begin = static_cast<uint32_t>(keys_.size());
      keys_.append(rest.substr(0, prefix));
      runs_.push_back({static_cast<uint32_t>(block), begin, static_cast<uint32_t>(keys_.size())});
    }
    heads_.push_back(key_slice(rest, 0));
    keys_.append(rest.substr(prefix));
    key_ends_.push_back(static_cast<uint32_t>(keys_.size()));
    run_of_.push_back(static_cast<uint32_t>(runs_.size() - 1));
  }
  keys_.shrink_to_fit();
  runs_.shrink_to_fit();
}

/// Whether the block's last entry is before (rest, sequence); `rest` is behind the common prefix.
bool TableIndex::is_before(size_t block, BytesView rest, Sequence sequence) const {
  const Run& run = runs_[run_of_[block]];
  const BytesView prefix = between(run.prefix_begin, run.prefix_end);
  const int order = rest.substr(0, prefix.size()).compare(prefix);
  if (order != 0) return order > 0;
  const size_t begin = block == run.first ? run.prefix_end : key_ends_[block - 1];
  return compare_entries(between(begin, key_ends_[block]), sequences_[block],
                         rest.substr(prefix.size()), sequence) < 0;
}

size_t TableIndex::find(BytesView key, Sequence sequence) const {
  const BytesView begin = key.substr(0, common_.size());
  if (begin != common_) return begin < BytesView(common_) ? 0 : blocks();
  const BytesView rest = key.substr(common_.size());
  const uint64_t head = key_slice(rest, 0);
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
  return sizeof(*this) + common_.capacity() + keys_.capacity() + runs_.capacity() * sizeof(Run) +
         (run_of_.capacity() + key_ends_.capacity()) * sizeof(uint32_t) +
         heads_.capacity() * sizeof(uint64_t) + sequences_.capacity() * sizeof(Sequence) +
         handles_.capacity() * sizeof(BlockHandle);
}

}  // namespace kv
