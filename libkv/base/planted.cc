#include "libkv/base/planted.h"

#ifdef KV_PLANTED_BUGS

#include <cstdlib>
#include <string>

namespace kv {

namespace {
std::string& chosen() {
  static std::string name = [] {
    const char* from_environment = std::getenv("KV_PLANTED");
    return std::string(from_environment == nullptr ? "" : from_environment);
  }();
  return name;
}
}  // namespace

bool planted_bug(const char* name) {
  return chosen() == name;
}
void set_planted_bug(const char* name) {
  chosen() = name;
}

}  // namespace kv

#endif
