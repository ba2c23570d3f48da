// Memory that begins where a page does, as reads and writes past the page cache want it.
#pragma once

#include <memory>
#include <new>

#include "libkv/base/environment.h"

namespace kv {

struct FreePages {
  void operator()(char* pages) const {
    ::operator delete (pages, std::align_val_t{kFilePageBytes});
  }
};
using PageBuffer = std::unique_ptr<char, FreePages>;

/// With anything in it.
inline PageBuffer new_page_buffer(size_t bytes) {
  return PageBuffer(static_cast<char*>(::operator new (bytes, std::align_val_t{kFilePageBytes})));
}

}  // namespace kv
