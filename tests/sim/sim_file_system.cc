#include "tests/sim/sim_file_system.h"

namespace kv {

namespace {

using Kind = DiskOperation::Kind;

// "a//b/" and "a/b" are one path.
std::string plain(const std::string& path) {
  std::string out;
  for (const char c : path)
    if (c != '/' || out.empty() || out.back() != '/') out += c;
  if (out.size() > 1 && out.back() == '/') out.pop_back();
  return out;
}

tl::unexpected<Error> missing(const std::string& path) {
  return fail(ErrorKind::not_found, path + ": No such file or directory");
}

tl::unexpected<Error> dead(const std::string& path) {
  return fail(ErrorKind::io, path + ": this process has been killed");
}

}  // namespace

class SimFile final : public File {
 public:
  SimFile(SimDisk& disk, uint64_t process, InodeNumber inode, std::string path, bool writable)
      : disk_(disk),
        number_(disk.opened(process, inode)),
        inode_(inode),
        path_(std::move(path)),
        writable_(writable) {}
  ~SimFile() override { disk_.closed(number_); }

  Result<size_t> read_at(uint64_t offset, std::span<char> into) override {
    KV_TRY(admit(FaultKind::read, false));
    if (disk_.is_spoiled(inode_, offset, offset + into.size()))
      return fail(ErrorKind::io, path_ + ": read: Input/output error");
    return disk_.image_.bytes(inode_).read(offset, into);
  }

  Result<size_t> read_cached_at(uint64_t offset, std::span<char> into) override {
    const uint64_t percent = disk_.page_cache_percent_;
    if (percent == 0 || disk_.random_.below(100) >= percent) return size_t{0};
    return read_at(offset, into);
  }

  Status write_at(uint64_t offset, BytesView bytes) override {
    if (!writable_) return fail(ErrorKind::io, path_ + ": Bad file descriptor");
    if (Status admitted = admit(FaultKind::write, true); !admitted) {
      // A failing write may have written any part of its bytes.
      if (disk_.is_open(number_) && !bytes.empty())
        KV_TRY(write_some(offset, bytes.substr(0, disk_.random_.below(bytes.size() + 1))));
      return admitted;
    }
    const uint64_t end = offset + bytes.size();
    const uint64_t size = disk_.image_.bytes(inode_).size();
    KV_TRY(disk_.need_room(end > size ? end - size : 0, path_));
    return write_some(offset, bytes);
  }

  Status sync() override {
    const Status admitted = admit(FaultKind::sync, false);
    if (!admitted && disk_.is_open(number_) && disk_.after_failed_sync_ == AfterFailedSync::lost)
      KV_TRY(disk_.change(operation(Kind::failed_sync, disk_.random_.next(), {})));
    KV_TRY(admitted);
    return disk_.change(operation(Kind::sync, 0, {}));
  }

  Status truncate(uint64_t size_bytes) override {
    if (!writable_) return fail(ErrorKind::io, path_ + ": Bad file descriptor");
    KV_TRY(admit(FaultKind::truncate, false));
    return disk_.change(operation(Kind::truncate, size_bytes, {}));
  }

  Result<bool> reserve(uint64_t size_bytes) override {
    if (!writable_) return fail(ErrorKind::io, path_ + ": Bad file descriptor");
    KV_TRY(admit(FaultKind::write, true));
    const uint64_t size = disk_.image_.bytes(inode_).size();
    if (size_bytes <= size) return true;
    KV_TRY(disk_.need_room(size_bytes - size, path_));
    KV_TRY(disk_.change(operation(Kind::truncate, size_bytes, {})));
    return true;
  }

  Result<uint64_t> size() override {
    KV_TRY(admit(FaultKind::open, false));
    return disk_.image_.bytes(inode_).size();
  }

  Result<bool> lock_range(uint64_t offset, uint64_t length, RangeLock kind) override {
    KV_TRY(admit(FaultKind::lock, false));
    return disk_.lock_range(number_, offset, end_of(offset, length), kind);
  }

  Result<bool> range_is_locked(uint64_t offset, uint64_t length) override {
    KV_TRY(admit(FaultKind::lock, false));
    return disk_.is_locked_by_another(number_, offset, end_of(offset, length), false);
  }

 private:
  // As with fcntl, a length of 0 reaches to the end of all files.
  static uint64_t end_of(uint64_t offset, uint64_t length) {
    return length == 0 ? ~uint64_t{0} : offset + length;
  }

  Status admit(FaultKind kind, bool needs_space) {
    if (!disk_.is_open(number_)) return dead(path_);
    return disk_.admit(kind, needs_space, path_);
  }

  DiskOperation operation(Kind kind, uint64_t offset, SharedBytes bytes) const {
    return {kind, path_, "", inode_, offset, std::move(bytes)};
  }

  Status write_some(uint64_t offset, BytesView bytes) {
    if (bytes.empty()) return {};
    return disk_.change(operation(Kind::write, offset, SharedBytes::copy_of(bytes)));
  }

  SimDisk& disk_;
  uint64_t number_;
  InodeNumber inode_;
  std::string path_;
  bool writable_;
};

class SimDirectoryLock final : public DirectoryLock {
 public:
  SimDirectoryLock(SimDisk& disk, uint64_t process, std::string directory)
      : disk_(disk), process_(process), directory_(std::move(directory)) {
    disk_.directory_holds_[directory_] = process_;
  }
  ~SimDirectoryLock() override {
    const auto hold = disk_.directory_holds_.find(directory_);
    if (hold != disk_.directory_holds_.end() && hold->second == process_)
      disk_.directory_holds_.erase(hold);
  }

