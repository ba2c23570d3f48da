// A file's bytes in 4 KiB pages that copies share until one of them writes: disk images are copied
// for every crash state, and a file's durable and current bytes are mostly the same.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "libkv/base/bytes.h"

namespace kv {

class SimBytes {
 public:
  uint64_t size() const { return size_; }
  /// Grows with zeros or cuts.
  void resize(uint64_t size);
  /// Returns how many bytes were there to be read.
  size_t read(uint64_t offset, std::span<char> into) const;
  /// Grows as needed; a gap reads as zeros.
  void write(uint64_t offset, BytesView bytes);

 private:
  static constexpr uint64_t kPageBytes = 4096;
  using Page = std::array<char, kPageBytes>;
  /// The page as memory of this file's own.
  Page& own(uint64_t index);

  uint64_t size_ = 0;
  std::vector<std::shared_ptr<Page>> pages_;  // Null: zeros. Beyond size_ always zeros.
};

}  // namespace kv
