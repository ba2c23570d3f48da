#include "libkv/cli/json_text.h"

#include <cstdio>

#include "libkv/cli/base64.h"
#include "libkv/cli/utf8.h"

namespace kv {
namespace {

bool is_special(char c) {
  return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

void append_escaped(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default: {
      char text[8];
      std::snprintf(text, sizeof text, "\\u%04x", static_cast<unsigned>(c));
      out += text;
    }
  }
}

void append_utf8(std::string& out, BytesView text) {
  size_t plain = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (!is_special(text[i])) continue;
    out.append(text.substr(plain, i - plain));
    append_escaped(out, text[i]);
    plain = i + 1;
  }
  out.append(text.substr(plain));
}

std::string with_replacements(BytesView text) {
  std::string out;
  for (char c : text) {
    if (static_cast<unsigned char>(c) < 0x80) {
      out += c;
    } else {
      out += "\xef\xbf\xbd";
    }
  }
  return out;
}

}  // namespace

void append_json_string(std::string& out, BytesView text) {
  out += '"';
  if (is_utf8(text)) {
    append_utf8(out, text);
  } else {
    append_utf8(out, with_replacements(text));
  }
  out += '"';
}

void append_json_bytes(std::string& out, std::string_view name, BytesView bytes) {
  out.append("\"").append(name);
  if (is_utf8(bytes)) {
    out += "\":\"";
    append_utf8(out, bytes);
  } else {
    out += "_b64\":\"";
    append_base64(out, bytes);
  }
  out += '"';
}

}  // namespace kv
