#include "libkv/zmtp/zmtp_codec.h"

#include <string>

#include <gtest/gtest.h>

#include "libkv/base/random.h"

namespace kv {
namespace {

using namespace std::string_literals;
using Kind = ZmtpCommand::Kind;

constexpr size_t kMax = 1 << 20;

/// A peer's greeting with the given version and mechanism.
std::string greeting(char major, const std::string& mechanism) {
  std::string out = zmtp_greeting();
  out[10] = major;
  out.replace(12, 20, mechanism + std::string(20 - mechanism.size(), '\0'));
  return out;
}

TEST(ZmtpCodec, TheGreetingIsTheSpecifications) {
  EXPECT_EQ(zmtp_greeting(), "\xff\0\0\0\0\0\0\0\0\x7f\x03\x01NULL"s + std::string(48, '\0'));
}

TEST(ZmtpCodec, ReadyIsTheSpecifications) {
  EXPECT_EQ(zmtp_ready("DEALER"),
            "\x04\x29\x05READY\x0bSocket-Type\0\0\0\x06"
            "DEALER\x08Identity\0\0\0\0"s);
}

TEST(ZmtpCodec, MessageHeadersAreShortUpTo255Bytes) {
  const auto header = [](size_t size) {
    std::string out;
    append_zmtp_message_header(out, size);
    return out;
  };
  EXPECT_EQ(header(0), "\0\0"s);
  EXPECT_EQ(header(255), "\0\xff"s);
  EXPECT_EQ(header(256), "\x02\0\0\0\0\0\0\x01\0"s);
  EXPECT_EQ(header(0x123456), "\x02\0\0\0\0\0\x12\x34\x56"s);
}

TEST(ZmtpCodec, PongRepeatsTheContext) {
  std::string out;
  append_zmtp_pong(out, "abc");
  EXPECT_EQ(out, "\x04\x08\x04PONGabc"s);
}

TEST(ZmtpCodec, EveryPrefixOfAGoodGreetingIsFineSoFar) {
  const std::string good = greeting(3, "NULL");
  for (size_t n = 0; n <= good.size(); ++n)
    EXPECT_TRUE(check_zmtp_greeting(good.substr(0, n))) << n;
  EXPECT_TRUE(check_zmtp_greeting(greeting(4, "NULL"))) << "a newer peer falls back to ours";
}

TEST(ZmtpCodec, AStrangerIsKnownEarly) {
  EXPECT_EQ(check_zmtp_greeting("H").error().kind, ErrorKind::corrupt);
  EXPECT_EQ(check_zmtp_greeting("\xff\0\0\0\0\0\0\0\0\0"s).error().kind, ErrorKind::corrupt);
  EXPECT_EQ(check_zmtp_greeting(greeting(1, "").substr(0, 11)).error().kind, ErrorKind::format);
}

TEST(ZmtpCodec, AnotherMechanismIsNamed) {
  const auto curve = check_zmtp_greeting(greeting(3, "CURVE"));
  ASSERT_FALSE(curve);
  EXPECT_EQ(curve.error().kind, ErrorKind::denied);
  EXPECT_NE(curve.error().what.find("CURVE"), std::string::npos);
  EXPECT_FALSE(check_zmtp_greeting(greeting(3, "NULLA")));
  EXPECT_FALSE(check_zmtp_greeting(greeting(3, "NULL\0x"s)));
  EXPECT_FALSE(check_zmtp_greeting(greeting(3, "")));
}

TEST(ZmtpCodec, HeadersParseOnlyWhenWhole) {
  const std::string short_header = "\0\x05"s;
  const std::string long_header = "\x02\0\0\0\0\0\0\x01\0"s;
  for (const std::string& whole : {short_header, long_header})
    for (size_t n = 0; n < whole.size(); ++n) {
      const auto parsed = parse_zmtp_frame_header(whole.substr(0, n), kMax);
      ASSERT_TRUE(parsed);
      EXPECT_FALSE(parsed->has_value()) << n;
    }
  const auto five = parse_zmtp_frame_header(short_header + "more", kMax);
  EXPECT_EQ((*five)->header_bytes, 2u);
  EXPECT_EQ((*five)->body_bytes, 5u);
  EXPECT_FALSE((*five)->command);
  const auto long_one = parse_zmtp_frame_header(long_header, kMax);
  EXPECT_EQ((*long_one)->header_bytes, 9u);
  EXPECT_EQ((*long_one)->body_bytes, 256u);
}

TEST(ZmtpCodec, FlagsAreRead) {
  EXPECT_TRUE((*parse_zmtp_frame_header("\x01\0"s, kMax))->more);
  EXPECT_TRUE((*parse_zmtp_frame_header("\x04\0"s, kMax))->command);
  EXPECT_TRUE((*parse_zmtp_frame_header("\x06\0\0\0\0\0\0\0\x01"s, kMax))->command);
  for (int flags = 0; flags < 256; ++flags) {
    const std::string frame = std::string(1, static_cast<char>(flags)) + std::string(8, '\0');
    const bool allowed = (flags & ~7) == 0 && (flags & 5) != 5;
    EXPECT_EQ(parse_zmtp_frame_header(frame, kMax).has_value(), allowed) << flags;
  }
}

TEST(ZmtpCodec, HugeSizesAreRefusedBeforeAnythingIsAllocated) {
  EXPECT_TRUE(parse_zmtp_frame_header("\x02\0\0\0\0\0\x10\0\0"s, kMax));
  const auto over = parse_zmtp_frame_header("\x02\0\0\0\0\0\x10\0\x01"s, kMax);
  EXPECT_EQ(over.error().kind, ErrorKind::invalid);
  EXPECT_FALSE(parse_zmtp_frame_header("\x02\xff\xff\xff\xff\xff\xff\xff\xff"s, kMax));
  EXPECT_FALSE(parse_zmtp_frame_header("\x02\x80\0\0\0\0\0\0\0"s, kMax));
  // A command has a bound of its own.
  EXPECT_TRUE(parse_zmtp_frame_header("\x06\0\0\0\0\0\0\x10\0"s, kMax));
  EXPECT_FALSE(parse_zmtp_frame_header("\x06\0\0\0\0\0\0\x10\x01"s, kMax));
}

/// A parsed command that keeps the bytes it looks into.
struct Parsed {
  explicit Parsed(std::string body) : bytes(std::move(body)), command(parse_zmtp_command(bytes)) {}
  Kind kind() const { return command->kind; }
  std::string text() const { return std::string(command->text); }
  const std::string bytes;
  const Result<ZmtpCommand> command;
};

TEST(ZmtpCodec, ReadyTellsTheSocketTypeUnderAnyCase) {
  const Parsed parsed("\x05READY\x08Identity\0\0\0\x02zz\x0bSOCKET-type\0\0\0\x06ROUTER"s);
  ASSERT_TRUE(parsed.command);
  EXPECT_EQ(parsed.kind(), Kind::ready);
  EXPECT_EQ(parsed.text(), "ROUTER");
  EXPECT_EQ(Parsed("\x05READY").text(), "");
}

TEST(ZmtpCodec, CommandsOfTrafficParse) {
  const Parsed ping(
      "\x04PING\0\x0a"
      "ctx"s);
  EXPECT_EQ(ping.kind(), Kind::ping);
  EXPECT_EQ(ping.text(), "ctx");
  EXPECT_EQ(Parsed("\x04PONGctx").kind(), Kind::pong);
  const Parsed error(
      "\x05"
      "ERROR\x02no");
  EXPECT_EQ(error.kind(), Kind::error);
  EXPECT_EQ(error.text(), "no");
}

TEST(ZmtpCodec, EveryTruncationOfACommandIsRefusedOrMeansLess) {
  const std::string ready = zmtp_ready("ROUTER").substr(2);
  // Only the cuts between properties leave a well-formed READY.
  const size_t type_end = 6 + 12 + 4 + 6;
  for (size_t n = 0; n < ready.size(); ++n)
    EXPECT_EQ(parse_zmtp_command(ready.substr(0, n)).has_value(), n == 6 || n == type_end) << n;
  for (const std::string& whole : {"\x05"
                                   "ERROR\x02no"s,
                                   "\x04PING\0\0"s})
    for (size_t n = 0; n < whole.size(); ++n)
      EXPECT_FALSE(parse_zmtp_command(whole.substr(0, n))) << whole << n;
}

TEST(ZmtpCodec, HostileCommandsAreRefused) {
  for (const std::string& body :
       {""s, "\xff"s, "\x05HELLO"s, "\x09SUBSCRIBEx"s, "\x05READY\0\0\0\0\0"s,
        "\x05READY\x01"
        "a\xff\xff\xff\xff"s,
        "\x05"
        "ERROR\x01no"s,
        "\x04PING\0\0"s + std::string(17, 'x'), "\x04PONG"s + std::string(17, 'x')})
    EXPECT_FALSE(parse_zmtp_command(body)) << body;
}

TEST(ZmtpCodec, RandomBytesNeverDoHarm) {
  Random random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = round % 2 == 0 ? "" : "\x05READY";
    for (uint64_t n = random.below(40); n > 0; --n) bytes += static_cast<char>(random.below(256));
    const auto header = parse_zmtp_frame_header(bytes, kMax);
    ASSERT_TRUE(!header || !*header || (*header)->body_bytes <= kMax);
    const auto command = parse_zmtp_command(bytes);
    ASSERT_TRUE(!command || command->text.size() <= bytes.size());
    (void)check_zmtp_greeting(bytes);
  }
}

TEST(ZmtpCodec, ShownTextIsPrintableAndShort) {
  EXPECT_EQ(shown_zmtp_text("a\nb\x1b\xff"), "a?b??");
  EXPECT_EQ(shown_zmtp_text(std::string(100, 'a')).size(), 64u);
}

}  // namespace
}  // namespace kv
