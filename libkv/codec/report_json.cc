#include <charconv>
#include <cmath>

#include "libkv/codec/report_codec.h"

namespace kv {

namespace {

unsigned byte_at(BytesView text, size_t i) {
  return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
}

// The length of the UTF-8 sequence that begins at `i`, or 0 if there is no valid one: no overlong
// form, no surrogate, nothing above U+10FFFF (Unicode 15, table 3-7).
size_t utf8_length(BytesView text, size_t i) {
  const unsigned lead = byte_at(text, i);
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const unsigned second = byte_at(text, i + 1);
  const unsigned second_min = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const unsigned second_max = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (second < second_min || second > second_max) return 0;
  const size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  for (size_t k = 2; k < length; ++k) {
    if ((byte_at(text, i + k) & 0xc0) != 0x80) return 0;
  }
  return length;
}

void append_ascii(char c, std::string* out) {
  constexpr BytesView kEscaped = "\"\\\b\f\n\r\t";
  constexpr BytesView kLetters = "\"\\bfnrt";
  if (const size_t at = kEscaped.find(c); at != BytesView::npos) {
    out->push_back('\\');
    out->push_back(kLetters[at]);
  } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
    constexpr char kHexDigits[] = "0123456789abcdef";
    *out += "\\u00";
    out->push_back(kHexDigits[c >> 4 & 0xf]);
    out->push_back(kHexDigits[c & 0xf]);
  } else {
    out->push_back(c);
  }
}

template <typename Number>
void append_number(Number value, std::string* out) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value);
  out->append(digits, static_cast<size_t>(end.ptr - digits));
}

void append_real(double value, std::string* out) {
  if (std::isfinite(value)) {
    append_number(value, out);
  } else {
    *out += "null";
  }
}

void append_array(const Report& report, std::string* out) {
  char separator = '[';
  for (const Report& element : report.elements()) {
    out->push_back(separator);
    to_json(element, out);
    separator = ',';
  }
  *out += report.elements().empty() ? "[]" : "]";
}

void append_object(const Report& report, std::string* out) {
  char separator = '{';
  for (const auto& [name, value] : report.members()) {
    out->push_back(separator);
    to_json_string(name, out);
    out->push_back(':');
    to_json(value, out);
    separator = ',';
  }
  *out += report.members().empty() ? "{}" : "}";
}

}  // namespace

void to_json_string(BytesView text, std::string* out) {
  out->push_back('"');
  for (size_t i = 0; i < text.size();) {
    const size_t length = utf8_length(text, i);
    if (length == 0) {
      *out += "\\ufffd";
    } else if (length == 1) {
      append_ascii(text[i], out);
    } else {
      *out += text.substr(i, length);
    }
    i += length == 0 ? 1 : length;
  }
  out->push_back('"');
}

void to_json(const Report& report, std::string* out) {
  switch (report.kind()) {
    case Report::Kind::null:
      *out += "null";
      return;
    case Report::Kind::boolean:
      *out += *report.as_boolean() ? "true" : "false";
      return;
    case Report::Kind::negative:
      return append_number(*report.as_integer(), out);
    case Report::Kind::unsigned_integer:
      return append_number(*report.as_unsigned(), out);
    case Report::Kind::real:
      return append_real(*report.as_real(), out);
    case Report::Kind::text:
      return to_json_string(*report.as_text(), out);
    case Report::Kind::array:
      return append_array(report, out);
    case Report::Kind::object:
      return append_object(report, out);
  }
}

}  // namespace kv
