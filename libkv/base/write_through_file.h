// A file whose synced writes go past the page cache (open(2), O_DIRECT and O_DSYNC): one request to
// the device and its flush, without the kernel's search for dirty pages, which takes as long again
// as a fast disk does. Everything else is a PosixFile's; the kernel keeps the page cache true.
#pragma once

#include "libkv/base/posix_file.h"

namespace kv {

class WriteThroughFile final : public PosixFile {
 public:
  /// `through` is the same file, opened so.
  WriteThroughFile(Descriptor descriptor, Descriptor through, std::string path)
      : PosixFile(std::move(descriptor), std::move(path)), through_(std::move(through)) {}

  Status write_synced_at(uint64_t offset, BytesView bytes) override;

 private:
  Descriptor through_;
};

}  // namespace kv
