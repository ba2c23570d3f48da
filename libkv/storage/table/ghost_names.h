// The names of blocks that left the cache before anybody asked for them again, or were not worth a
// place in it yet: of the last so many, so that one that comes back after all is known. One flat
// table: a name takes the place of another that falls there, which is then forgotten early; and by
// chance, once in four thousand million, a name is taken for another's. Either costs a block its
// rank in the cache, or another reading before it is there, and nothing else. (The ghost queue of
// S3-FIFO, see block_cache.h, there too kept as a table.) One thread's.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace kv {

class GhostNames {
 public:
  /// Of the last `names_max` remembered.
  void remember(uint64_t hash, size_t names_max) {
    names_max_ = names_max;
    if (names_max * 2 > names_.size()) names_.assign(std::bit_ceil(names_max * 2), Name());
    names_[place_of(hash)] = {tag_of(hash), ++remembered_};
  }
  /// Whether it is there; from now on it is not.
  bool recall(uint64_t hash) {
    if (names_.empty()) return false;
    Name& name = names_[place_of(hash)];
    const bool is_there =
        name.at != 0 && name.tag == tag_of(hash) && remembered_ - name.at < names_max_;
    if (is_there) name = Name();
    return is_there;
  }

 private:
  struct Name {
    uint32_t tag = 0;
    uint32_t at = 0;  // Which remember() put it here, from 1; 0: the place is free.
  };
  size_t place_of(uint64_t hash) const { return hash & (names_.size() - 1); }
  static uint32_t tag_of(uint64_t hash) { return static_cast<uint32_t>(hash >> 32); }

  std::vector<Name> names_;  // A power of two. Begun anew where it must grow.
  size_t names_max_ = 0;
  uint32_t remembered_ = 0;
};

}  // namespace kv
