// Cuts a byte stream at delimiters in bounded memory: a field over its limit is skipped, not held.
// Not thread-safe; does not own the source.
//
//     buffer   |....consumed....|field being looked for|....free....|
//                               begin_                 end_
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "libkv/base/bytes.h"
#include "libkv/base/result.h"
#include "libkv/cli/byte_source.h"

namespace kv {

struct Field {
  BytesView bytes;        ///< Without the delimiter. Valid until the next call.
  bool delimited = true;  ///< False if the input ended before a delimiter.
  bool too_long = false;  ///< Then `bytes` is only its start.
};

class FieldScanner {
 public:
  explicit FieldScanner(ByteSource& source) : source_(source) {}

  /// The bytes up to the next `delimiter`, which is consumed; nothing at the end of the input. Of a
  /// field longer than `bytes_max` only the first kept_bytes_max are kept.
  Result<std::optional<Field>> next(char delimiter, size_t bytes_max);

  /// Bytes consumed so far.
  uint64_t offset() const { return offset_; }

  static constexpr size_t kept_bytes_max = 4096;

 private:
  Result<bool> refill();
  Field take(size_t length, bool delimited);
  Result<std::optional<Field>> skip(char delimiter);

  ByteSource& source_;
  std::vector<char> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
  uint64_t offset_ = 0;
};

}  // namespace kv
