#include "libkv/cli/byte_source.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "libkv/cli/units.h"

namespace kv {

bool is_readable(int descriptor) {
  pollfd one{descriptor, POLLIN, 0};
  return ::poll(&one, 1, 0) != 0;
}

Result<size_t> DescriptorSource::read(std::span<char> into) {
  if (work_ && !is_readable(descriptor_)) work_(descriptor_);
  for (;;) {
    const ssize_t count = ::read(descriptor_, into.data(), into.size());
    if (count >= 0) return static_cast<size_t>(count);
    if (errno != EINTR) return fail(ErrorKind::io, name_ + ": " + std::strerror(errno));
  }
}

Result<std::string> read_all(ByteSource& source, size_t bytes_max) {
  constexpr size_t kFirstBytes = 16 << 10;
  std::string bytes;
  size_t used = 0;
  for (;;) {
    // One byte beyond the limit is room enough to see that it is passed.
    if (used == bytes.size()) {
      bytes.resize(std::min(bytes_max + 1, std::max(kFirstBytes, bytes.size() * 2)));
    }
    KV_ASSIGN(const size_t count, source.read(std::span(bytes).subspan(used)));
    used += count;
    if (used > bytes_max) {
      return fail(ErrorKind::invalid, "the value is over the limit of " + format_size(bytes_max));
    }
    if (count == 0) break;
  }
  bytes.resize(used);
  return bytes;
}

Result<std::string> read_path(const std::string& path, size_t bytes_max) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return fail(ErrorKind::io, path + ": " + std::strerror(errno));
  DescriptorSource source(descriptor, path);
  Result<std::string> bytes = read_all(source, bytes_max);
  ::close(descriptor);
  return bytes;
}

}  // namespace kv
