#include "libkv/cli/json_line.h"

#include "libkv/cli/json_text.h"

namespace kv {

void JsonLine::begin(std::string_view name) {
  text_ += text_.empty() ? '{' : ',';
  if (name.empty()) return;
  append_json_string(text_, name);
  text_ += ':';
}

JsonLine& JsonLine::text(std::string_view name, BytesView value) {
  begin(name);
  append_json_string(text_, value);
  return *this;
}

JsonLine& JsonLine::bytes(std::string_view name, BytesView value) {
  begin({});
  append_json_bytes(text_, name, value);
  return *this;
}

JsonLine& JsonLine::number(std::string_view name, uint64_t value) {
  begin(name);
  text_ += std::to_string(value);
  return *this;
}

JsonLine& JsonLine::number(std::string_view name, std::optional<uint64_t> value) {
  return value ? number(name, *value) : *this;
}

JsonLine& JsonLine::flag(std::string_view name, bool value) {
  begin(name);
  text_ += value ? "true" : "false";
  return *this;
}

}  // namespace kv
