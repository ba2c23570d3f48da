#include "libkv/storage/memtable/chained_entry.h"

#include <limits>
#include <new>

#include "libkv/base/assert.h"

namespace kv {

const ChainedEntry* ChainedEntry::create(Arena& arena, const Entry& entry,
                                         const ChainedEntry* older) {
  constexpr size_t kBytesMax = std::numeric_limits<uint32_t>::max();
  KV_ASSERT(entry.key.size() <= kBytesMax && entry.value.size() <= kBytesMax);
  const size_t before = older != nullptr ? sizeof(older) : 0;
  char* memory =
      arena.allocate(before + sizeof(ChainedEntry) + entry.key.size() + entry.value.size());
  std::memcpy(memory, &older, before);
  const auto* made = new (memory + before) ChainedEntry(entry, older);
  char* bytes = memory + before + sizeof(ChainedEntry);
  if (!entry.key.empty()) std::memcpy(bytes, entry.key.data(), entry.key.size());
  if (!entry.value.empty())
    std::memcpy(bytes + entry.key.size(), entry.value.data(), entry.value.size());
  return made;
}

}  // namespace kv
