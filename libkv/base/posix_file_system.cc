#include "libkv/base/posix_file_system.h"

#include <algorithm>
#include <cstdio>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "libkv/base/direct_file.h"
#include "libkv/base/posix_error.h"
#include "libkv/base/posix_file.h"
#include "libkv/base/write_through_file.h"

namespace kv {

namespace {

constexpr mode_t kFileMode = 0666;  // As far as the umask allows.
constexpr mode_t kDirectoryMode = 0777;

int flags_of(OpenMode mode) {
  switch (mode) {
    case OpenMode::read:
      return O_RDONLY | O_CLOEXEC;
    case OpenMode::read_direct:
      return O_RDONLY | O_DIRECT | O_CLOEXEC;
    case OpenMode::write:
    case OpenMode::write_through:
      return O_RDWR | O_CREAT | O_CLOEXEC;
    case OpenMode::write_new:
      return O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;
  }
  return O_RDONLY | O_CLOEXEC;
}

Result<Descriptor> open_descriptor(const std::string& path, int flags, const char* action) {
  Descriptor descriptor(uninterrupted([&] { return ::open(path.c_str(), flags, kFileMode); }));
  if (!descriptor.valid()) return fail(posix_error(path, action, errno));
  return descriptor;
}

Result<bool> is_directory(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) return S_ISDIR(status.st_mode);
  if (errno == ENOENT) return false;
  return fail(posix_error(path, "stat", errno));
}

std::string parent_of(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string without_trailing_slashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

class HeldDirectory final : public DirectoryLock {
 public:
  explicit HeldDirectory(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

 private:
  Descriptor descriptor_;  // Its end is the lock's end.
};

std::string lock_path(const std::string& directory) {
  return directory + "/LOCK";
}

// By flock(2): `operation` is LOCK_EX or LOCK_SH.
Result<std::unique_ptr<DirectoryLock>> hold(Descriptor descriptor, int operation,
                                            const std::string& directory) {
  if (uninterrupted([&] { return ::flock(descriptor.get(), operation | LOCK_NB); }) == 0)
    return std::make_unique<HeldDirectory>(std::move(descriptor));
  if (errno == EWOULDBLOCK)
    return fail(ErrorKind::locked, directory + ": another process holds its LOCK file");
  return fail(posix_error(lock_path(directory), "lock", errno));
}

/// Where the file system knows no direct reads (EINVAL), an ordinary file.
Result<std::unique_ptr<File>> open_direct(const std::string& path) {
  Descriptor descriptor(uninterrupted(
      [&] { return ::open(path.c_str(), flags_of(OpenMode::read_direct), kFileMode); }));
  if (descriptor.valid()) return std::make_unique<DirectFile>(std::move(descriptor), path);
  if (errno != EINVAL) return fail(posix_error(path, "open", errno));
  KV_ASSIGN(Descriptor plain, open_descriptor(path, flags_of(OpenMode::read), "open"));
  return std::make_unique<PosixFile>(std::move(plain), path);
}

/// Where the second way to the file cannot be had, an ordinary file, which is as durable.
Result<std::unique_ptr<File>> open_through(const std::string& path) {
  KV_ASSIGN(Descriptor plain, open_descriptor(path, flags_of(OpenMode::write_through), "open"));
  constexpr int kThrough = O_WRONLY | O_DIRECT | O_DSYNC | O_CLOEXEC;
  Descriptor through(uninterrupted([&] { return ::open(path.c_str(), kThrough); }));
  if (!through.valid()) return std::make_unique<PosixFile>(std::move(plain), path);
  return std::make_unique<WriteThroughFile>(std::move(plain), std::move(through), path);
}

}  // namespace

Result<std::unique_ptr<File>> PosixFileSystem::open(const std::string& path, OpenMode mode) {
  if (mode == OpenMode::read_direct) return open_direct(path);
  if (mode == OpenMode::write_through) return open_through(path);
  KV_ASSIGN(Descriptor descriptor, open_descriptor(path, flags_of(mode), "open"));
  return std::make_unique<PosixFile>(std::move(descriptor), path);
}

Result<bool> PosixFileSystem::exists(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return fail(posix_error(path, "stat", errno));
}

Result<std::vector<std::string>> PosixFileSystem::list(const std::string& directory) {
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(directory.c_str()), ::closedir);
  if (stream == nullptr) return fail(posix_error(directory, "list", errno));
  std::vector<std::string> names;
  errno = 0;  // readdir tells its end from its failure by errno alone.
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
    errno = 0;
  }
  if (errno != 0) return fail(posix_error(directory, "list", errno));
  std::sort(names.begin(), names.end());
  return names;
}

Status PosixFileSystem::make_directories(const std::string& directory) {
  const std::string path = without_trailing_slashes(directory);
  KV_ASSIGN(const bool there, is_directory(path));
  if (there) return {};
  const std::string parent = parent_of(path);
  if (parent != path) KV_TRY(make_directories(parent));
  if (::mkdir(path.c_str(), kDirectoryMode) != 0) {
    const int code = errno;
    // Somebody else may have made it meanwhile; a file of that name is an error.
    KV_ASSIGN(const bool made_by_another, is_directory(path));
    if (!made_by_another) return fail(posix_error(path, "make directory", code));
  }
  return sync_directory(parent);
}

Status PosixFileSystem::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0)
    return fail(posix_error(from, ("rename to " + to).c_str(), errno));
  return {};
}

Status PosixFileSystem::remove(const std::string& path) {
  if (std::remove(path.c_str()) != 0) return fail(posix_error(path, "remove", errno));
  return {};
}

Status PosixFileSystem::hard_link(const std::string& from, const std::string& to) {
  if (::link(from.c_str(), to.c_str()) != 0)
    return fail(posix_error(from, ("link to " + to).c_str(), errno));
  return {};
}

Status PosixFileSystem::sync_directory(const std::string& directory) {
  KV_ASSIGN(const Descriptor descriptor,
            open_descriptor(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC, "open directory"));
  if (uninterrupted([&] { return ::fsync(descriptor.get()); }) != 0)
    return fail(posix_error(directory, "sync directory", errno));
  return {};
}

Result<std::unique_ptr<DirectoryLock>> PosixFileSystem::lock_directory(
    const std::string& directory) {
  KV_ASSIGN(Descriptor descriptor,
            open_descriptor(lock_path(directory), O_RDWR | O_CREAT | O_CLOEXEC, "open"));
  return hold(std::move(descriptor), LOCK_EX, directory);
}

Result<std::unique_ptr<DirectoryLock>> PosixFileSystem::lock_directory_for_reading(
    const std::string& directory) {
  auto descriptor = open_descriptor(lock_path(directory), O_RDONLY | O_CLOEXEC, "open");
  if (!descriptor && descriptor.error().kind == ErrorKind::not_found)
    return std::unique_ptr<DirectoryLock>();
  if (!descriptor) return fail(std::move(descriptor).error());
  return hold(std::move(*descriptor), LOCK_SH, directory);
}

Result<uint64_t> PosixFileSystem::free_bytes(const std::string& directory) {
  struct statvfs status {};
  if (uninterrupted([&] { return ::statvfs(directory.c_str(), &status); }) != 0)
    return fail(posix_error(directory, "stat file system", errno));
  return static_cast<uint64_t>(status.f_bavail) * static_cast<uint64_t>(status.f_frsize);
}

}  // namespace kv
