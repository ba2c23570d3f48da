// A row that holds one number: 8 bytes, little-endian. On disk: never change. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "libkv/base/bytes.h"

namespace kv {

inline std::string encode_number_row(uint64_t number) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<char>(number >> (8 * i) & 0xff));
  return bytes;
}

inline std::optional<uint64_t> decode_number_row(BytesView bytes) {
  if (bytes.size() != 8) return std::nullopt;
  uint64_t number = 0;
  for (size_t i = 8; i-- > 0;) number = number << 8 | static_cast<unsigned char>(bytes[i]);
  return number;
}

}  // namespace kv
