// One object of JSON Lines, member by member, without a tree. Pure.
//
//   output.write(JsonLine().text("file", path).number("offset", 12).line());
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "libkv/base/bytes.h"

namespace kv {

class JsonLine {
 public:
  /// What is not UTF-8 is replaced: for names and messages.
  JsonLine& text(std::string_view name, BytesView value);
  /// As `name`, or as `name_b64` if it is not UTF-8: for what must come back unchanged.
  JsonLine& bytes(std::string_view name, BytesView value);
  JsonLine& number(std::string_view name, uint64_t value);
  /// Left out if there is none.
  JsonLine& number(std::string_view name, std::optional<uint64_t> value);
  JsonLine& flag(std::string_view name, bool value);

  /// The object, closed, and a newline.
  std::string line() const { return (text_.empty() ? "{" : text_) + "}\n"; }

 private:
  void begin(std::string_view name);

  std::string text_;
};

}  // namespace kv
