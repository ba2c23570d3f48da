// A file system that reads another one and writes to memory: for tools that must run code which
// mends what it opens (SQLite rolls an interrupted transaction back) over files they may not touch.
//
// Of the files beneath it only those that somebody writes to are held, and of those the pages that
// were written. What beneath is must not change meanwhile. Locks are granted to everybody: whoever
// uses this holds the directory by other means. Not thread-safe.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "libkv/base/environment.h"

namespace kv {

class ScratchFileSystem final : public FileSystem {
 public:
  /// `beneath` must outlive it.
  explicit ScratchFileSystem(FileSystem& beneath) : beneath_(beneath) {}

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Result<bool> exists(const std::string& path) override;
  /// Those beneath and those made here, without those removed here.
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Status make_directories(const std::string&) override { return {}; }
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  /// `invalid`: nobody who mends a file needs it.
  Status hard_link(const std::string& from, const std::string& to) override;
  Status sync_directory(const std::string&) override { return {}; }
  Result<std::unique_ptr<DirectoryLock>> lock_directory(const std::string& directory) override;
  Result<uint64_t> free_bytes(const std::string& directory) override;

 private:
  class Contents;
  class OpenFile;
  Result<std::shared_ptr<Contents>> contents(const std::string& path, bool may_create);

  FileSystem& beneath_;
  std::map<std::string, std::shared_ptr<Contents>> changed_;  // That were opened for writing.
  std::set<std::string> removed_;
};

}  // namespace kv
