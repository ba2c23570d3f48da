// An entry in a memtable's arena, with the older versions of its key chained behind it:
//
//   newest ──▶ older ──▶ oldest
//
//   entry := [older (8), if there is one] word (8) | sizes (8) | key | value
//
// Immutable once made, so any thread that was given a pointer by a release store may follow it.
#pragma once

#include <cstring>

#include "libkv/storage/entry.h"
#include "libkv/storage/memory/arena.h"

namespace kv {

class ChainedEntry {
 public:
  /// Copies `entry` into the arena, in front of `older`, which may be null.
  static const ChainedEntry* create(Arena& arena, const Entry& entry, const ChainedEntry* older);

  BytesView key() const { return {bytes(), key_bytes_}; }
  /// Has the key in the cache soon, if it is not of the longest.
  void prefetch() const {
    __builtin_prefetch(this);
    __builtin_prefetch(bytes() + 31);
  }
  Sequence sequence() const { return word_ >> 2; }
  const ChainedEntry* older() const {
    if ((word_ & kHasOlder) == 0) return nullptr;
    const ChainedEntry* older;
    std::memcpy(&older, reinterpret_cast<const char*>(this) - sizeof(older), sizeof(older));
    return older;
  }
  Entry entry() const {
    return {key(), sequence(), static_cast<EntryKind>(word_ & kKindMask),
            BytesView(bytes() + key_bytes_, value_bytes_)};
  }

 private:
  // A sequence has 62 bits (entry.h): the two below it are free.
  static constexpr uint64_t kKindMask = 1;
  static constexpr uint64_t kHasOlder = 2;

  ChainedEntry(const Entry& entry, const ChainedEntry* older)
      : word_(entry.sequence << 2 | (older != nullptr ? kHasOlder : 0) |
              static_cast<uint64_t>(entry.kind)),
        key_bytes_(static_cast<uint32_t>(entry.key.size())),
        value_bytes_(static_cast<uint32_t>(entry.value.size())) {}
  const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }

  uint64_t word_;
  uint32_t key_bytes_;
  uint32_t value_bytes_;
};

}  // namespace kv
