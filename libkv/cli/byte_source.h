// Where formats read from: stdin, a file, a string in a test. Not thread-safe.
#pragma once

#include <algorithm>
#include <functional>
#include <span>
#include <string>
#include <utility>

#include "libkv/base/bytes.h"
#include "libkv/base/result.h"

namespace kv {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// At least one byte into `into`, or 0 at the end. REQUIRES: `into` is not empty.
  virtual Result<size_t> read(std::span<char> into) = 0;
};

/// A file descriptor, not owned. `name` stands in errors.
class DescriptorSource final : public ByteSource {
 public:
  DescriptorSource(int descriptor, std::string name)
      : descriptor_(descriptor), name_(std::move(name)) {}
  Result<size_t> read(std::span<char> into) override;

  /// Called before a read that would have to wait, with the descriptor: what else there is to do
  /// until it can be read, or until there is nothing else to do. A producer may be slow.
  void while_waiting(std::function<void(int descriptor)> work) { work_ = std::move(work); }

 private:
  int descriptor_;
  std::string name_;
  std::function<void(int descriptor)> work_;
};

/// Whether a read would return at once: there are bytes, the end, or an error.
bool is_readable(int descriptor);

/// Bytes in memory, handed out at most `chunk_bytes` at a time.
class StringSource final : public ByteSource {
 public:
  explicit StringSource(std::string text, size_t chunk_bytes = 1 << 16)
      : text_(std::move(text)), chunk_bytes_(chunk_bytes) {}
  Result<size_t> read(std::span<char> into) override {
    const size_t count = std::min({into.size(), chunk_bytes_, text_.size() - offset_});
    std::copy_n(text_.data() + offset_, count, into.data());
    offset_ += count;
    return count;
  }

 private:
  std::string text_;
  size_t chunk_bytes_;
  size_t offset_ = 0;
};

/// Everything that is left, for a single value. invalid if there are more than `bytes_max`; then
/// no more than that has been held.
Result<std::string> read_all(ByteSource& source, size_t bytes_max);

/// The same of a file that a person named, which may be a pipe. Errors: invalid as above; io,
/// naming the file, whatever the reason.
Result<std::string> read_path(const std::string& path, size_t bytes_max);

}  // namespace kv
