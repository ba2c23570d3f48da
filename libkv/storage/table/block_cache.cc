#include "libkv/storage/table/block_cache.h"

#include <algorithm>
#include <utility>

#include "libkv/base/planted.h"

namespace kv {

namespace {

constexpr size_t kSlotsAtFirst = 64;
constexpr uint8_t kAskedMax = 3;
/// What a block takes beside itself: slots, of which up to three stand for one, its names in the
/// queues, and what the allocator keeps for it.
constexpr size_t kBytesBeside = 200;

uint64_t hash_of(BlockCache::Key key) {
  uint64_t mixed = (key.table * 0x9e3779b97f4a7c15u) ^ key.offset;
  mixed = (mixed ^ (mixed >> 32)) * 0xd6e8feb86659fd93u;
  return mixed ^ (mixed >> 32);
}

}  // namespace

BlockCache::BlockCache(uint64_t capacity_bytes) : shard_capacity_(capacity_bytes / kShards) {}

void BlockCache::resize(uint64_t capacity_bytes) {
  const uint64_t before = shard_capacity_.exchange(capacity_bytes / kShards);
  if (capacity_bytes / kShards >= before) return;
  for (Shard& shard : shards_) shard.resize(capacity_bytes / kShards);
}

std::shared_ptr<const Block> BlockCache::find(Key key) {
  const uint64_t hash = hash_of(key);
  return shards_[(hash >> 59) % kShards].find(key, hash);
}

void BlockCache::prefetch(Key key) {
  const uint64_t hash = hash_of(key);
  shards_[(hash >> 59) % kShards].prefetch(hash);
}

void BlockCache::insert(Key key, std::shared_ptr<const Block> block, Source source) {
  if (block->memory_bytes() + kBytesBeside > shard_capacity_.load()) return;
  const uint64_t hash = hash_of(key);
  shards_[(hash >> 59) % kShards].insert(key, hash, std::move(block), source, shard_capacity_);
}

uint64_t BlockCache::memory_bytes() const {
  uint64_t bytes = 0;
  for (const Shard& shard : shards_) bytes += shard.memory_bytes();
  return bytes;
}

void BlockCache::Shard::resize(uint64_t capacity) {
  const std::lock_guard lock(mutex_);
  make_room(capacity);
}

uint64_t BlockCache::Shard::memory_bytes() const {
  const std::lock_guard lock(mutex_);
  return newcomer_bytes_ + main_bytes_;
}

// The key's slot, or the free one where it would be. REQUIRES: there is a free slot.
BlockCache::Shard::Slot* BlockCache::Shard::slot_of(Key key, uint64_t hash) {
  const size_t mask = slots_.size() - 1;
  size_t at = hash & mask;
  while (slots_[at].key.table != 0 && !(slots_[at].key == key)) at = (at + 1) & mask;
  return &slots_[at];
}

void BlockCache::Shard::prefetch(uint64_t hash) {
  const std::lock_guard lock(mutex_);
  if (!slots_.empty()) __builtin_prefetch(&slots_[hash & (slots_.size() - 1)]);
}

std::shared_ptr<const Block> BlockCache::Shard::find(Key key, uint64_t hash) {
  const std::lock_guard lock(mutex_);
  if (slots_.empty()) return nullptr;
  Slot* slot = slot_of(key, hash);
  if (slot->block != nullptr && slot->asked < kAskedMax) ++slot->asked;
  return slot->block;
}

void BlockCache::Shard::insert(Key key, uint64_t hash, std::shared_ptr<const Block> block,
                               Source source, const std::atomic<uint64_t>& capacity) {
  const std::lock_guard lock(mutex_);
  if ((used_ + 1) * 3 > slots_.size() * 2) grow();
  Slot* slot = slot_of(key, hash);
  if (slot->block != nullptr) return;
  const auto bytes = static_cast<uint32_t>(block->memory_bytes() + kBytesBeside);
  const bool came_back = gone_.recall(hash) || KV_PLANTED(scans_push_out);
  const bool needs_room = newcomer_bytes_ + main_bytes_ + bytes > capacity.load();
  if (source == Source::page_cache && needs_room && !came_back)
    return gone_.remember(hash, used_ + 1);
  *slot = {key, std::move(block), bytes, 0};
  ++used_;
  (came_back ? main_ : newcomers_).push_back(key);
  (came_back ? main_bytes_ : newcomer_bytes_) += bytes;
  // Read under the lock: whoever lowers it comes to this shard afterwards, or has been here.
  make_room(capacity.load());
}

void BlockCache::Shard::grow() {
  std::vector<Slot> old =
      std::exchange(slots_, std::vector<Slot>(std::max(kSlotsAtFirst, slots_.size() * 2)));
  for (Slot& slot : old) {
    if (slot.key.table != 0) *slot_of(slot.key, hash_of(slot.key)) = std::move(slot);
  }
}

void BlockCache::Shard::make_room(uint64_t capacity) {
  while (newcomer_bytes_ + main_bytes_ > capacity) {
    newcomers_are_next(capacity) ? pass_newcomer() : pass_main();
    prefetch_victims(capacity);
  }
}

bool BlockCache::Shard::newcomers_are_next(uint64_t capacity) const {
  return newcomer_bytes_ > capacity / 10 || main_.empty();
}

// A block that nobody asked for lies in no cache of the processor's. The next to go are known: the
// first one's memory is prefetched, the second one's block, the third one's slot.
void BlockCache::Shard::prefetch_victims(uint64_t capacity) {
  const std::deque<Key>& queue = newcomers_are_next(capacity) ? newcomers_ : main_;
  if (queue.size() < 3) return;
  slot_of(queue[0], hash_of(queue[0]))->block->prefetch_end();
  __builtin_prefetch(slot_of(queue[1], hash_of(queue[1]))->block.get());
  __builtin_prefetch(&slots_[hash_of(queue[2]) & (slots_.size() - 1)]);
}

void BlockCache::Shard::pass_newcomer() {
  const Key key = newcomers_.front();
  newcomers_.pop_front();
  Slot* slot = slot_of(key, hash_of(key));
  newcomer_bytes_ -= slot->bytes;
  if (slot->asked == 0) {
    gone_.remember(hash_of(key), used_ + 1);  // As many as there are blocks.
    return remove(slot);
  }
  slot->asked = 0;
  main_bytes_ += slot->bytes;
  main_.push_back(key);
}

void BlockCache::Shard::pass_main() {
  const Key key = main_.front();
  main_.pop_front();
  Slot* slot = slot_of(key, hash_of(key));
  if (slot->asked > 0) {
    --slot->asked;
    return main_.push_back(key);
  }
  main_bytes_ -= slot->bytes;
  remove(slot);
}

// Closes the gap, so that every search still ends at the first free slot.
void BlockCache::Shard::remove(Slot* slot) {
  const size_t mask = slots_.size() - 1;
  auto gap = static_cast<size_t>(slot - slots_.data());
  slots_[gap] = Slot();
  --used_;
  for (size_t at = (gap + 1) & mask; slots_[at].key.table != 0; at = (at + 1) & mask) {
    const size_t home = hash_of(slots_[at].key) & mask;
    if (((at - home) & mask) < ((at - gap) & mask)) continue;
    slots_[gap] = std::exchange(slots_[at], Slot());
    gap = at;
  }
}

}  // namespace kv
