// The mints of this run that may come again: a message may be delivered twice, and the second one
// may arrive when another put has already replaced what the first one made, so that the record no
// longer shows it. Minting it again would bring the value back.
//
// Bounded: the oldest is forgotten first. In memory only: after a restart the messages of before
// are gone as well (their time is over, or their connection).
#pragma once

#include <cstdint>
#include <deque>
#include <unordered_set>

#include "libkv/base/bytes.h"
#include "libkv/model/version_vector.h"

namespace kv {

class RecentPuts {
 public:
  explicit RecentPuts(size_t entries_max) : entries_max_(entries_max) {}

  /// `key`: the engine's, so that a mint into a hint is told from one into own data.
  bool knows(BytesView key, const PutId& put, Attempt attempt) const;
  void remember(BytesView key, const PutId& put, Attempt attempt);
  size_t size() const { return order_.size(); }

 private:
  struct Entry {
    PutId put;
    Attempt attempt = 0;
    uint64_t key_hash = 0;
    friend bool operator==(const Entry&, const Entry&) = default;
  };
  struct EntryHash {
    size_t operator()(const Entry& entry) const;
  };
  const size_t entries_max_;
  std::unordered_set<Entry, EntryHash> known_;  // Never iterated.
  std::deque<Entry> order_;                     // Oldest first.
};

}  // namespace kv
