// Units, base64, UTF-8, JSON and TSV text, printable keys.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <rapidcheck/gtest.h>

#include "libkv/cli/base64.h"
#include "libkv/cli/escaped_text.h"
#include "libkv/cli/json_line.h"
#include "libkv/cli/json_text.h"
#include "libkv/cli/message.h"
#include "libkv/cli/tsv_text.h"
#include "libkv/cli/units.h"
#include "libkv/cli/utf8.h"

namespace kv {
namespace {

TEST(Units, ReadsDurations) {
  EXPECT_EQ(parse_duration("5s").value(), 5s);
  EXPECT_EQ(parse_duration("250ms").value(), 250ms);
  EXPECT_EQ(parse_duration("30m").value(), 30min);
  EXPECT_EQ(parse_duration("0").value(), 0s);
  EXPECT_EQ(parse_duration("2d").value(), 48h);
  for (const char* bad : {"", "5", "s", "-5s", "5 s", "1.5s", "5S", "99999999999999999999s",
                          "9999999999d", "0x5s", "5ss"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
}

TEST(Units, ReadsSizes) {
  EXPECT_EQ(parse_size("64MiB").value(), 64u << 20);
  EXPECT_EQ(parse_size("512").value(), 512u);
  EXPECT_EQ(parse_size("1kB").value(), 1000u);
  EXPECT_EQ(format_size(1 << 20), "1MiB");
  for (const char* bad : {"", "MiB", "-1", "64 MiB", "64mib", "99999999999TiB"}) {
    EXPECT_FALSE(parse_size(bad)) << bad;
  }
}

RC_GTEST_PROP(Units, RoundTrip, (uint64_t number)) {
  RC_ASSERT(parse_size(format_size(number)).value() == number);
  const Duration duration(number >> 1);
  RC_ASSERT(parse_duration(format_duration(duration)).value() == duration);
}

RC_GTEST_PROP(Base64, RoundTrip, (const std::string& bytes)) {
  std::string text;
  append_base64(text, bytes);
  RC_ASSERT(decode_base64(text).value() == bytes);
}

TEST(Base64, KnowsTheVectorsOfTheRfc) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    std::string out;
    append_base64(out, bytes);
    EXPECT_EQ(out, text);
  }
}

TEST(Base64, RefusesWhatHasASecondSpelling) {
  for (const char* bad :
       {"Zg", "Zg=", "Zg===", "Zh==", "Z===", "Zm9=", "Z m9v", "=", "====", "Zg==Zg==", "Zm9-"}) {
    EXPECT_FALSE(decode_base64(bad)) << bad;
  }
}

// nlohmann-json is the reference: it refuses to dump what is not UTF-8.
bool reference_is_utf8(const std::string& bytes) {
  try {
    (void)nlohmann::json(bytes).dump();
    return true;
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

TEST(Utf8, AgreesWithTheReferenceOnEveryShortForm) {
  for (int first = 0x7e; first < 0x100; ++first) {
    for (int second = 0x7e; second < 0x100; ++second) {
      for (const char* tail : {"", "\x80", "\x80\xbf", "a"}) {
        const std::string bytes =
            std::string{static_cast<char>(first), static_cast<char>(second)} + tail;
        ASSERT_EQ(is_utf8(bytes), reference_is_utf8(bytes)) << first << " " << second;
      }
    }
  }
}

RC_GTEST_PROP(JsonText, AnyTextComesBack, (const std::string& bytes)) {
  std::string text = "{";
  append_json_bytes(text, "x", bytes);
  const auto parsed = nlohmann::json::parse(text + "}");
  if (is_utf8(bytes)) {
    RC_ASSERT(parsed["x"] == bytes);
  } else {
    RC_ASSERT(decode_base64(parsed["x_b64"].get<std::string>()).value() == bytes);
  }
}

RC_GTEST_PROP(JsonText, StringsAreAlwaysJson, (const std::string& bytes)) {
  std::string text;
  append_json_string(text, bytes);
  RC_ASSERT(nlohmann::json::accept(text));
}

RC_GTEST_PROP(TsvText, RoundTrip, (const std::string& bytes)) {
  std::string text;
  append_tsv(text, bytes);
  RC_ASSERT(text.find_first_of(std::string("\t\n\r\0", 4)) == std::string::npos);
  std::string back;
  RC_ASSERT(unescape_tsv(text, back).has_value());
  RC_ASSERT(back == bytes);
}

TEST(TsvText, RefusesUnknownEscapes) {
  for (const char* bad : {"\\", "a\\", "\\x", "a\tb", "\\N"}) {
    std::string out;
    EXPECT_FALSE(unescape_tsv(bad, out)) << bad;
  }
}

TEST(Message, ShowsKeysWithoutObeyingThem) {
  EXPECT_EQ(printable("cart:7"), "cart:7");
  EXPECT_EQ(printable("caf\xc3\xa9"), "caf\xc3\xa9");
  EXPECT_EQ(printable("\x1b[31m\n"), "\\x1b[31m\\x0a");
  EXPECT_EQ(printable("\xff"), "\\xff");
  EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b");
  EXPECT_EQ(printable(std::string(1000, 'a')).size(), 203u);
}

TEST(EscapedTextTest, PrintableAsciiStandsAsItIsAndEverythingElseAsHex) {
  EXPECT_EQ(escaped("a b~"), "a b~");
  EXPECT_EQ(escaped(std::string("\\\n\0\x7f\xff\xc3\xa4", 7)),
            "\\\\\\x0a\\x00\\x7f\\xff\\xc3\\xa4");
}

TEST(JsonLineTest, AnObjectALine) {
  EXPECT_EQ(JsonLine().line(), "{}\n");
  EXPECT_EQ(JsonLine()
                .text("a\"", "x\n")
                .bytes("b", "\xff")
                .number("c", 12)
                .number("d", std::optional<uint64_t>())
                .flag("e", false)
                .line(),
            "{\"a\\\"\":\"x\\n\",\"b_b64\":\"/w==\",\"c\":12,\"e\":false}\n");
}

}  // namespace
}  // namespace kv
