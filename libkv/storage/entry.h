// One stored version of a key, and the interface by which memtables, blocks, tables and their
// merge are walked. Order everywhere: by key, and of one key the newest (highest sequence) first.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "libkv/base/bytes.h"
#include "libkv/base/result.h"
#include "libkv/storage/byte_coding.h"
#include "libkv/storage/engine.h"

namespace kv {

/// On disk: never change.
enum class EntryKind : uint8_t { removal = 0, value = 1 };

struct Entry {
  BytesView key;
  Sequence sequence = 0;
  EntryKind kind = EntryKind::value;
  BytesView value;
};

/// Sorts before every version of a key.
inline constexpr Sequence kNewest = ~Sequence{0};
/// Sequences fit in 62 bits, so that an entry's kind rides in the same varint.
inline constexpr Sequence kSequenceMax = ~Sequence{0} >> 2;

/// Negative, zero or positive as `a` stands before, at or after `b`. Keys mostly differ within a
/// few words, which a call of memcmp() would cost more than.
inline int compare_keys(BytesView a, BytesView b) {
  const size_t shorter = std::min(a.size(), b.size());
  if (shorter < 8) return a.compare(b);
  for (size_t at = 0; at < shorter; at += 8) {
    at = std::min(at, shorter - 8);  // The last word may overlap the one before.
    const uint64_t x = load_comparable(a.data() + at), y = load_comparable(b.data() + at);
    if (x != y) return x < y ? -1 : 1;
  }
  return a.size() < b.size() ? -1 : (a.size() > b.size() ? 1 : 0);
}

/// A part of a key as a number of the same order; a key that ends within it is filled up with
/// zeros, so equal slices decide nothing.
inline uint64_t key_slice(BytesView key, size_t offset) {
  if (key.size() >= offset + 8) return load_comparable(key.data() + offset);
  char slice[8] = {};
  if (key.size() > offset) std::memcpy(slice, key.data() + offset, key.size() - offset);
  return load_comparable(slice);
}

/// How many bytes two keys have in common at their beginning, `limit` at most.
inline size_t common_prefix(BytesView a, BytesView b, size_t limit = BytesView::npos) {
  limit = std::min({limit, a.size(), b.size()});
  size_t at = 0;
  for (; at + 8 <= limit; at += 8) {
    uint64_t x, y;
    std::memcpy(&x, a.data() + at, 8);
    std::memcpy(&y, b.data() + at, 8);
    if (x != y) break;
  }
  while (at < limit && a[at] == b[at]) ++at;
  return at;
}

/// Negative, zero or positive as (key, sequence) `a` stands before, at or after `b`.
inline int compare_entries(BytesView key_a, Sequence sequence_a, BytesView key_b,
                           Sequence sequence_b) {
  const int by_key = compare_keys(key_a, key_b);
  if (by_key != 0) return by_key;
  return sequence_a > sequence_b ? -1 : (sequence_a < sequence_b ? 1 : 0);
}

/// Walks entries in order. Not thread-safe. Views of entry() live until the next move. A failed
/// read makes it invalid with status() telling why; it then stays so.
///
/// Walks stand on walks (a merge on levels, a level on tables, a table on blocks), so where one
/// stands is a plain pointer to the entry below: only moves are virtual calls.
class EntryIterator {
 public:
  virtual ~EntryIterator() = default;
  bool valid() const { return current_ != nullptr; }
  const Entry& entry() const { return *current_; }  ///< REQUIRES: valid().
  /// To the first entry at or after (key, sequence).
  virtual void seek(BytesView key, Sequence sequence) = 0;
  virtual void seek_to_first() = 0;
  /// To the last entry whose key is below `key`.
  virtual void seek_before(BytesView key) = 0;
  virtual void seek_to_last() = 0;
  virtual void next() = 0;  ///< REQUIRES: valid().
  virtual void prev() = 0;  ///< REQUIRES: valid().
  virtual Status status() const = 0;
  /// After `corrupt`: goes on behind the block that cannot be read. False if there is no going on.
  virtual bool pass_over() { return false; }

 protected:
  const Entry* current_ = nullptr;  ///< Null: it stands nowhere.
};

}  // namespace kv
