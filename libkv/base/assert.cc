#include "libkv/base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace kv {

void assertion_failed(const char* what, const char* file, int line) noexcept {
  std::fprintf(stderr, "assertion failed: %s at %s:%d\n", what, file, line);
  std::abort();
}

}  // namespace kv
