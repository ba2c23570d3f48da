// Files in memory, for targets that read files: no faults, no time, no durability.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "libkv/base/environment.h"

namespace kv {

class ByteFiles final : public FileSystem {
 public:
  using Bytes = std::shared_ptr<std::string>;
  std::map<std::string, Bytes> files;

  void put(const std::string& path, std::string bytes) {
    files[path] = std::make_shared<std::string>(std::move(bytes));
  }

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    const auto at = files.find(path);
    if (at == files.end() && only_reads(mode)) return fail(ErrorKind::not_found, path);
    if (at == files.end()) put(path, {});
    return std::unique_ptr<File>(std::make_unique<OpenFile>(files[path]));
  }
  Result<bool> exists(const std::string& path) override { return files.count(path) != 0; }
  Result<std::vector<std::string>> list(const std::string& directory) override {
    std::vector<std::string> names;
    for (const auto& [path, bytes] : files)
      if (path.starts_with(directory + "/")) names.push_back(path.substr(directory.size() + 1));
    return names;
  }
  Status make_directories(const std::string&) override { return {}; }
  Status rename(const std::string& from, const std::string& to) override {
    files[to] = std::exchange(files[from], nullptr);
    files.erase(from);
    return {};
  }
  Status remove(const std::string& path) override {
    files.erase(path);
    return {};
  }
  Status hard_link(const std::string& from, const std::string& to) override {
    files[to] = files[from];
    return {};
  }
  Status sync_directory(const std::string&) override { return {}; }
  Result<std::unique_ptr<DirectoryLock>> lock_directory(const std::string&) override {
    return std::make_unique<DirectoryLock>();
  }
  Result<uint64_t> free_bytes(const std::string&) override { return uint64_t{1} << 40; }

 private:
  class OpenFile final : public File {
   public:
    explicit OpenFile(Bytes bytes) : bytes_(std::move(bytes)) {}
    Result<size_t> read_at(uint64_t offset, std::span<char> into) override {
      if (offset >= bytes_->size()) return size_t{0};
      return bytes_->copy(into.data(), into.size(), static_cast<size_t>(offset));
    }
    Status write_at(uint64_t offset, BytesView bytes) override {
      bytes_->resize(std::max<size_t>(bytes_->size(), offset + bytes.size()));
      std::copy(bytes.begin(), bytes.end(), bytes_->begin() + static_cast<ptrdiff_t>(offset));
      return {};
    }
    Status sync() override { return {}; }
    Status truncate(uint64_t size_bytes) override {
      bytes_->resize(size_bytes);
      return {};
    }
    Result<uint64_t> size() override { return uint64_t{bytes_->size()}; }
    Result<bool> lock_range(uint64_t, uint64_t, RangeLock) override { return true; }
    Result<bool> range_is_locked(uint64_t, uint64_t) override { return false; }

   private:
    const Bytes bytes_;
  };
};

}  // namespace kv
