#include "libkv/base/aligned_buffers.h"

#include <new>

#include "libkv/base/environment.h"

namespace kv {

namespace {

char* allocate(size_t bytes) {
  return static_cast<char*>(::operator new (bytes, std::align_val_t{kFilePageBytes}));
}

void free_buffer(char* buffer) {
  ::operator delete (buffer, std::align_val_t{kFilePageBytes});
}

}  // namespace

AlignedBuffers::~AlignedBuffers() {
  for (char* buffer : kept_) free_buffer(buffer);
}

std::shared_ptr<char> AlignedBuffers::take(size_t bytes) {
  if (bytes > kBufferBytes) return {allocate(bytes), free_buffer};
  char* buffer = nullptr;
  if (kept_.empty()) {
    buffer = allocate(kBufferBytes);
  } else {
    buffer = kept_.back();
    kept_.pop_back();
  }
  return {buffer, [self = shared_from_this()](char* used) { self->give_back(used); }};
}

void AlignedBuffers::give_back(char* buffer) {
  kept_.size() < kKeptMax ? kept_.push_back(buffer) : free_buffer(buffer);
}

}  // namespace kv
