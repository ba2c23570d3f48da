#include "libkv/codec/record_codec.h"

#include <gtest/gtest.h>
#include <msgpack.hpp>
#include <rapidcheck/gtest.h>

#include "libkv/base/random.h"
#include "libkv/codec/context_codec.h"
#include "tests/unit/codec/arbitrary.h"

namespace kv {
namespace {

Record sample() {
  Record record;
  record.context.see(Dot{Actor(1, 0xabcdef), 2});
  record.context.see(Dot{Actor(2, 0x123456), 1});
  record.context.see(PutId{77, 8}, 1);
  Sibling value;
  value.dot = {Actor(1, 0xabcdef), 2};
  value.put = {77, 9};
  value.value = SharedBytes("a value");
  value.expiry = wall_time_of(2'000'000'000'000'000);
  value.timestamp = wall_time_of(1'700'000'000'000'000);
  Sibling tombstone;
  tombstone.dot = {Actor(2, 0x123456), 1};
  tombstone.put = {78, 1};
  tombstone.attempt = 3;
  tombstone.tombstone = true;
  tombstone.timestamp = wall_time_of(1'700'000'000'000'001);
  record.siblings = {value, tombstone};
  return record;
}

RC_GTEST_PROP(RecordCodec, DecodeUndoesEncode, (const Record& record)) {
  const auto decoded = decode_record(SharedBytes(encode_record(record)));
  RC_ASSERT(decoded.has_value());
  RC_ASSERT(*decoded == record);
  RC_ASSERT(digest_of(*decoded) == digest_of(record));
}

RC_GTEST_PROP(RecordCodec, DecodeUndoesEncodeOfStoredRecords,
              (const Record& record, bool marked, uint64_t birth, uint64_t incarnation)) {
  StoredRecord stored{record, std::nullopt, birth};
  if (marked) stored.mark = BirthMark{birth, incarnation};
  const auto decoded = decode_stored_record(SharedBytes(encode_stored_record(stored)));
  RC_ASSERT(decoded.has_value());
  RC_ASSERT(*decoded == stored);
}

RC_GTEST_PROP(RecordCodec, TheReferenceDecodesTheSameBytes, (const Record& record)) {
  const std::string bytes = encode_record(record);
  const auto handle = msgpack::unpack(bytes.data(), bytes.size());
  const msgpack::object& object = handle.get();
  RC_ASSERT(object.type == msgpack::type::ARRAY);
  RC_ASSERT(object.via.array.size == 4u);
  const msgpack::object* fields = object.via.array.ptr;
  RC_ASSERT(fields[0].as<int>() == 1);
  RC_ASSERT(fields[1].as<int>() == static_cast<int>(record.kind));
  const auto actors = fields[2].via.array.ptr[0].as<std::vector<uint64_t>>();
  RC_ASSERT(actors.size() == 2 * record.context.actors().size());
  const msgpack::object_array siblings = fields[3].via.array;
  RC_ASSERT(siblings.size == record.siblings.size());
  for (size_t i = 0; i < siblings.size; ++i) {
    const msgpack::object* sibling = siblings.ptr[i].via.array.ptr;
    RC_ASSERT(sibling[0].as<uint64_t>() == record.siblings[i].dot.actor.packed);
    RC_ASSERT(sibling[6].as<int64_t>() == microseconds_of(record.siblings[i].timestamp));
    const auto value = sibling[8].as<std::vector<char>>();
    RC_ASSERT(std::string(value.begin(), value.end()) == record.siblings[i].value.view());
  }
  // And it packs what it has read into the same bytes: ours are the shortest forms.
  msgpack::sbuffer buffer;
  msgpack::pack(buffer, object);
  RC_ASSERT(std::string(buffer.data(), buffer.size()) == bytes);
}

TEST(RecordCodec, ValuesAreWindowsThatKeepTheBytesAlive) {
  Record decoded;
  const char* from = nullptr;
  {
    const SharedBytes bytes(encode_record(sample()));
    from = bytes.data();
    decoded = decode_record(bytes).value();
  }
  const SharedBytes& value = decoded.siblings[0].value;
  EXPECT_EQ(value.view(), "a value");
  EXPECT_GT(value.data(), from);
  EXPECT_LT(value.data(), from + 200);
}

TEST(RecordCodec, EveryTruncationAndEveryTailIsRefused) {
  const StoredRecord stored{sample(), BirthMark{0xabcdef, 99}, 5};
  const std::string whole = encode_stored_record(stored);
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto decoded = decode_stored_record(SharedBytes(whole.substr(0, size)));
    ASSERT_FALSE(decoded.has_value()) << size;
    EXPECT_EQ(decoded.error().kind, ErrorKind::corrupt) << size;
  }
  EXPECT_FALSE(decode_stored_record(SharedBytes(whole + '\0')).has_value());
}

TEST(RecordCodec, DamagedBytesNeverCrash) {
  const std::string whole = encode_stored_record({sample(), BirthMark{0xabcdef, 99}, 5});
  Random random(7);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = whole;
    for (uint64_t k = 0; k <= random.below(3); ++k) {
      bytes[random.below(bytes.size())] = static_cast<char>(random.next());
    }
    const auto decoded = decode_stored_record(SharedBytes(bytes));
    if (decoded) digest_of(decoded->record);
  }
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = "\x95\x01\x94\x01";
    for (uint64_t k = 0; k < random.below(40); ++k)
      bytes.push_back(static_cast<char>(random.next()));
    EXPECT_FALSE(decode_stored_record(SharedBytes(bytes)).has_value());
  }
}

TEST(RecordCodec, FieldsOfANewerVersionArePassedOver) {
  const Record record = sample();
  std::string bytes = encode_record(record);
  ASSERT_EQ(bytes[0], '\x94');
  bytes[0] = '\x96';
  bytes += "\x81\xa1x\x93\x01\x02\x03";  // {"x": [1, 2, 3]}
  bytes += "\xc0";
  const auto decoded = decode_record(SharedBytes(bytes));
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(*decoded, record);
}

TEST(RecordCodec, AGreaterFormatNumberIsNamed) {
  std::string bytes = encode_record(sample());
  bytes[1] = 2;
  const auto decoded = decode_record(SharedBytes(bytes));
  ASSERT_FALSE(decoded.has_value());
  EXPECT_EQ(decoded.error().kind, ErrorKind::format);
}

TEST(RecordCodec, UnsortedSiblingsAreRefused) {
  Record record = sample();
  std::swap(record.siblings[0], record.siblings[1]);
  EXPECT_FALSE(decode_record(SharedBytes(encode_record(record))).has_value());
}

// The bytes on disk and on the wire: never change. If this fails, the format did.
TEST(RecordCodec, TheBytesOfASmallRecordStand) {
  Record record;
  record.context.see(Dot{Actor(1, 2), 3});
  Sibling sibling;
  sibling.dot = {Actor(1, 2), 3};
  sibling.put = {4, 5};
  sibling.value = SharedBytes("v");
  sibling.timestamp = wall_time_of(6);
  record.siblings = {sibling};
  const std::string actor("\xcf\x00\x01\x00\x00\x00\x00\x00\x02", 9);
  const std::string want = "\x94\x01" + std::string(1, '\0') + "\x93\x92" + actor + "\x03\x90" +
                           std::string(1, '\0') + "\x91\x99" + actor + "\x03\x04\x05\x01" +
                           std::string(1, '\0') + "\x06\xc0\xc4\x01v";
  EXPECT_EQ(encode_record(record), want);
}

RC_GTEST_PROP(ContextCodec, TextComesBack, (const CausalContext& context)) {
  const std::string text = context_to_text(context);
  RC_ASSERT(text.substr(0, 4) == "kv1:");
  RC_ASSERT(text.find_first_of("+/= \n") == std::string::npos);
  const auto parsed = context_from_text(" " + text + "\n");
  RC_ASSERT(parsed.has_value());
  RC_ASSERT(*parsed == context);
}

TEST(ContextCodec, DamagedTextIsRefusedWithAReason) {
  const std::string text = context_to_text(sample().context);
  for (size_t size = 0; size < text.size(); ++size) {
    ASSERT_FALSE(context_from_text(text.substr(0, size)).has_value()) << size;
  }
  for (size_t i = 0; i < text.size(); ++i) {
    std::string damaged = text;
    damaged[i] = damaged[i] == 'A' ? 'B' : 'A';
    ASSERT_FALSE(context_from_text(damaged).has_value()) << i;
  }
  EXPECT_EQ(context_from_text("kv2:AAAA").error().kind, ErrorKind::format);
  EXPECT_EQ(context_from_text("hello").error().what,
            "context: not a context (it must start with kv1:)");
  EXPECT_EQ(context_from_text("kv1:AA AA").error().kind, ErrorKind::invalid);
}

}  // namespace
}  // namespace kv
