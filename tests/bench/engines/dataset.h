// The keys and values that every engine is given, and the memory of what each key must hold.
//
// Key n is the 16 decimal digits of 2n; those of 2n + 1 are never written, so that what is missing
// lies among what is there. A value is made from its key's number and its version, and compresses
// to about half:
//
//     value  := chunk …                     chunks of at most 1 KiB
//     chunk  := random bytes | the same again
//     its first 8 bytes: version ^ hash of the number
//
// so that a reader knows which version it has, and that every byte is right.
//
// Threading: each number has one writer at a time; readers may be anywhere. The versions lie in
// memory that a forked child shares.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "libkv/base/bytes.h"
#include "libkv/base/result.h"

namespace kv::bench {

inline constexpr size_t kKeyBytes = 16;
inline constexpr size_t kValueBytesMin = 16;

using Version = uint32_t;  ///< From 1. 0: not there.

/// A key's bytes, on the stack.
class Key {
 public:
  /// Of number n; `missing`: the one beside it that is never written.
  explicit Key(uint64_t number = 0, bool missing = false);
  BytesView view() const { return {digits_, kKeyBytes}; }
  /// Becomes the key of the next number.
  void advance();

 private:
  char digits_[kKeyBytes];
};

class Dataset {
 public:
  /// REQUIRES: keys > 0, value_bytes >= kValueBytesMin.
  Dataset(uint64_t keys, size_t value_bytes);
  ~Dataset();
  Dataset(const Dataset&) = delete;
  Dataset& operator=(const Dataset&) = delete;

  uint64_t keys() const { return keys_; }
  size_t value_bytes() const { return value_bytes_; }
  uint64_t raw_bytes() const { return keys_ * (kKeyBytes + value_bytes_); }

  /// A fixed permutation of the numbers below keys().
  uint64_t shuffled(uint64_t index) const;

  /// The version that the number's next write has: one more than issued().
  Version issue(uint64_t number);
  /// The last version that a write was given.
  Version issued(uint64_t number) const;
  /// As before the first write.
  void forget_all();

  /// Writes value_bytes() bytes.
  void compose(uint64_t number, Version version, char* into) const;
  /// The version of a value that is right in every byte, or nothing. With `quickly` its length, its
  /// first 8 bytes and the repetition in its first chunk are looked at alone.
  std::optional<Version> version_of(uint64_t number, BytesView value, bool quickly = false) const;
  /// Ok if `value` (null: nothing was found) is a right one whose version is in [first, last],
  /// where 0 is nothing. Else `corrupt`, which says what was found.
  Status check(uint64_t number, const BytesView* value, Version first, Version last) const;

 private:
  static bool is_whole(uint64_t number, Version version, BytesView value);

  const uint64_t keys_;
  const size_t value_bytes_;
  unsigned half_bits_ = 1;  // Of the numbers that shuffled() permutes.
  std::atomic<Version>* versions_;
};

}  // namespace kv::bench
