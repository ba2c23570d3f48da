#include "libkv/cli/base64.h"

#include <array>
#include <cstdint>

namespace kv {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr uint8_t kNone = 0xff;

constexpr std::array<uint8_t, 256> make_values() {
  std::array<uint8_t, 256> values{};
  for (auto& value : values) value = kNone;
  for (size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<uint8_t>(i);
  }
  return values;
}
constexpr auto kValues = make_values();

}  // namespace

void append_base64(std::string& out, BytesView bytes) {
  const auto byte = [&](size_t i) {
    return i < bytes.size() ? static_cast<uint32_t>(static_cast<unsigned char>(bytes[i])) : 0u;
  };
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const uint32_t group = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    out += kAlphabet[group >> 18];
    out += kAlphabet[group >> 12 & 63];
    out += i + 1 < bytes.size() ? kAlphabet[group >> 6 & 63] : '=';
    out += i + 2 < bytes.size() ? kAlphabet[group & 63] : '=';
  }
}

Result<std::string> decode_base64(BytesView text) {
  if (text.size() % 4 != 0) {
    return fail(ErrorKind::invalid, "base64 must be padded to a multiple of 4 characters");
  }
  size_t padding = 0;
  while (padding < 2 && !text.empty() && text[text.size() - 1] == '=') {
    text.remove_suffix(1);
    ++padding;
  }
  std::string out;
  out.reserve((text.size() * 3) / 4);
  uint32_t group = 0;
  int bits = 0;
  for (char c : text) {
    const uint8_t value = kValues[static_cast<unsigned char>(c)];
    if (value == kNone) return fail(ErrorKind::invalid, "a character that is not base64");
    group = (group << 6 | value) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out += static_cast<char>(group >> bits & 0xff);
    }
  }
  if ((group & ((1u << bits) - 1)) != 0) {
    return fail(ErrorKind::invalid, "base64 with stray bits at its end");
  }
  return out;
}

}  // namespace kv
