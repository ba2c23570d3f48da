#include "libkv/codec/msgpack_writer.h"

#include <bit>
#include <cstring>

#include "libkv/base/assert.h"

namespace kv {

namespace {
constexpr uint64_t kLengthMax = 0xffff'ffff;  // Of the format.
}

void MsgpackWriter::number(unsigned lead, uint64_t value, unsigned width) {
  static_assert(std::endian::native == std::endian::little);
  char bytes[9];
  bytes[0] = static_cast<char>(lead);
  const uint64_t leading = __builtin_bswap64(value << (64 - 8 * width));
  std::memcpy(bytes + 1, &leading, sizeof(leading));
  out_->append(bytes, 1 + width);
}

void MsgpackWriter::unsigned_integer(uint64_t value) {
  if (value < 0x80) {
    byte(static_cast<unsigned>(value));
  } else if (value <= 0xff) {
    number(0xcc, value, 1);
  } else if (value <= 0xffff) {
    number(0xcd, value, 2);
  } else if (value <= 0xffff'ffff) {
    number(0xce, value, 4);
  } else {
    number(0xcf, value, 8);
  }
}

void MsgpackWriter::integer(int64_t value) {
  const auto bits = static_cast<uint64_t>(value);
  if (value >= 0) {
    unsigned_integer(bits);
  } else if (value >= -32) {
    byte(static_cast<unsigned>(bits & 0xff));
  } else if (value >= INT8_MIN) {
    number(0xd0, bits, 1);
  } else if (value >= INT16_MIN) {
    number(0xd1, bits, 2);
  } else if (value >= INT32_MIN) {
    number(0xd2, bits, 4);
  } else {
    number(0xd3, bits, 8);
  }
}

void MsgpackWriter::real(double value) {
  uint64_t bits = 0;
  static_assert(sizeof(bits) == sizeof(value));
  std::memcpy(&bits, &value, sizeof(bits));
  number(0xcb, bits, 8);
}

void MsgpackWriter::text(BytesView value) {
  const size_t size = value.size();
  KV_ASSERT(size <= kLengthMax);
  if (size < 32) {
    byte(0xa0 | static_cast<unsigned>(size));
  } else if (size <= 0xff) {
    number(0xd9, size, 1);
  } else if (size <= 0xffff) {
    number(0xda, size, 2);
  } else {
    number(0xdb, size, 4);
  }
  out_->append(value);
}

void MsgpackWriter::bytes(BytesView value) {
  const size_t size = value.size();
  KV_ASSERT(size <= kLengthMax);
  if (size <= 0xff) {
    number(0xc4, size, 1);
  } else if (size <= 0xffff) {
    number(0xc5, size, 2);
  } else {
    number(0xc6, size, 4);
  }
  out_->append(value);
}

void MsgpackWriter::array(size_t count) {
  KV_ASSERT(count <= kLengthMax);
  if (count < 16) {
    byte(0x90 | static_cast<unsigned>(count));
  } else if (count <= 0xffff) {
    number(0xdc, count, 2);
  } else {
    number(0xdd, count, 4);
  }
}

void MsgpackWriter::map(size_t count) {
  KV_ASSERT(count <= kLengthMax);
  if (count < 16) {
    byte(0x80 | static_cast<unsigned>(count));
  } else if (count <= 0xffff) {
    number(0xde, count, 2);
  } else {
    number(0xdf, count, 4);
  }
}

}  // namespace kv
