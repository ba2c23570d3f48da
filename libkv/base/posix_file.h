// One open file of the real file system. Made by PosixFileSystem::open only.
#pragma once

#include <string>
#include <utility>

#include "libkv/base/environment.h"
#include "libkv/base/posix_error.h"

namespace kv {

class PosixFile : public File {
 public:
  PosixFile(Descriptor descriptor, std::string path)
      : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  Result<size_t> read_at(uint64_t offset, std::span<char> into) override;
  Result<size_t> read_cached_at(uint64_t offset, std::span<char> into) override;
  std::optional<RawFile> raw() const override { return RawFile{descriptor(), 1, path()}; }
  Status write_at(uint64_t offset, BytesView bytes) override;
  void begin_writeback(uint64_t offset, uint64_t length) override;
  Status sync() override;
  Status truncate(uint64_t size_bytes) override;
  Result<bool> reserve(uint64_t size_bytes) override;
  Result<uint64_t> size() override;
  Result<bool> lock_range(uint64_t offset, uint64_t length, RangeLock kind) override;
  Result<bool> range_is_locked(uint64_t offset, uint64_t length) override;

 protected:
  int descriptor() const { return descriptor_.get(); }
  const std::string& path() const { return path_; }

 private:
  Descriptor descriptor_;
  std::string path_;
};

}  // namespace kv
