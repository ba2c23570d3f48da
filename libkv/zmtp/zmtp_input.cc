#include "libkv/zmtp/zmtp_input.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "libkv/base/assert.h"

namespace kv {

namespace {
constexpr size_t kChunkBytes = size_t{64} << 10;
/// Less room than this is not worth a read.
constexpr size_t kRoomBytesMin = size_t{4} << 10;
}  // namespace

std::span<char> ZmtpInput::room() {
  if (begin_ == end_ && begin_ > 0 && chunk_.use_count() == 1) {
    // All frames are gone, perhaps on other threads: what they read happened before.
    std::atomic_thread_fence(std::memory_order_acquire);
    begin_ = end_ = 0;
  }
  // A chunk that reserve() made for one large frame is filled to its end.
  if (capacity_ == end_ || (capacity_ == kChunkBytes && capacity_ - end_ < kRoomBytesMin))
    reserve(end_ - begin_ + kRoomBytesMin);
  return {chunk_.get() + end_, capacity_ - end_};
}

void ZmtpInput::filled(size_t count) {
  KV_ASSERT(count <= capacity_ - end_);
  end_ += count;
}

void ZmtpInput::reserve(size_t bytes) {
  if (bytes <= capacity_ - begin_) return;
  const size_t unread_bytes = end_ - begin_;
  const size_t capacity = std::max(kChunkBytes, bytes);
  std::shared_ptr<char[]> next(new char[capacity]);
  if (unread_bytes > 0) std::memcpy(next.get(), chunk_.get() + begin_, unread_bytes);
  chunk_ = std::move(next);
  capacity_ = capacity;
  begin_ = 0;
  end_ = unread_bytes;
}

Frame ZmtpInput::take(size_t header_bytes, size_t body_bytes) {
  KV_ASSERT(header_bytes + body_bytes <= end_ - begin_);
  const BytesView body(chunk_.get() + begin_ + header_bytes, body_bytes);
  begin_ += header_bytes + body_bytes;
  Frame frame(chunk_, body);
  // One made for a large frame ends with it: small ones to come would keep all of it alive.
  if (begin_ == end_ && capacity_ > kChunkBytes) *this = {};
  return frame;
}

}  // namespace kv
