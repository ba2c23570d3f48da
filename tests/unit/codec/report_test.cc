#include "libkv/codec/report_codec.h"

#include <cmath>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "libkv/base/random.h"

namespace kv {
namespace {

std::string json(const Report& report) {
  std::string text;
  to_json(report, &text);
  return text;
}

Report sample() {
  Report report = Report::object();
  report.set("member", "s1").set("epoch", 12u).set("skew", -3).set("load", 0.5).set("up", true);
  report["none"];
  report["list"].append(1).append("two").append(Report::object()).append(Report::array());
  report.set("big", UINT64_MAX).set("small", INT64_MIN);
  return report;
}

Report random_report(Random& random, int depth) {
  switch (random.below(depth == 0 ? 6 : 8)) {
    case 0:
      return {};
    case 1:
      return random.chance(0.5);
    case 2:
      return static_cast<int64_t>(random.next());
    case 3:
      return random.next() >> random.below(64);
    case 4:
      return random.unit() * 1e9;
    case 5: {
      std::string text;
      for (uint64_t i = random.below(6); i > 0; --i)
        text.push_back(static_cast<char>(random.next()));
      return text;
    }
    case 6: {
      Report array = Report::array();
      for (uint64_t i = random.below(4); i > 0; --i) array.append(random_report(random, depth - 1));
      return array;
    }
    default: {
      Report object = Report::object();
      for (uint64_t i = random.below(4); i > 0; --i) {
        object.set(std::to_string(random.below(100)), random_report(random, depth - 1));
      }
      return object;
    }
  }
}

TEST(Report, WritesJsonInOrder) {
  EXPECT_EQ(json(sample()),
            R"({"member":"s1","epoch":12,"skew":-3,"load":0.5,"up":true,"none":null,)"
            R"("list":[1,"two",{},[]],"big":18446744073709551615,"small":-9223372036854775808})");
}

TEST(Report, EscapesWhatJsonCannotHold) {
  EXPECT_EQ(json("a\"b\\c\n\x01\x7f"), R"("a\"b\\c\n\u0001\u007f")");
  EXPECT_EQ(json("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80"), "\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80\"");
  EXPECT_EQ(json("\xff|\xc3|\xed\xa0\x80|\xc0\xaf|\xf5"),
            R"("\ufffd|\ufffd|\ufffd\ufffd\ufffd|\ufffd\ufffd|\ufffd")");
  EXPECT_EQ(json(std::string("\0", 1)), R"("\u0000")");
  EXPECT_EQ(json(std::nan("")), "null");
  EXPECT_EQ(json(std::numeric_limits<double>::infinity()), "null");
}

TEST(Report, FindsAndReplacesMembers) {
  Report report = sample();
  EXPECT_EQ(report.find("epoch")->as_unsigned(), 12u);
  EXPECT_EQ(report.find("epoch")->as_integer(), 12);
  EXPECT_EQ(report.find("big")->as_integer(), std::nullopt);
  EXPECT_EQ(report.find("skew")->as_unsigned(), std::nullopt);
  EXPECT_EQ(report.find("member")->as_text(), "s1");
  EXPECT_EQ(report.find("nobody"), nullptr);
  report.set("epoch", 13u);
  EXPECT_EQ(report.find("epoch")->as_unsigned(), 13u);
  EXPECT_EQ(report.members().size(), sample().members().size());
}

TEST(Report, DecodeUndoesEncodeAndJsonAgreesWithTheReference) {
  Random random(3);
  for (int i = 0; i < 2000; ++i) {
    const Report report = random_report(random, 4);
    std::string bytes;
    MsgpackWriter writer(&bytes);
    encode_report(report, writer);
    MsgpackReader reader(bytes);
    ASSERT_EQ(decode_report(reader), report) << i;
    ASSERT_TRUE(reader.finish("report"));
    const auto parsed = nlohmann::json::parse(json(report), nullptr, false);
    ASSERT_FALSE(parsed.is_discarded()) << json(report);
    for (size_t size = 0; size < bytes.size(); ++size) {
      MsgpackReader cut(BytesView(bytes).substr(0, size));
      decode_report(cut);
      ASSERT_FALSE(cut.finish("report")) << i << ", cut at " << size;
    }
  }
}

TEST(Report, RefusesWhatIsTooDeepOrNamedTwice) {
  const std::string deep = std::string(limits::nesting_max + 1, '\x91') + '\x01';
  MsgpackReader deep_reader(deep);
  EXPECT_TRUE(decode_report(deep_reader).is_null());
  EXPECT_FALSE(deep_reader.ok());
  MsgpackReader twice(BytesView("\x82\xa1x\x01\xa1x\x02"));
  decode_report(twice);
  EXPECT_FALSE(twice.ok());
}

TEST(Report, RandomBytesNeverCrash) {
  Random random(5);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes;
    for (uint64_t k = random.below(30); k > 0; --k)
      bytes.push_back(static_cast<char>(random.next()));
    MsgpackReader reader(bytes);
    const Report report = decode_report(reader);
    ASSERT_TRUE(reader.ok() || report.is_null());
  }
}

}  // namespace
}  // namespace kv
