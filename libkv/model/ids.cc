#include "libkv/model/ids.h"

namespace kv {

namespace {

constexpr char kHexDigits[] = "0123456789abcdef";
constexpr size_t kDigitsPerWord = 16;

std::optional<uint64_t> word_from_hex(std::string_view digits) {
  uint64_t word = 0;
  for (const char c : digits) {
    uint64_t nibble = 0;
    if (c >= '0' && c <= '9') {
      nibble = static_cast<uint64_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      nibble = static_cast<uint64_t>(c - 'a') + 10;
    } else if (c >= 'A' && c <= 'F') {
      nibble = static_cast<uint64_t>(c - 'A') + 10;
    } else {
      return std::nullopt;
    }
    word = word << 4 | nibble;
  }
  return word;
}

void append_hex(uint64_t word, std::string* out) {
  for (int shift = 60; shift >= 0; shift -= 4) out->push_back(kHexDigits[word >> shift & 0xf]);
}

}  // namespace

std::string ClusterId::to_hex() const {
  std::string text;
  text.reserve(2 * kDigitsPerWord);
  append_hex(high, &text);
  append_hex(low, &text);
  return text;
}

std::optional<ClusterId> ClusterId::from_hex(std::string_view text) {
  if (text.size() != 2 * kDigitsPerWord) return std::nullopt;
  const auto high = word_from_hex(text.substr(0, kDigitsPerWord));
  const auto low = word_from_hex(text.substr(kDigitsPerWord));
  if (!high || !low) return std::nullopt;
  return ClusterId{*high, *low};
}

}  // namespace kv
