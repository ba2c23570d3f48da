#include "libkv/base/write_through_file.h"

#include <unistd.h>

namespace kv {

namespace {

bool is_whole_pages(uint64_t offset, BytesView bytes) {
  const auto address = reinterpret_cast<uintptr_t>(bytes.data());
  return (offset | bytes.size() | address) % kFilePageBytes == 0;
}

}  // namespace

Status WriteThroughFile::write_synced_at(uint64_t offset, BytesView bytes) {
  if (!is_whole_pages(offset, bytes)) return PosixFile::write_synced_at(offset, bytes);
  const ssize_t put = uninterrupted([&] {
    return ::pwrite(through_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
  });
  if (put == static_cast<ssize_t>(bytes.size())) return {};
  // Some file systems take the flag and then refuse the write, or take a part of it.
  if (put >= 0 || errno == EINVAL) return PosixFile::write_synced_at(offset, bytes);
  return fail(posix_error(path(), "write", errno));
}

}  // namespace kv
