// Memory for reads past the page cache, which must begin where a page does (kFilePageBytes). What
// is given back is used again, so that a read neither asks the allocator nor meets a page for the
// first time.
//
// Threading: one thread's, buffers included.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "libkv/base/page_buffer.h"

namespace kv {

class AlignedBuffers : public std::enable_shared_from_this<AlignedBuffers> {
 public:
  AlignedBuffers() = default;
  AlignedBuffers(const AlignedBuffers&) = delete;
  AlignedBuffers& operator=(const AlignedBuffers&) = delete;

  /// At least `bytes`, with anything in them. They keep this object alive.
  std::shared_ptr<char> take(size_t bytes);

 private:
  /// Room for most blocks, wherever they begin.
  static constexpr size_t kBufferBytes = 16u << 10;
  static constexpr size_t kKeptMax = 64;
  void give_back(PageBuffer buffer);

  std::vector<PageBuffer> kept_;  // Of kBufferBytes each.
};

}  // namespace kv
