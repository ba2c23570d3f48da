#include "libkv/cli/field_scanner.h"

#include <algorithm>
#include <cstring>

namespace kv {
namespace {

constexpr size_t kChunkBytes = 128 << 10;

}  // namespace

// Reads more behind end_, after making room for a whole chunk. False at the end of the input.
Result<bool> FieldScanner::refill() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() - end_ < kChunkBytes / 2) {
    buffer_.resize(std::max(buffer_.size() * 2, kChunkBytes));
  }
  KV_ASSIGN(const size_t count, source_.read(std::span(buffer_).subspan(end_)));
  end_ += count;
  return count > 0;
}

Field FieldScanner::take(size_t length, bool delimited) {
  const BytesView bytes(buffer_.data() + begin_, length);
  begin_ += length + (delimited ? 1 : 0);
  offset_ += length + (delimited ? 1 : 0);
  return Field{.bytes = bytes, .delimited = delimited};
}

Result<std::optional<Field>> FieldScanner::next(char delimiter, size_t bytes_max) {
  size_t searched = 0;
  for (;;) {
    const size_t held = end_ - begin_;
    const char* start = buffer_.data() + begin_;
    const void* found =
        held > searched ? std::memchr(start + searched, delimiter, held - searched) : nullptr;
    if (found != nullptr) {
      Field field = take(static_cast<size_t>(static_cast<const char*>(found) - start), true);
      field.too_long = field.bytes.size() > bytes_max;
      if (field.too_long) field.bytes = field.bytes.substr(0, kept_bytes_max);
      return field;
    }
    if (held > bytes_max) return skip(delimiter);
    searched = held;
    KV_ASSIGN(const bool more, refill());
    if (!more) break;
  }
  if (begin_ == end_) return std::nullopt;
  return take(end_ - begin_, false);
}

// The field is too long already: keeps its start at the front of the buffer and drops the rest up
// to the delimiter, chunk by chunk.
Result<std::optional<Field>> FieldScanner::skip(char delimiter) {
  const size_t kept = std::min(end_ - begin_, kept_bytes_max);
  std::memmove(buffer_.data(), buffer_.data() + begin_, kept);
  offset_ += end_ - begin_;
  buffer_.resize(std::max(buffer_.size(), kept + kChunkBytes));
  Field field{.bytes = {}, .delimited = false, .too_long = true};
  begin_ = end_ = kept;
  while (!field.delimited) {
    KV_ASSIGN(const size_t count, source_.read(std::span(buffer_).subspan(kept)));
    if (count == 0) break;
    const char* start = buffer_.data() + kept;
    end_ = kept + count;
    const auto* found = static_cast<const char*>(std::memchr(start, delimiter, count));
    field.delimited = found != nullptr;
    begin_ = found != nullptr ? kept + static_cast<size_t>(found - start) + 1 : end_;
    offset_ += begin_ - kept;
  }
  field.bytes = BytesView(buffer_.data(), kept);
  return field;
}

}  // namespace kv