 private:
  SimDisk& disk_;
  uint64_t process_;
  std::string directory_;
};

Status SimFileSystem::admit(FaultKind kind, bool needs_space, const std::string& path) {
  if (!disk_.is_attached(process_)) return dead(path);
  return disk_.admit(kind, needs_space, path);
}

Status SimFileSystem::need_directory(const std::string& directory, const std::string& path) const {
  if (disk_.image_.is_directory(directory)) return {};
  return missing(path);
}

Result<std::unique_ptr<File>> SimFileSystem::open(const std::string& path, OpenMode mode) {
  const std::string name = plain(path);
  std::optional<InodeNumber> inode = disk_.image_.find(name);
  const bool creates = !inode && !only_reads(mode);
  KV_TRY(admit(FaultKind::open, creates, name));
  if (disk_.image_.is_directory(name)) return fail(ErrorKind::io, name + ": Is a directory");
  if (inode && mode == OpenMode::write_new) return fail(ErrorKind::io, name + ": File exists");
  if (!inode && only_reads(mode)) return missing(name);
  if (creates) {
    KV_TRY(need_directory(directory_of(name), name));
    inode = disk_.image_.next_inode();
    KV_TRY(disk_.change({Kind::create, name, "", *inode, 0, {}}));
  }
  return std::make_unique<SimFile>(disk_, process_, *inode, name, !only_reads(mode));
}

Result<bool> SimFileSystem::exists(const std::string& path) {
  const std::string name = plain(path);
  KV_TRY(admit(FaultKind::open, false, name));
  return disk_.image_.find(name).has_value() || disk_.image_.is_directory(name);
}

Result<std::vector<std::string>> SimFileSystem::list(const std::string& directory) {
  const std::string name = plain(directory);
  KV_TRY(admit(FaultKind::open, false, name));
  KV_TRY(need_directory(name, name));
  return disk_.image_.list(name);
}

Status SimFileSystem::make_directories(const std::string& directory) {
  const std::string name = plain(directory);
  KV_TRY(admit(FaultKind::directory, true, name));
  return make_directory(name);
}

Status SimFileSystem::make_directory(const std::string& directory) {
  if (disk_.image_.is_directory(directory)) return {};
  if (disk_.image_.find(directory)) return fail(ErrorKind::io, directory + ": File exists");
  KV_TRY(make_directory(directory_of(directory)));
  return disk_.change({Kind::make_directory, directory, "", 0, 0, {}});
}

Status SimFileSystem::rename(const std::string& from, const std::string& to) {
  const std::string source = plain(from), target = plain(to);
  KV_TRY(admit(FaultKind::rename, true, source));
  if (!disk_.image_.find(source)) {
    if (!disk_.image_.is_directory(source)) return missing(source);
    return fail(ErrorKind::io, source + ": the simulated disk renames no directories");
  }
  KV_TRY(need_directory(directory_of(target), target));
  if (disk_.image_.is_directory(target)) return fail(ErrorKind::io, target + ": Is a directory");
  if (disk_.image_.find(source) == disk_.image_.find(target)) return {};
  return disk_.change({Kind::rename, source, target, 0, 0, {}});
}

Status SimFileSystem::remove(const std::string& path) {
  const std::string name = plain(path);
  KV_TRY(admit(FaultKind::remove, false, name));
  if (disk_.image_.find(name)) return disk_.change({Kind::remove, name, "", 0, 0, {}});
  if (!disk_.image_.is_directory(name)) return missing(name);
  if (!disk_.image_.list(name).empty()) return fail(ErrorKind::io, name + ": Directory not empty");
  return disk_.change({Kind::remove_directory, name, "", 0, 0, {}});
}

Status SimFileSystem::hard_link(const std::string& from, const std::string& to) {
  const std::string source = plain(from), target = plain(to);
  KV_TRY(admit(FaultKind::link, true, source));
  if (!disk_.image_.find(source)) return missing(source);
  KV_TRY(need_directory(directory_of(target), target));
  if (disk_.image_.find(target) || disk_.image_.is_directory(target))
    return fail(ErrorKind::io, target + ": File exists");
  return disk_.change({Kind::link, source, target, 0, 0, {}});
}

Status SimFileSystem::sync_directory(const std::string& directory) {
  const std::string name = plain(directory);
  KV_TRY(admit(FaultKind::sync_directory, false, name));
  KV_TRY(need_directory(name, name));
  return disk_.change({Kind::sync_directory, name, "", 0, 0, {}});
}

Result<std::unique_ptr<DirectoryLock>> SimFileSystem::lock_directory(const std::string& directory) {
  const std::string name = plain(directory);
  KV_TRY(admit(FaultKind::lock, false, name));
  KV_TRY(need_directory(name, name));
  if (disk_.directory_holds_.count(name) != 0)
    return fail(ErrorKind::locked, name + ": another process holds its LOCK file");
  return std::make_unique<SimDirectoryLock>(disk_, process_, name);
}

Result<uint64_t> SimFileSystem::free_bytes(const std::string& directory) {
  KV_TRY(admit(FaultKind::open, false, plain(directory)));
  constexpr uint64_t kUnboundedDiskBytes = uint64_t{1} << 40;
  const uint64_t capacity = disk_.capacity_bytes_.value_or(kUnboundedDiskBytes);
  const uint64_t used = disk_.image_.used_bytes();
  return capacity > used ? capacity - used : 0;
}

}  // namespace kv
