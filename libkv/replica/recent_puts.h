// The mints of this run that may come again: a message may be delivered twice, and the second one
// may arrive when another put has already replaced what the first one made, so that the record no
// longer shows it. Minting it again would bring the value back.
//
// Bounded: the oldest is forgotten first. In memory only: after a restart the messages of before
// are gone as well (their time is over, or their connection), but for what a coordinator sends
// again, which it does only where nobody else has what was made of it (protocol/put_machine.h).
//
//   ring    | put | put | put | …     the oldest is overwritten
//   places  | 7 |   | 2 | 0 | …       open addressing: where in the ring a put of this hash stands
//
// Flat, as there are so many: a set and a queue of single nodes took three times the memory.
#pragma once

#include <cstdint>
#include <vector>

#include "libkv/base/bytes.h"
#include "libkv/model/version_vector.h"

namespace kv {

class RecentPuts {
 public:
  /// REQUIRES: 0 < `entries_max` < 2^31.
  explicit RecentPuts(size_t entries_max) : entries_max_(entries_max) {}

  /// `key`: the engine's, so that a mint into a hint is told from one into own data.
  bool knows(BytesView key, const PutId& put, Attempt attempt) const;
  void remember(BytesView key, const PutId& put, Attempt attempt);
  size_t size() const { return ring_.size(); }

 private:
  struct Entry {
    PutId put;
    uint64_t key_hash = 0;
    Attempt attempt = 0;
    friend bool operator==(const Entry&, const Entry&) = default;
  };
  static constexpr uint32_t kNowhere = ~uint32_t{0};

  size_t home_of(const Entry& entry) const;
  size_t place_of(const Entry& entry) const;
  void forget(const Entry& entry);
  void grow();

  const size_t entries_max_;
  std::vector<Entry> ring_;
  size_t oldest_ = 0;  // Of a full ring.
  std::vector<uint32_t> places_;
};

}  // namespace kv
