// Our writer and reader against the reference implementation, and against hostile bytes.
#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>
#include <msgpack.hpp>
#include <rapidcheck/gtest.h>

#include "libkv/base/random.h"
#include "libkv/codec/msgpack_reader.h"
#include "libkv/codec/msgpack_writer.h"

namespace kv {
namespace {

template <typename Write>
std::string written(Write write) {
  std::string bytes;
  MsgpackWriter writer(&bytes);
  write(writer);
  return bytes;
}

template <typename T>
std::string packed_by_reference(const T& value) {
  msgpack::sbuffer buffer;
  msgpack::pack(buffer, value);
  return {buffer.data(), buffer.size()};
}

// Both signs of every power of two and their neighbours: all borders between the forms.
std::vector<int64_t> border_integers() {
  std::vector<int64_t> values = {0, INT64_MIN, INT64_MAX};
  for (unsigned bit = 0; bit < 63; ++bit) {
    for (const int64_t near : {-1, 0, 1}) {
      values.push_back((int64_t{1} << bit) + near);
      values.push_back(-(int64_t{1} << bit) + near);
    }
  }
  return values;
}

TEST(Msgpack, WritesIntegersAsTheReferenceDoesAndReadsThemBack) {
  for (const int64_t value : border_integers()) {
    const std::string bytes = written([&](auto& writer) { writer.integer(value); });
    EXPECT_EQ(bytes, packed_by_reference(value)) << value;
    MsgpackReader reader(bytes);
    EXPECT_EQ(reader.integer(), value);
    EXPECT_TRUE(reader.finish("integer")) << value;
    if (value < 0) {
      MsgpackReader unsigned_reader(bytes);
      EXPECT_EQ(unsigned_reader.unsigned_integer(), 0u);
      EXPECT_FALSE(unsigned_reader.ok()) << value;
    }
  }
  const uint64_t most = UINT64_MAX;
  const std::string bytes = written([&](auto& writer) { writer.unsigned_integer(most); });
  EXPECT_EQ(bytes, packed_by_reference(most));
  MsgpackReader reader(bytes);
  EXPECT_EQ(reader.unsigned_integer(), most);
  MsgpackReader signed_reader(bytes);
  signed_reader.integer();
  EXPECT_FALSE(signed_reader.ok());
}

TEST(Msgpack, ReadsEveryWidthWhetherShortestOrNot) {
  for (const std::string& bytes :
       {std::string("\x05"), std::string("\xcc\x05"), std::string("\xcd\0\x05", 3),
        std::string("\xce\0\0\0\x05", 5), std::string("\xcf\0\0\0\0\0\0\0\x05", 9),
        std::string("\xd0\x05"), std::string("\xd1\0\x05", 3), std::string("\xd2\0\0\0\x05", 5),
        std::string("\xd3\0\0\0\0\0\0\0\x05", 9)}) {
    MsgpackReader reader(bytes);
    EXPECT_EQ(reader.unsigned_integer(), 5u);
    EXPECT_TRUE(reader.finish("integer"));
  }
}

TEST(Msgpack, WritesBytesTextAndCountsOfEveryWidth) {
  for (const size_t size : {0u, 1u, 15u, 16u, 31u, 32u, 255u, 256u, 65'535u, 65'536u}) {
    const std::string payload(size, 'x');
    const std::string text = written([&](auto& writer) { writer.text(payload); });
    EXPECT_EQ(text, packed_by_reference(payload)) << size;
    const std::string bytes = written([&](auto& writer) { writer.bytes(payload); });
    EXPECT_EQ(bytes, packed_by_reference(std::vector<char>(payload.begin(), payload.end())));
    MsgpackReader reader(bytes);
    EXPECT_EQ(reader.bytes(), payload);
    EXPECT_TRUE(reader.finish("bytes"));
    MsgpackReader as_text(bytes);
    EXPECT_EQ(as_text.text(), "");
    EXPECT_FALSE(as_text.ok()) << "bytes are not text";
    const std::string array = written([&](auto& writer) {
      writer.array(size);
      for (size_t i = 0; i < size; ++i) writer.nil();
    });
    EXPECT_EQ(array, packed_by_reference(std::vector<msgpack::type::nil_t>(size)));
    MsgpackReader array_reader(array);
    EXPECT_EQ(array_reader.array(), size);
    array_reader.skip(size);
    EXPECT_TRUE(array_reader.finish("array"));
  }
}

TEST(Msgpack, ReadsRealNumbersOfBothWidths) {
  for (const double value : {0.5, -1.5, 1e300, std::numeric_limits<double>::infinity()}) {
    const std::string bytes = written([&](auto& writer) { writer.real(value); });
    EXPECT_EQ(bytes, packed_by_reference(value));
    MsgpackReader reader(bytes);
    EXPECT_EQ(reader.real(), value);
  }
  const std::string narrow = packed_by_reference(0.25f);
  MsgpackReader reader(narrow);
  EXPECT_EQ(reader.real(), 0.25);
  EXPECT_TRUE(reader.finish("real"));
}

TEST(Msgpack, RefusesCountsThatCannotFit) {
  for (const std::string bytes : {"\xdd\xff\xff\xff\xff", "\xdf\xff\xff\xff\xff",
                                  "\xdb\xff\xff\xff\xff", "\xc6\xff\xff\xff\xff"}) {
    MsgpackReader reader(bytes);
    reader.skip();
    EXPECT_FALSE(reader.ok());
    MsgpackReader counted(bytes);
    EXPECT_EQ(counted.array(), 0u);
    EXPECT_FALSE(counted.ok());
  }
  MsgpackReader wide_elements(BytesView("\x92\x01\x02"));
  EXPECT_EQ(wide_elements.array(2), 0u);
  EXPECT_FALSE(wide_elements.ok());
}

TEST(Msgpack, SkipsToALimitedDepthOnly) {
  const auto nested = [](size_t depth) { return std::string(depth, '\x91') + '\x01'; };
  const std::string deep = nested(limits::nesting_max);
  MsgpackReader allowed(deep);
  allowed.skip();
  EXPECT_TRUE(allowed.finish("nested"));
  const std::string deeper = nested(limits::nesting_max + 1);
  MsgpackReader refused(deeper);
  refused.skip();
  EXPECT_FALSE(refused.ok());
  const std::string abyss = nested(1'000'000);
  MsgpackReader hostile(abyss);
  hostile.skip();
  EXPECT_FALSE(hostile.ok());
}

TEST(Msgpack, AnErrorSticksAndNothingMoreIsRead) {
  MsgpackReader reader(BytesView("\x01\xc3\x02\x03"));
  EXPECT_EQ(reader.unsigned_integer(), 1u);
  EXPECT_EQ(reader.bytes(), "");
  EXPECT_FALSE(reader.ok());
  EXPECT_FALSE(reader.boolean());
  EXPECT_EQ(reader.unsigned_integer(), 0u);
  EXPECT_EQ(reader.offset(), 1u);
  const Status status = reader.finish("a thing");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::corrupt);
  EXPECT_EQ(status.error().what, "a thing: offset 1: the bytes do not parse");
}

TEST(Msgpack, TellsANewerFormatFromDamage) {
  MsgpackReader reader(BytesView("\x92\x09\x01"));
  reader.fields(2);
  reader.format(1);
  reader.unsigned_integer();
  ASSERT_FALSE(reader.finish("x"));
  EXPECT_EQ(reader.finish("x").error().kind, ErrorKind::format);
}

// Whatever the bytes, skip() accepts exactly what the reference accepts (within our depth). The
// reference allocates what a count announces, so it is told that these inputs hold no more than 64.
TEST(Msgpack, SkipAgreesWithTheReferenceOnRandomBytes) {
  const msgpack::unpack_limit limit(64, 64, 64, 64, 64, limits::nesting_max);
  Random random(42);
  int agreed_good = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes;
    const uint64_t size = 1 + random.below(12);
    for (uint64_t k = 0; k < size; ++k) bytes.push_back(static_cast<char>(random.next()));
    MsgpackReader reader(bytes);
    reader.skip();
    bool reference_ok = true;
    size_t offset = 0;
    try {
      const auto handle =
          msgpack::unpack(bytes.data(), bytes.size(), offset, nullptr, nullptr, limit);
    } catch (const std::exception&) {
      reference_ok = false;
    }
    ASSERT_EQ(reader.ok(), reference_ok) << i;
    if (reference_ok) {
      ASSERT_EQ(reader.offset(), offset) << i;
      ++agreed_good;
    }
  }
  EXPECT_GT(agreed_good, 1000);
}

}  // namespace
}  // namespace kv
