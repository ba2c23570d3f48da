// Integers as bytes: fixed little-endian words and LEB128 varints, for every on-disk format of this
// room. Reading never trusts the input: a reader that runs out of bytes says so and stays there.
// Pure.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>

#include "libkv/base/bytes.h"

namespace kv {

static_assert(std::endian::native == std::endian::little,
              "the fixed words of the formats are copied as they lie in memory");

template <typename Word>
void store_word(char* to, Word word) {
  std::memcpy(to, &word, sizeof(word));
}
template <typename Word>
Word load_word(const char* from) {
  Word word;
  std::memcpy(&word, from, sizeof(word));
  return word;
}
/// Eight bytes as a number that compares as they do.
inline uint64_t load_comparable(const char* from) {
  return __builtin_bswap64(load_word<uint64_t>(from));
}
template <typename Word>
void append_word(std::string& to, Word word) {
  to.append(reinterpret_cast<const char*>(&word), sizeof(word));
}

inline void append_varint(std::string& to, uint64_t value) {
  while (value >= 0x80) {
    to.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  to.push_back(static_cast<char>(value));
}

inline void append_sized(std::string& to, BytesView bytes) {
  append_varint(to, bytes.size());
  to.append(bytes);
}

/// Takes fields off the front of a view. After the first failure every later take fails too.
class ByteReader {
 public:
  explicit ByteReader(BytesView bytes) : rest_(bytes) {}

  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }
  BytesView rest() const { return rest_; }

  uint64_t take_varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return value;
    }
    return refuse();
  }
  template <typename Word>
  Word take_word() {
    if (rest_.size() < sizeof(Word)) return static_cast<Word>(refuse());
    const Word word = load_word<Word>(rest_.data());
    rest_.remove_prefix(sizeof(Word));
    return word;
  }
  BytesView take_bytes(uint64_t count) {
    if (count > rest_.size()) {
      refuse();
      return {};
    }
    const BytesView taken = rest_.substr(0, static_cast<size_t>(count));
    rest_.remove_prefix(taken.size());
    return taken;
  }
  BytesView take_sized() {
    const uint64_t count = take_varint();
    return take_bytes(count);
  }

 private:
  uint64_t refuse() {
    ok_ = false;
    rest_ = {};
    return 0;
  }

  BytesView rest_;
  bool ok_ = true;
};

}  // namespace kv
