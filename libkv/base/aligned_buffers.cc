#include "libkv/base/aligned_buffers.h"

#include <utility>

namespace kv {

std::shared_ptr<char> AlignedBuffers::take(size_t bytes) {
  if (bytes > kBufferBytes) return new_page_buffer(bytes);
  PageBuffer buffer;
  if (kept_.empty()) {
    buffer = new_page_buffer(kBufferBytes);
  } else {
    buffer = std::move(kept_.back());
    kept_.pop_back();
  }
  return {buffer.release(),
          [self = shared_from_this()](char* used) { self->give_back(PageBuffer(used)); }};
}

void AlignedBuffers::give_back(PageBuffer buffer) {
  if (kept_.size() < kKeptMax) kept_.push_back(std::move(buffer));
}

}  // namespace kv
