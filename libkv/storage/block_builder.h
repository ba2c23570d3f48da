// Builds a block: sorted entries whose keys share prefixes with their predecessor's, and restart
// points where a key stands whole so that a reader can search by halves.
//
//   block := entry* | restart offset (u32)* | number of restarts (u32)
//   entry := shared (varint) | unshared (varint) | value length (varint)
//            | sequence × 4 + kind (varint) | unshared bytes of the key | value
//
// On disk: never change. The number of restarts uses the low 24 bits; the upper 8 are zero and mark
// additions (such as a hash index) for later versions. Not thread-safe.
#pragma once

#include <string>
#include <vector>

#include "libkv/storage/entry.h"

namespace kv {

class BlockBuilder {
 public:
  explicit BlockBuilder(uint32_t restart_interval = 16) : restart_interval_(restart_interval) {}

  /// REQUIRES: `entry` stands after the last one added.
  void add(const Entry& entry);
  /// The block's bytes; the builder is empty afterwards.
  std::string finish();

  size_t size_bytes() const { return bytes_.size() + 4 * restarts_.size() + 4; }
  bool empty() const { return bytes_.empty(); }
  BytesView last_key() const { return last_key_; }

 private:
  const uint32_t restart_interval_;
  std::string bytes_;
  std::string last_key_;
  std::vector<uint32_t> restarts_;
  uint32_t since_restart_ = 0;
};

}  // namespace kv
