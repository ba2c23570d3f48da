#include "libkv/base/posix_file.h"

#include <algorithm>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace kv {

namespace {

// Linux moves at most 2^31 - 4096 bytes in one call; smaller pieces keep a signal's wait short.
constexpr size_t kTransferBytesMax = size_t{1} << 30;

struct flock range_of(uint64_t offset, uint64_t length, int type) {
  struct flock range {};
  range.l_type = static_cast<short>(type);
  range.l_whence = SEEK_SET;
  range.l_start = static_cast<off_t>(offset);
  range.l_len = static_cast<off_t>(length);
  return range;
}

int lock_type_of(File::RangeLock kind) {
  switch (kind) {
    case File::RangeLock::none:
      return F_UNLCK;
    case File::RangeLock::shared:
      return F_RDLCK;
    case File::RangeLock::exclusive:
      return F_WRLCK;
  }
  return F_UNLCK;
}

}  // namespace

Descriptor::~Descriptor() {
  // close() is not repeated: on Linux the number is free even after EINTR. Its error is of no use,
  // since whoever needs the bytes has synced them.
  if (fd_ >= 0) ::close(fd_);
}

Result<size_t> PosixFile::read_at(uint64_t offset, std::span<char> into) {
  size_t done = 0;
  while (done < into.size()) {
    const size_t wanted = std::min(into.size() - done, kTransferBytesMax);
    const ssize_t got = uninterrupted([&] {
      return ::pread(descriptor_.get(), into.data() + done, wanted,
                     static_cast<off_t>(offset + done));
    });
    if (got < 0) return fail(posix_error(path_, "read", errno));
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

Result<size_t> PosixFile::read_cached_at(uint64_t offset, std::span<char> into) {
  iovec whole{into.data(), into.size()};
  const ssize_t got = uninterrupted([&] {
    return ::preadv2(descriptor_.get(), &whole, 1, static_cast<off_t>(offset), RWF_NOWAIT);
  });
  if (got >= 0) return static_cast<size_t>(got);
  // Not in memory; or a file system that cannot tell.
  if (errno == EAGAIN || errno == EOPNOTSUPP || errno == ENOSYS) return size_t{0};
  return fail(posix_error(path_, "read", errno));
}

Status PosixFile::write_at(uint64_t offset, BytesView bytes) {
  while (!bytes.empty()) {
    const size_t wanted = std::min(bytes.size(), kTransferBytesMax);
    const ssize_t put = uninterrupted([&] {
      return ::pwrite(descriptor_.get(), bytes.data(), wanted, static_cast<off_t>(offset));
    });
    if (put < 0) return fail(posix_error(path_, "write", errno));
    // A call that makes no progress and gives no reason would be repeated for ever.
    if (put == 0) return fail(posix_error(path_, "write", ENOSPC));
    bytes.remove_prefix(static_cast<size_t>(put));
    offset += static_cast<uint64_t>(put);
  }
  return {};
}

void PosixFile::begin_writeback(uint64_t offset, uint64_t length) {
  // An error of the disk is kept by the kernel for the next fdatasync of this descriptor.
  (void)::sync_file_range(descriptor_.get(), static_cast<off64_t>(offset),
                          static_cast<off64_t>(length), SYNC_FILE_RANGE_WRITE);
}

Status PosixFile::sync() {
  if (uninterrupted([&] { return ::fdatasync(descriptor_.get()); }) != 0)
    return fail(posix_error(path_, "sync", errno));
  return {};
}

Status PosixFile::truncate(uint64_t size_bytes) {
  const auto call = [&] { return ::ftruncate(descriptor_.get(), static_cast<off_t>(size_bytes)); };
  if (uninterrupted(call) != 0) return fail(posix_error(path_, "truncate", errno));
  return {};
}

Result<bool> PosixFile::reserve(uint64_t size_bytes) {
  const auto call = [&] {
    return ::fallocate(descriptor_.get(), 0, 0, static_cast<off_t>(size_bytes));
  };
  if (uninterrupted(call) == 0) return true;
  if (errno == EOPNOTSUPP || errno == ENOSYS) return false;
  return fail(posix_error(path_, "reserve", errno));
}

Result<uint64_t> PosixFile::size() {
  struct stat status {};
  if (::fstat(descriptor_.get(), &status) != 0) return fail(posix_error(path_, "stat", errno));
  return static_cast<uint64_t>(status.st_size);
}

Result<bool> PosixFile::lock_range(uint64_t offset, uint64_t length, RangeLock kind) {
  struct flock range = range_of(offset, length, lock_type_of(kind));
  const auto call = [&] { return ::fcntl(descriptor_.get(), F_OFD_SETLK, &range); };
  if (uninterrupted(call) == 0) return true;
  if (errno == EAGAIN || errno == EACCES) return false;
  return fail(posix_error(path_, "lock", errno));
}

Result<bool> PosixFile::range_is_locked(uint64_t offset, uint64_t length) {
  // Only an exclusive lock of somebody else can stand against a shared one.
  struct flock range = range_of(offset, length, F_RDLCK);
  const auto call = [&] { return ::fcntl(descriptor_.get(), F_OFD_GETLK, &range); };
  if (uninterrupted(call) != 0) return fail(posix_error(path_, "query lock", errno));
  return range.l_type != F_UNLCK;
}

}  // namespace kv
