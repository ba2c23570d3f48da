#include "libkv/replica/recent_puts.h"

#include <algorithm>
#include <utility>

#include "libkv/base/hash.h"

namespace kv {

namespace {
constexpr size_t kPlacesAtFirst = 64;
}

size_t RecentPuts::home_of(const Entry& entry) const {
  const uint64_t words[] = {entry.put.client, entry.put.number, entry.attempt, entry.key_hash};
  const BytesView bytes(reinterpret_cast<const char*>(words), sizeof(words));
  return hash64(bytes) & (places_.size() - 1);
}

/// Where the entry's place is, or the free one where it would be.
size_t RecentPuts::place_of(const Entry& entry) const {
  const size_t mask = places_.size() - 1;
  size_t at = home_of(entry);
  while (places_[at] != kNowhere && ring_[places_[at]] != entry) at = (at + 1) & mask;
  return at;
}

bool RecentPuts::knows(BytesView key, const PutId& put, Attempt attempt) const {
  return !ring_.empty() && places_[place_of({put, hash64(key), attempt})] != kNowhere;
}

void RecentPuts::remember(BytesView key, const PutId& put, Attempt attempt) {
  if (std::min(ring_.size() + 1, entries_max_) * 2 > places_.size()) grow();
  const Entry entry{put, hash64(key), attempt};
  if (places_[place_of(entry)] != kNowhere) return;
  size_t number = ring_.size();
  if (number < entries_max_) {
    ring_.push_back(entry);
  } else {
    number = oldest_;
    oldest_ = (oldest_ + 1) % entries_max_;
    forget(ring_[number]);
    ring_[number] = entry;
  }
  places_[place_of(entry)] = static_cast<uint32_t>(number);
}

/// Closes the gap, so that every search still ends at the first free place.
void RecentPuts::forget(const Entry& entry) {
  const size_t mask = places_.size() - 1;
  size_t gap = place_of(entry);
  places_[gap] = kNowhere;
  for (size_t at = (gap + 1) & mask; places_[at] != kNowhere; at = (at + 1) & mask) {
    const size_t home = home_of(ring_[places_[at]]);
    if (((at - home) & mask) < ((at - gap) & mask)) continue;
    places_[gap] = std::exchange(places_[at], kNowhere);
    gap = at;
  }
}

void RecentPuts::grow() {
  places_.assign(std::max(kPlacesAtFirst, places_.size() * 2), kNowhere);
  for (size_t number = 0; number < ring_.size(); ++number)
    places_[place_of(ring_[number])] = static_cast<uint32_t>(number);
}

}  // namespace kv
