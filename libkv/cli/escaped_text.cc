#include "libkv/cli/escaped_text.h"

namespace kv {

void append_escaped(std::string& out, BytesView bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\\') {
      out += "\\\\";
    } else if (byte >= ' ' && byte < 0x7f) {
      out += c;
    } else {
      out += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
}

std::string escaped(BytesView bytes) {
  std::string out;
  append_escaped(out, bytes);
  return out;
}

}  // namespace kv
