#include "libkv/meta/meta_row.h"

#include <algorithm>

#include "libkv/base/hash.h"

namespace kv {

namespace {

constexpr size_t kTableNameBytesMax = 64;

void append_counted(std::string& out, BytesView bytes) {
  uint64_t length = bytes.size();
  for (int i = 0; i < 8; ++i, length >>= 8) out += static_cast<char>(length & 0xff);
  out += bytes;
}

}  // namespace

Status check_table_name(const std::string& table) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  const bool sound = !table.empty() && table.size() <= kTableNameBytesMax && letter(table[0]) &&
                     std::all_of(table.begin(), table.end(),
                                 [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
  if (sound && table.rfind("kv_", 0) != 0 && table.rfind("sqlite_", 0) != 0) return {};
  return fail(ErrorKind::invalid, "table name `" + table + "` is not allowed");
}

uint64_t row_checksum(BytesView table, BytesView key, BytesView value) {
  std::string bytes;
  bytes.reserve(table.size() + key.size() + value.size() + 24);
  append_counted(bytes, table);
  append_counted(bytes, key);
  append_counted(bytes, value);
  return hash64(bytes);
}

}  // namespace kv
