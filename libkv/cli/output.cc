#include "libkv/cli/output.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <unistd.h>

namespace kv {
namespace {

constexpr size_t kBufferBytes = 64 << 10;

// Ends the process as if SIGPIPE had never been ignored.
void end_quietly() {
  std::signal(SIGPIPE, SIG_DFL);
  std::raise(SIGPIPE);
}

}  // namespace

Output::Output(int descriptor, std::string name)
    : descriptor_(descriptor), name_(std::move(name)), is_terminal_(::isatty(descriptor) == 1) {
  std::signal(SIGPIPE, SIG_IGN);
}

Status Output::note(int error_number) {
  if (error_number == EPIPE) end_quietly();
  const auto kind =
      error_number == ENOSPC || error_number == EDQUOT ? ErrorKind::no_space : ErrorKind::io;
  state_ = fail(kind, name_ + ": " + std::strerror(error_number));
  return state_;
}

Status Output::write_out(BytesView bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return note(errno);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

Status Output::write(BytesView bytes) {
  if (!state_ || bytes.empty()) return state_;
  last_byte_ = bytes.back();
  if (buffer_.size() + bytes.size() > kBufferBytes) KV_TRY(flush());
  if (bytes.size() >= kBufferBytes) return write_out(bytes);
  buffer_.append(bytes);
  return {};
}

Status Output::flush() {
  if (!state_) return state_;
  const std::string pending = std::exchange(buffer_, {});
  return write_out(pending);
}

Status Output::finish() {
  KV_TRY(flush());
  if (::close(descriptor_) != 0 && errno != EINTR) return note(errno);
  return {};
}

Status Output::close_line() {
  if (!is_terminal_ || last_byte_ == '\n') return state_;
  return write("\n");
}

}  // namespace kv
