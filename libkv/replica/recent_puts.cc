#include "libkv/replica/recent_puts.h"

#include "libkv/base/hash.h"

namespace kv {

size_t RecentPuts::EntryHash::operator()(const Entry& entry) const {
  const uint64_t words[] = {entry.put.client, entry.put.number, entry.attempt, entry.key_hash};
  return hash64(BytesView(reinterpret_cast<const char*>(words), sizeof(words)));
}

bool RecentPuts::knows(BytesView key, const PutId& put, Attempt attempt) const {
  return known_.count(Entry{put, attempt, hash64(key)}) != 0;
}

void RecentPuts::remember(BytesView key, const PutId& put, Attempt attempt) {
  const Entry entry{put, attempt, hash64(key)};
  if (!known_.insert(entry).second) return;
  order_.push_back(entry);
  if (order_.size() <= entries_max_) return;
  known_.erase(order_.front());
  order_.pop_front();
}

}  // namespace kv
