#include "libkv/base/log.h"

#include <cstdio>

namespace kv {

namespace {

bool needs_quotes(std::string_view text) {
  if (text.empty()) return true;
  for (const char c : text)
    if (static_cast<unsigned char>(c) <= ' ' || c == '"' || c == '\\' || c == '=' || c == 0x7f)
      return true;
  return false;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) {
      char escape[5];
      std::snprintf(escape, sizeof escape, "\\x%02x", static_cast<unsigned>(c) & 0xffu);
      out += escape;
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string shown(double v) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", v);
  return text;
}

}  // namespace

const char* to_string(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      return "error";
  }
  return "?";
}

LogField::LogField(std::string_view k, std::string_view v)
    : key(k), value(needs_quotes(v) ? quoted(v) : std::string(v)) {}
LogField::LogField(std::string_view k, double v) : key(k), value(shown(v)) {}

void Log::event(LogLevel level, std::string_view name, std::initializer_list<LogField> fields) {
  if (level < level_) return;
  std::string line(name);
  for (const LogField& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    line += field.value;
  }
  write(level, line);
}

}  // namespace kv
