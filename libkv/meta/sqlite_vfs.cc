#include "libkv/meta/sqlite_vfs.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

#include "libkv/base/assert.h"
#include "libkv/meta/sqlite_file.h"

namespace kv {

namespace {

constexpr int kPathBytesMax = 4096;

SqliteVfs& self(sqlite3_vfs* vfs) {
  return *static_cast<SqliteVfs*>(vfs->pAppData);
}

std::string directory_of(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<std::unique_ptr<File>> open_file(FileSystem& files, const std::string& path, int flags,
                                        bool there) {
  if ((flags & SQLITE_OPEN_EXCLUSIVE) != 0) return files.open(path, OpenMode::write_new);
  if ((flags & SQLITE_OPEN_CREATE) != 0) return files.open(path, OpenMode::write);
  // OpenMode::write would create what SQLite only wants if it is there.
  if ((flags & SQLITE_OPEN_READWRITE) != 0 && there) return files.open(path, OpenMode::write);
  return files.open(path, OpenMode::read);
}

int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* flags_out) {
  file->pMethods = nullptr;  // Says that there is nothing to close.
  if (flags_out != nullptr) *flags_out = flags;
  if (name == nullptr) {
    SqliteFile::open_scratch(file, self(vfs));
    return SQLITE_OK;
  }
  FileSystem& files = self(vfs).environment().files;
  const auto there = files.exists(name);
  if (!there) {
    self(vfs).remember(there.error());
    return SQLITE_CANTOPEN;
  }
  auto opened = open_file(files, name, flags, *there);
  if (!opened) {
    self(vfs).remember(opened.error());
    return opened.error().kind == ErrorKind::no_space ? SQLITE_FULL : SQLITE_CANTOPEN;
  }
  // A new file's name is not durable before its directory is synced; SQLite counts on xSync.
  SqliteFile::open(file, self(vfs), std::move(*opened), *there ? "" : directory_of(name));
  return SQLITE_OK;
}

int remove(sqlite3_vfs* vfs, const char* name, int sync_directory) {
  FileSystem& files = self(vfs).environment().files;
  if (const Status removed = files.remove(name); !removed) {
    if (removed.error().kind == ErrorKind::not_found) return SQLITE_IOERR_DELETE_NOENT;
    self(vfs).remember(removed.error());
    return SQLITE_IOERR_DELETE;
  }
  if (sync_directory == 0) return SQLITE_OK;
  const Status synced = files.sync_directory(directory_of(name));
  if (synced) return SQLITE_OK;
  self(vfs).remember(synced.error());
  return SQLITE_IOERR_DIR_FSYNC;
}

int access(sqlite3_vfs* vfs, const char* name, int, int* result) {
  const auto there = self(vfs).environment().files.exists(name);
  if (!there) {
    self(vfs).remember(there.error());
    return SQLITE_IOERR_ACCESS;
  }
  *result = *there ? 1 : 0;
  return SQLITE_OK;
}

int full_pathname(sqlite3_vfs*, const char* name, int out_bytes, char* out) {
  const size_t length = std::strlen(name);
  if (length + 1 > static_cast<size_t>(out_bytes)) return SQLITE_CANTOPEN;
  std::memcpy(out, name, length + 1);
  return SQLITE_OK;
}

int randomness(sqlite3_vfs* vfs, int bytes, char* out) {
  for (int done = 0; done < bytes;) {
    const uint64_t bits = self(vfs).environment().entropy();
    const int part = std::min<int>(bytes - done, sizeof bits);
    std::memcpy(out + done, &bits, static_cast<size_t>(part));
    done += part;
  }
  return bytes;
}

// Only while another process locks the file, of which a simulation has none.
int sleep(sqlite3_vfs*, int microseconds) {
  std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
  return microseconds;
}

int current_time_int64(sqlite3_vfs* vfs, sqlite3_int64* milliseconds) {
  constexpr sqlite3_int64 kUnixEpochInJulianMilliseconds = 210'866'760'000'000;
  const int64_t now = microseconds_of(self(vfs).environment().clock.wall());
  *milliseconds = kUnixEpochInJulianMilliseconds + now / 1000;
  return SQLITE_OK;
}

int current_time(sqlite3_vfs* vfs, double* days) {
  sqlite3_int64 milliseconds = 0;
  current_time_int64(vfs, &milliseconds);
  *days = static_cast<double>(milliseconds) / 86'400'000.0;
  return SQLITE_OK;
}

int last_error(sqlite3_vfs*, int, char*) {
  return 0;
}

}  // namespace

SqliteVfs::SqliteVfs(Environment& environment)
    // The address is a name that no other living instance has.
    : environment_(environment), name_("kv-" + std::to_string(reinterpret_cast<uintptr_t>(this))) {
  vfs_.iVersion = 2;
  vfs_.szOsFile = SqliteFile::handle_bytes();
  vfs_.mxPathname = kPathBytesMax;
  vfs_.zName = name_.c_str();
  vfs_.pAppData = this;
  vfs_.xOpen = open;
  vfs_.xDelete = remove;
  vfs_.xAccess = access;
  vfs_.xFullPathname = full_pathname;
  vfs_.xRandomness = randomness;
  vfs_.xSleep = sleep;
  vfs_.xCurrentTime = current_time;
  vfs_.xGetLastError = last_error;
  vfs_.xCurrentTimeInt64 = current_time_int64;
  KV_ASSERT(sqlite3_vfs_register(&vfs_, 0) == SQLITE_OK);
}

SqliteVfs::~SqliteVfs() {
  sqlite3_vfs_unregister(&vfs_);
}

}  // namespace kv
