#include "libkv/storage/file_names.h"

#include <cstdio>

namespace kv {

namespace {

std::string name_of(uint64_t number, const char* extension) {
  char name[32];
  std::snprintf(name, sizeof(name), "%06llu%s", static_cast<unsigned long long>(number), extension);
  return name;
}

}  // namespace

std::string log_file_name(uint64_t number) {
  return name_of(number, ".log");
}

std::string table_file_name(uint64_t number) {
  return name_of(number, ".sst");
}

std::optional<uint64_t> numbered_file(const std::string& name, const std::string& extension) {
  const size_t dot = name.find('.');
  if (dot == 0 || dot == std::string::npos || dot > 18 || name.substr(dot) != extension)
    return std::nullopt;
  uint64_t number = 0;
  for (size_t i = 0; i < dot; ++i) {
    if (name[i] < '0' || name[i] > '9') return std::nullopt;
    number = number * 10 + static_cast<uint64_t>(name[i] - '0');
  }
  return number;
}

bool is_engine_file(const std::string& name) {
  return numbered_file(name, ".sst") || numbered_file(name, ".log");
}

}  // namespace kv
