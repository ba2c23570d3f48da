// errno as an Error, and the descriptor that closes itself. Only for this room's files that call the
// system.
#pragma once

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "libkv/base/result.h"

namespace kv {

/// The Error for errno value `code` of `action` on `path`.
inline Error posix_error(const std::string& path, const char* action, int code) {
  ErrorKind kind = ErrorKind::io;
  if (code == ENOSPC || code == EDQUOT) kind = ErrorKind::no_space;
  if (code == ENOENT) kind = ErrorKind::not_found;
  // generic_category().message() is the thread-safe way to strerror's text.
  return Error{kind, path + ": " + action + ": " + std::generic_category().message(code)};
}

/// Repeats `call` while a signal interrupts it; returns its last result.
template <typename Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

/// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor();

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_;
};

}  // namespace kv
