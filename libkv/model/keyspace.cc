#include "libkv/model/keyspace.h"

#include <algorithm>

#include "libkv/base/limits.h"

namespace kv {

namespace {

bool is_name_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '-';
}

}  // namespace

bool is_keyspace_name(const std::string& name) {
  return !name.empty() && name.size() <= limits::keyspace_name_bytes_max && name[0] != '-' &&
         name[0] != '.' && std::all_of(name.begin(), name.end(), is_name_character);
}

}  // namespace kv
