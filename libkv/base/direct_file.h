// A file that is read past the page cache (open(2), O_DIRECT): every read goes to the device, and
// leaves nothing behind in memory. The device wants whole, aligned sectors: the ends of a range are
// rounded to pages, read into a buffer of the thread's own, and cut off again.
#pragma once

#include "libkv/base/posix_file.h"

namespace kv {

class DirectFile final : public PosixFile {
 public:
  using PosixFile::PosixFile;
  Result<size_t> read_at(uint64_t offset, std::span<char> into) override;
  Result<size_t> read_cached_at(uint64_t, std::span<char>) override { return size_t{0}; }
  std::optional<RawFile> raw() const override;
};

}  // namespace kv
