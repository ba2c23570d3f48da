#include "libkv/cli/message.h"

#include <unistd.h>

#include "libkv/cli/utf8.h"

namespace kv {
namespace {

constexpr size_t kShownBytesMax = 200;

void append_hex(std::string& out, char byte) {
  static constexpr char kDigits[] = "0123456789abcdef";
  const auto value = static_cast<unsigned char>(byte);
  out += "\\x";
  out += kDigits[value >> 4];
  out += kDigits[value & 15];
}

bool is_control(char c) {
  const auto value = static_cast<unsigned char>(c);
  return value < 0x20 || value == 0x7f;
}

}  // namespace

std::string printable(std::string_view text) {
  const bool cut = text.size() > kShownBytesMax;
  text = text.substr(0, kShownBytesMax);
  const bool as_text = is_utf8(text) && !has_c1_control(text);
  std::string out;
  for (char c : text) {
    if (is_control(c) || (!as_text && static_cast<unsigned char>(c) >= 0x80)) {
      append_hex(out, c);
    } else {
      out += c;
    }
  }
  return cut ? out + "..." : out;
}

void Messages::say(std::string_view what) const {
  std::string line = program_;
  line.append(": ").append(what).append("\n");
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

void Messages::say(std::string_view key, std::string_view what) const {
  say((key.empty() ? "''" : printable(key)).append(": ").append(what));
}

void Messages::say(std::string_view key, const Error& error) const {
  say(key, std::string(to_string(error.kind)) + ": " + error.what);
}

}  // namespace kv
