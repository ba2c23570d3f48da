#include "libkv/storage/block_cache.h"

namespace kv {

BlockCache::BlockCache(uint64_t capacity_bytes) : shard_capacity_(capacity_bytes / kShards) {}

size_t BlockCache::KeyHash::operator()(const Key& key) const {
  uint64_t mixed = (key.table * 0x9e3779b97f4a7c15u) ^ key.offset;
  mixed = (mixed ^ (mixed >> 32)) * 0xd6e8feb86659fd93u;
  return static_cast<size_t>(mixed ^ (mixed >> 32));
}

BlockCache::Shard& BlockCache::shard_of(Key key) {
  return shards_[(KeyHash()(key) >> 59) % kShards];
}

std::shared_ptr<const Block> BlockCache::find(Key key) {
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.by_key.find(key);
  if (found == shard.by_key.end()) return nullptr;
  const List::iterator slot = found->second;
  if (slot->is_protected) {
    shard.protected_list.splice(shard.protected_list.begin(), shard.protected_list, slot);
  } else {
    protect(shard, slot);
  }
  return slot->block;
}

void BlockCache::protect(Shard& shard, List::iterator slot) const {
  shard.protected_list.splice(shard.protected_list.begin(), shard.probation, slot);
  slot->is_protected = true;
  shard.probation_bytes -= slot->bytes;
  shard.protected_bytes += slot->bytes;
  // A quarter stays for newcomers, else none could ever prove itself.
  while (shard.protected_bytes > shard_capacity_ / 4 * 3 && shard.protected_list.size() > 1) {
    const auto oldest = std::prev(shard.protected_list.end());
    oldest->is_protected = false;
    shard.protected_bytes -= oldest->bytes;
    shard.probation_bytes += oldest->bytes;
    shard.probation.splice(shard.probation.begin(), shard.protected_list, oldest);
  }
}

void BlockCache::insert(Key key, std::shared_ptr<const Block> block) {
  const size_t bytes = block->memory_bytes();
  if (bytes > shard_capacity_) return;
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  if (shard.by_key.count(key) != 0) return;
  shard.probation.push_front({key, std::move(block), bytes, false});
  shard.probation_bytes += bytes;
  shard.by_key[key] = shard.probation.begin();
  evict(shard);
}

void BlockCache::evict(Shard& shard) const {
  while (shard.probation_bytes + shard.protected_bytes > shard_capacity_) {
    const bool from_probation = !shard.probation.empty();
    List& list = from_probation ? shard.probation : shard.protected_list;
    uint64_t& list_bytes = from_probation ? shard.probation_bytes : shard.protected_bytes;
    list_bytes -= list.back().bytes;
    shard.by_key.erase(list.back().key);
    list.pop_back();
  }
}

uint64_t BlockCache::memory_bytes() const {
  uint64_t bytes = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    bytes += shard.probation_bytes + shard.protected_bytes;
  }
  return bytes;
}

}  // namespace kv
