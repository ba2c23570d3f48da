// Writes msgpack (github.com/msgpack/msgpack, spec.md) to the end of a string: always the shortest
// form, so equal values give equal bytes. Not thread-safe; the string must outlive the writer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "libkv/base/bytes.h"

namespace kv {

class MsgpackWriter {
 public:
  explicit MsgpackWriter(std::string* out) : out_(out) {}

  void nil() { byte(0xc0); }
  void boolean(bool value) { byte(value ? 0xc3 : 0xc2); }
  void unsigned_integer(uint64_t value);
  void integer(int64_t value);
  void real(double value);  ///< Always 64 bits.
  void text(BytesView value);
  void bytes(BytesView value);
  void array(size_t count);  ///< `count` values follow.
  void map(size_t count);    ///< `count` pairs of values follow.
  /// One value that is already msgpack, or the rest of an array. REQUIRES: it is.
  void raw(BytesView encoded) { out_->append(encoded); }

 private:
  void byte(unsigned value) { out_->push_back(static_cast<char>(value)); }
  /// `lead`, then the value's lowest `width` bytes in network order.
  void number(unsigned lead, uint64_t value, unsigned width);

  std::string* out_;
};

}  // namespace kv
