// Builds a block: sorted entries whose keys share prefixes with their predecessor's, restart points
// where a key stands whole so that a reader can search by halves, and for point reads a hash index
// that says at which restart a key is to be looked for.
//
//   block  := entry* | restart offset (u32)* | [bucket (u8)* | number of buckets (u16)]
//             | number of restarts + flags × 2^24 (u32)
//   entry  := shared (varint) | unshared (varint) | value length (varint)
//             | sequence × 4 + kind (varint) | unshared bytes of the key | value
//   flags  := 1: buckets are there. All others are zero.
//   bucket := the number of the restart behind which the newest version of the one key stands whose
//             hash falls here; 255: there is no such key; 254: keys of several restarts
//
// On disk: never change. The hash index is after RocksDB's data blocks. Not thread-safe.
#pragma once

#include <string>
#include <vector>

#include "libkv/storage/entry.h"

namespace kv {

inline constexpr uint8_t kBucketEmpty = 255;      // on disk: never change
inline constexpr uint8_t kBucketOfSeveral = 254;  // on disk: never change
inline constexpr uint32_t kBlockHasBuckets = 1;   // on disk: never change

/// The bucket of a key's hash (key_hash() in bloom_filter.h). On disk: never change.
inline uint32_t bucket_of(uint64_t key_hash, uint32_t buckets) {
  return static_cast<uint32_t>(((key_hash & 0xffffffff) * buckets) >> 32);
}

class BlockBuilder {
 public:
  explicit BlockBuilder(uint32_t restart_interval = 16) : restart_interval_(restart_interval) {}

  /// REQUIRES: `entry` stands after the last one added.
  void add(const Entry& entry);
  /// The same, and a point read will find the entry's key by `key_hash`. One block's entries are
  /// all added in this way, or none is.
  void add(const Entry& entry, uint64_t key_hash);
  /// The block's bytes; the builder is empty afterwards.
  std::string finish();

  size_t size_bytes() const {
    return bytes_.size() + 4 * restarts_.size() + 4 + hashes_.size() * 4 / 3;
  }
  bool empty() const { return bytes_.empty(); }
  BytesView last_key() const { return last_key_; }

 private:
  struct HashedKey {
    uint64_t hash;
    size_t restart;
  };
  void append_buckets();

  const uint32_t restart_interval_;
  std::string bytes_;
  std::string last_key_;
  std::vector<uint32_t> restarts_;
  std::vector<HashedKey> hashes_;  // Of each key once.
  uint32_t since_restart_ = 0;
};

}  // namespace kv
