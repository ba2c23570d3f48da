// Frames: what is written is read, what is damaged is refused, what is unknown is passed over.
#include "libkv/wire/frame_codec.h"

#include <gtest/gtest.h>

#include "libkv/base/random.h"

namespace kv {
namespace {

/// Encodes again whatever it is handed, so that equality of bytes shows equality of all fields.
struct Echo {
  FrameBuilder builder;
  size_t count = 0;
  template <typename M>
  void on(M&& message) {
    builder.add(message);
    ++count;
  }
};

Record record_with(const std::string& value) {
  Record record;
  Sibling sibling;
  sibling.dot = {Actor(3, 0x1234567890ab), 7};
  sibling.put = {11, 12};
  sibling.value = SharedBytes(value);
  sibling.timestamp = wall_time_of(1'700'000'000'000'000);
  record.context.see(sibling.dot);
  record.context.see(PutId{11, 12}, 1);
  record.siblings.push_back(sibling);
  return record;
}

/// A frame with one message of every type, some with contents.
Frame one_of_each() {
  FrameBuilder builder;
#define KV_ADD_(number, name) builder.add(msg::name{});
  // Default siblings and members would not be valid on the wire; these have no such fields unset.
  KV_MESSAGES(KV_ADD_)
#undef KV_ADD_
  msg::Mint mint;
  mint.id = ~uint64_t{0};
  mint.epoch = 41;
  mint.time_left = 1500ms;
  mint.key = SharedBytes(std::string("a\0b", 3));
  mint.context = record_with("").context;
  mint.value = SharedBytes(std::string(3000, 'v'));
  mint.hint_for = {1, 65535};
  builder.add(mint);
  builder.add(
      msg::Merge{5, 6, 7ms, 8, SharedBytes(std::string("k")), record_with("x"), 9, {2}, {3}});
  msg::ScanPageDone page;
  page.records = {{SharedBytes(std::string("k")), record_with("y"), 4}};
  page.refilling = {1, 2, 3};
  builder.add(page);
  builder.add(msg::TreeLeavesTold{1, Answer::ok, 2, {{7, 8}, {9, ~uint64_t{0}}}});
  builder.add(msg::Heartbeats{1, 2, {{3, 4, 5, 6, {{7, 8, 9}}}}});
  msg::Told told;
  told.report = Report::object().set("n", 1).set("list", Report::array().append("x"));
  builder.add(told);
  return builder.take({{1, 2}, 99});
}

TEST(FrameCodec, EveryMessageComesBackAsItWasWritten) {
  const Frame frame = one_of_each();
  FrameParser parser(frame);
  ASSERT_TRUE(parser.status());
  EXPECT_EQ(parser.head().cluster, (ClusterId{1, 2}));
  EXPECT_EQ(parser.head().epoch, 99u);
  Echo echo;
  const Status status = parser.for_each(echo);
  ASSERT_TRUE(status) << status.error().what;
#define KV_COUNT_(number, name) +1
  EXPECT_EQ(echo.count, size_t{0 KV_MESSAGES(KV_COUNT_)} + 6);
#undef KV_COUNT_
  EXPECT_EQ(echo.builder.take({{1, 2}, 99}).view(), frame.view());
}

TEST(FrameCodec, AFrameCutAnywhereIsRefused) {
  const Frame frame = one_of_each();
  for (size_t size = 0; size < frame.size(); ++size) {
    const Frame cut = SharedBytes::copy_of(frame.view().substr(0, size));
    FrameParser parser(cut);
    Echo echo;
    ASSERT_FALSE(parser.status() && parser.for_each(echo)) << "cut at " << size;
  }
}

TEST(FrameCodec, DamagedBytesNeverCrash) {
  const Frame frame = one_of_each();
  Random random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes(frame.view());
    for (uint64_t flips = 1 + random.below(4); flips > 0; --flips)
      bytes[random.below(bytes.size())] = static_cast<char>(random.next());
    const Frame damaged{std::move(bytes)};
    FrameParser parser(damaged);
    Echo echo;
    if (parser.status()) static_cast<void>(parser.for_each(echo));
  }
}

TEST(FrameCodec, AShortMessageCannotAskForMuchMemory) {
  // [1, nil, 0, array32 of 4,294,967,295 messages]
  const Frame frame{std::string("\x94\x01\xc0\x00\xdd\xff\xff\xff\xff", 9)};
  EXPECT_FALSE(FrameParser(frame).status());
}

TEST(FrameCodec, ANewerProtocolIsRefusedByName) {
  const Frame frame{std::string("\x94\x02\xc0\x00\x90", 5)};
  const Status status = FrameParser(frame).status();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::format);
}

TEST(FrameCodec, UnknownMessagesAndTrailingFieldsArePassedOver) {
  // [1, nil, 0, [[9999, [1, 2], "x"], [75, 5, "new field"]], "new head field"]
  const Frame frame{
      std::string("\x95\x01\xc0\x00\x92"
                  "\x93\xcd\x27\x0f\x92\x01\x02\xa1x"
                  "\x93\x4b\x05\xa9new field"
                  "\xaenew head field",
                  42)};
  FrameParser parser(frame);
  ASSERT_TRUE(parser.status());
  struct Taken {
    std::vector<msg::RequestId> ids;
    void on(msg::OwedList&& list) { ids.push_back(list.id); }
  } taken;
  const Status status = parser.for_each(taken);
  ASSERT_TRUE(status) << status.error().what;
  EXPECT_EQ(taken.ids, std::vector<msg::RequestId>{5});
}

TEST(FrameCodec, AMessageWithoutAKnownFieldIsRefused) {
  // OwedList without its id.
  const Frame frame{std::string("\x94\x01\xc0\x00\x91\x91\x4b", 7)};
  FrameParser parser(frame);
  ASSERT_TRUE(parser.status());
  Echo echo;
  EXPECT_FALSE(parser.for_each(echo));
  EXPECT_EQ(echo.count, 0u);
}

TEST(FrameCodec, ValuesAreWindowsIntoTheFrame) {
  FrameBuilder builder;
  msg::ClientPut put;
  put.value = SharedBytes(std::string(100, 'v'));
  builder.add(put);
  const Frame frame = builder.take({});
  struct Taken {
    SharedBytes value;
    void on(msg::ClientPut&& message) { value = std::move(message.value); }
  } taken;
  FrameParser parser(frame);
  ASSERT_TRUE(parser.for_each(taken));
  EXPECT_GE(taken.value.data(), frame.data());
  EXPECT_LT(taken.value.data(), frame.data() + frame.size());
}

}  // namespace
}  // namespace kv
