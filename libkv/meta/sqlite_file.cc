#include "libkv/meta/sqlite_file.h"

#include <algorithm>
#include <cstring>

namespace kv {

namespace {

// In the file format of every SQLite database: never change.
constexpr uint64_t kPendingByte = 0x40000000;
constexpr uint64_t kReservedByte = kPendingByte + 1;
constexpr uint64_t kSharedFirst = kPendingByte + 2;
constexpr uint64_t kSharedLength = 510;

// SQLite takes it that a torn write can spoil this much around it, which covers a flash page.
constexpr int kSectorBytes = 4096;

class ScratchFile final : public File {
 public:
  Result<size_t> read_at(uint64_t offset, std::span<char> into) override {
    if (offset >= bytes_.size()) return size_t{0};
    return bytes_.copy(into.data(), into.size(), static_cast<size_t>(offset));
  }
  Status write_at(uint64_t offset, BytesView bytes) override {
    const size_t at = static_cast<size_t>(offset);
    if (at + bytes.size() > bytes_.size()) bytes_.resize(at + bytes.size());
    bytes_.replace(at, bytes.size(), bytes);
    return {};
  }
  Status sync() override { return {}; }
  Status truncate(uint64_t size_bytes) override {
    bytes_.resize(static_cast<size_t>(size_bytes));
    return {};
  }
  Result<uint64_t> size() override { return bytes_.size(); }
  Result<bool> lock_range(uint64_t, uint64_t, RangeLock) override { return true; }
  Result<bool> range_is_locked(uint64_t, uint64_t) override { return false; }

 private:
  std::string bytes_;
};

}  // namespace

// SQLite owns the memory of a handle and knows only its first member.
struct SqliteFile::Handle {
  sqlite3_file base;
  SqliteFile* file;
};

struct SqliteFile::Methods {
  static SqliteFile& of(sqlite3_file* handle) { return *reinterpret_cast<Handle*>(handle)->file; }

  static int close(sqlite3_file* handle) {
    delete &of(handle);
    return SQLITE_OK;
  }
  static int read(sqlite3_file* handle, void* into, int bytes, sqlite3_int64 offset) {
    return of(handle).read(into, bytes, offset);
  }
  static int write(sqlite3_file* handle, const void* from, int bytes, sqlite3_int64 offset) {
    return of(handle).write(from, bytes, offset);
  }
  static int truncate(sqlite3_file* handle, sqlite3_int64 size) {
    return of(handle).truncate(size);
  }
  static int sync(sqlite3_file* handle, int) { return of(handle).sync(); }
  static int size(sqlite3_file* handle, sqlite3_int64* bytes) { return of(handle).size(bytes); }
  static int lock(sqlite3_file* handle, int level) { return of(handle).lock(level); }
  static int unlock(sqlite3_file* handle, int level) { return of(handle).unlock(level); }
  static int check_reserved(sqlite3_file* handle, int* reserved) {
    return of(handle).check_reserved(reserved);
  }
  static int control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
  static int sector_bytes(sqlite3_file*) { return kSectorBytes; }
  // Nothing is promised: neither atomic nor ordered writes, nor that a torn write spares the rest
  // of its sector.
  static int characteristics(sqlite3_file*) { return 0; }

