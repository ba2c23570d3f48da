// A simulated process' way to its host's SimDisk. After kill(), or after the disk has crashed or
// been restored, every call fails and changes nothing, so that the dead process' destructors may
// run late without harm; the next process makes a SimFileSystem of its own.
//
// Single-threaded. `disk` must outlive it and its Files.
#pragma once

#include "libkv/base/environment.h"
#include "tests/sim/sim_disk.h"

namespace kv {

class SimFileSystem final : public FileSystem {
 public:
  explicit SimFileSystem(SimDisk& disk) : disk_(disk), process_(disk.attach()) {}
  ~SimFileSystem() override { kill(); }
  SimFileSystem(const SimFileSystem&) = delete;
  SimFileSystem& operator=(const SimFileSystem&) = delete;

  /// The process is gone: its locks vanish; what it wrote stays, as the kernel keeps it.
  void kill() { disk_.detach(process_); }

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Result<bool> exists(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Status make_directories(const std::string& directory) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status hard_link(const std::string& from, const std::string& to) override;
  Status sync_directory(const std::string& directory) override;
  Result<std::unique_ptr<DirectoryLock>> lock_directory(const std::string& directory) override;
  Result<uint64_t> free_bytes(const std::string& directory) override;

 private:
  /// Fails if the process is dead, then counts the call and fails if a fault is planned.
  Status admit(FaultKind kind, bool needs_space, const std::string& path);
  Status need_directory(const std::string& directory, const std::string& path) const;
  Status make_directory(const std::string& directory);

  SimDisk& disk_;
  uint64_t process_;
};

}  // namespace kv
