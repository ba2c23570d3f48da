// The received bytes of one connection, cut into frames without a copy:
//
//     chunk  [ handed out as Frames | unread | room for the next read ]
//
// A frame is a window into its chunk and keeps all of it (64 KiB, or as much as a larger frame
// needs) alive; who keeps a small frame for long copies it.
//
// Not thread-safe, but the frames may be released by any thread. Pure.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "libkv/base/bytes.h"
#include "libkv/transport/frame.h"

namespace kv {

class ZmtpInput {
 public:
  /// What has come and was not taken. Valid until the next call of a non-const method.
  BytesView unread() const { return BytesView(chunk_.get() + begin_, end_ - begin_); }
  /// Where the next bytes go; never empty. Valid until the next call.
  std::span<char> room();
  /// `count` bytes have been written to the front of room().
  void filled(size_t count);
  /// Makes sure that unread() can grow to `bytes` in one piece.
  void reserve(size_t bytes);
  /// Takes the frame whose body lies behind `header_bytes` at the front of unread().
  /// REQUIRES: it is all there.
  Frame take(size_t header_bytes, size_t body_bytes);

 private:
  std::shared_ptr<char[]> chunk_;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace kv
