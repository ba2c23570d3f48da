#include "libkv/base/direct_file.h"

#include <algorithm>
#include <cstring>

#include <unistd.h>

#include "libkv/base/page_buffer.h"

namespace kv {

namespace {

constexpr size_t kBufferBytes = 256 << 10;

std::span<char> buffer_of_thread() {
  thread_local const PageBuffer buffer = new_page_buffer(kBufferBytes);
  return {buffer.get(), kBufferBytes};
}

}  // namespace

std::optional<RawFile> DirectFile::raw() const {
  return RawFile{descriptor(), kFilePageBytes, path()};
}

Result<size_t> DirectFile::read_at(uint64_t offset, std::span<char> into) {
  const std::span<char> buffer = buffer_of_thread();
  size_t done = 0;
  while (done < into.size()) {
    const uint64_t begin = (offset + done) / kFilePageBytes * kFilePageBytes;
    const auto before = static_cast<size_t>(offset + done - begin);
    const size_t wanted = std::min(before + (into.size() - done), buffer.size());
    const size_t whole = whole_file_pages(wanted);
    const ssize_t read = uninterrupted(
        [&] { return ::pread(descriptor(), buffer.data(), whole, static_cast<off_t>(begin)); });
    if (read < 0) return fail(posix_error(path(), "read", errno));
    const auto got = static_cast<size_t>(read);
    if (got <= before) break;
    const size_t usable = std::min(got, wanted) - before;
    std::memcpy(into.data() + done, buffer.data() + before, usable);
    done += usable;
    // Within a sector a read ends where the file does; from there on would be no sector's begin.
    if (got % kFilePageBytes != 0) break;
  }
  return done;
}

}  // namespace kv