  static const sqlite3_io_methods* table() {
    static const sqlite3_io_methods methods = [] {
      sqlite3_io_methods m{};
      m.iVersion = 1;
      m.xClose = close;
      m.xRead = read;
      m.xWrite = write;
      m.xTruncate = truncate;
      m.xSync = sync;
      m.xFileSize = size;
      m.xLock = lock;
      m.xUnlock = unlock;
      m.xCheckReservedLock = check_reserved;
      m.xFileControl = control;
      m.xSectorSize = sector_bytes;
      m.xDeviceCharacteristics = characteristics;
      return m;
    }();
    return &methods;
  }
};

void SqliteFile::open(sqlite3_file* handle, SqliteVfs& vfs, std::unique_ptr<File> file,
                      std::string to_sync) {
  auto* const whole = reinterpret_cast<Handle*>(handle);
  whole->file = new SqliteFile(vfs, std::move(file), std::move(to_sync));  // close() deletes it.
  whole->base.pMethods = Methods::table();
}

void SqliteFile::open_scratch(sqlite3_file* handle, SqliteVfs& vfs) {
  open(handle, vfs, std::make_unique<ScratchFile>(), "");
}

int SqliteFile::handle_bytes() {
  return static_cast<int>(sizeof(Handle));
}

int SqliteFile::failed(const Error& error, int code) {
  vfs_.remember(error);
  return code;
}

int SqliteFile::read(void* into, int bytes, sqlite3_int64 offset) {
  const std::span<char> room(static_cast<char*>(into), static_cast<size_t>(bytes));
  const auto got = file_->read_at(static_cast<uint64_t>(offset), room);
  if (!got) return failed(got.error(), SQLITE_IOERR_READ);
  if (*got == room.size()) return SQLITE_OK;
  // SQLite relies on zeros after a short read.
  std::memset(room.data() + *got, 0, room.size() - *got);
  return SQLITE_IOERR_SHORT_READ;
}

int SqliteFile::write(const void* from, int bytes, sqlite3_int64 offset) {
  const BytesView view(static_cast<const char*>(from), static_cast<size_t>(bytes));
  const Status written = file_->write_at(static_cast<uint64_t>(offset), view);
  if (written) return SQLITE_OK;
  const bool full = written.error().kind == ErrorKind::no_space;
  return failed(written.error(), full ? SQLITE_FULL : SQLITE_IOERR_WRITE);
}

int SqliteFile::truncate(sqlite3_int64 size) {
  const Status cut = file_->truncate(static_cast<uint64_t>(size));
  return cut ? SQLITE_OK : failed(cut.error(), SQLITE_IOERR_TRUNCATE);
}

int SqliteFile::sync() {
  if (const Status synced = file_->sync(); !synced)
    return failed(synced.error(), SQLITE_IOERR_FSYNC);
  if (directory_to_sync_.empty()) return SQLITE_OK;
  const Status synced = vfs_.environment().files.sync_directory(directory_to_sync_);
  if (!synced) return failed(synced.error(), SQLITE_IOERR_DIR_FSYNC);
  directory_to_sync_.clear();
  return SQLITE_OK;
}

int SqliteFile::size(sqlite3_int64* bytes) {
  const auto size = file_->size();
  if (!size) return failed(size.error(), SQLITE_IOERR_FSTAT);
  *bytes = static_cast<sqlite3_int64>(*size);
  return SQLITE_OK;
}

int SqliteFile::set_range(uint64_t offset, uint64_t length, File::RangeLock kind) {
  const auto taken = file_->lock_range(offset, length, kind);
  if (!taken)
    return failed(taken.error(),
                  kind == File::RangeLock::none ? SQLITE_IOERR_UNLOCK : SQLITE_IOERR_LOCK);
  return *taken ? SQLITE_OK : SQLITE_BUSY;
}

int SqliteFile::lock(int level) {
  if (level <= level_) return SQLITE_OK;
  if (level == SQLITE_LOCK_SHARED) return lock_shared();
  if (level == SQLITE_LOCK_EXCLUSIVE) return lock_exclusive();
  const int code = set_range(kReservedByte, 1, File::RangeLock::exclusive);
  if (code == SQLITE_OK) level_ = SQLITE_LOCK_RESERVED;
  return code;
}

int SqliteFile::lock_shared() {
  // A waiting writer holds PENDING, and no new reader passes it.
  if (const int code = set_range(kPendingByte, 1, File::RangeLock::shared); code != SQLITE_OK)
    return code;
  int code = set_range(kSharedFirst, kSharedLength, File::RangeLock::shared);
  const int released = set_range(kPendingByte, 1, File::RangeLock::none);
  if (code == SQLITE_OK && released != SQLITE_OK) {
    // Both are given up: a PENDING that stays would keep all readers out.
    set_range(kPendingByte, 2 + kSharedLength, File::RangeLock::none);
    code = released;
  }
  if (code == SQLITE_OK) level_ = SQLITE_LOCK_SHARED;
  return code;
}

int SqliteFile::lock_exclusive() {
  if (level_ < SQLITE_LOCK_PENDING) {
    const int code = set_range(kPendingByte, 1, File::RangeLock::exclusive);
    if (code != SQLITE_OK) return code;
    level_ = SQLITE_LOCK_PENDING;
  }
  const int code = set_range(kSharedFirst, kSharedLength, File::RangeLock::exclusive);
  if (code == SQLITE_OK) level_ = SQLITE_LOCK_EXCLUSIVE;
  return code;
}

int SqliteFile::unlock(int level) {
  if (level >= level_) return SQLITE_OK;
  if (level == SQLITE_LOCK_NONE) {
    // As with SQLite's own VFS, the level falls even if the call fails: the pager will not ask
    // again, and the locks end with the file at the latest.
    level_ = SQLITE_LOCK_NONE;
    return set_range(kPendingByte, 2 + kSharedLength, File::RangeLock::none);
  }
  if (level_ == SQLITE_LOCK_EXCLUSIVE) {
    const int code = set_range(kSharedFirst, kSharedLength, File::RangeLock::shared);
    if (code != SQLITE_OK) return SQLITE_IOERR_RDLOCK;
  }
  level_ = SQLITE_LOCK_SHARED;
  return set_range(kPendingByte, 2, File::RangeLock::none);
}

int SqliteFile::check_reserved(int* reserved) {
  if (level_ > SQLITE_LOCK_SHARED) {
    *reserved = 1;
    return SQLITE_OK;
  }
  const auto locked = file_->range_is_locked(kReservedByte, 1);
  if (!locked) return failed(locked.error(), SQLITE_IOERR_CHECKRESERVEDLOCK);
  *reserved = *locked ? 1 : 0;
  return SQLITE_OK;
}

}  // namespace kv
