#include <map>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "libkv/cli/record_reader.h"
#include "libkv/cli/record_writer.h"

namespace kv {
namespace {

using namespace std::string_literals;

struct Owned {
  std::string key, value;
  std::optional<std::string> context = std::nullopt;
  friend bool operator==(const Owned&, const Owned&) = default;
};

struct ReadBack {
  std::vector<Owned> good;
  std::vector<BadRecord> bad;
  std::vector<std::string> reasons() const {
    std::vector<std::string> out;
    for (const auto& b : bad) out.push_back(std::to_string(b.place) + ": " + b.reason);
    return out;
  }
};

ReadBack read_everything(const std::string& input, const ReaderOptions& options, size_t chunk) {
  StringSource source(input, chunk);
  const auto reader = make_record_reader(source, options);
  ReadBack all;
  for (auto read = reader->next().value(); read; read = reader->next().value()) {
    if (auto* bad = std::get_if<BadRecord>(&*read)) {
      all.bad.push_back(*bad);
      continue;
    }
    const auto& record = std::get<KeyValue>(*read);
    Owned owned{std::string(record.key), std::string(record.value)};
    if (record.context) owned.context = std::string(*record.context);
    all.good.push_back(owned);
  }
  return all;
}

ReadBack read(RecordFormat format, const std::string& input, bool keys_only = false) {
  const RecordLimits limits{.key_bytes_max = 8, .value_bytes_max = 16};
  return read_everything(input, {format, keys_only, limits}, 3);
}

std::string write(RecordFormat format, const std::vector<Owned>& records, bool keys_only = false) {
  StringSink sink;
  RecordWriter writer(sink, format, keys_only);
  for (const auto& owned : records) {
    KeyValue record{.key = owned.key, .value = owned.value};
    if (owned.context) record.context = *owned.context;
    EXPECT_TRUE(writer.write(record, "\"size\":1,\"dot\":{\"n\":[2]}"));
  }
  return sink.text;
}

// Records of arbitrary bytes, but for `without`; keys not empty.
std::vector<Owned> arbitrary_records(const std::string& without) {
  auto bytes = *rc::gen::arbitrary<std::vector<std::pair<std::string, std::string>>>();
  std::vector<Owned> records;
  auto drop = [&](std::string& text) {
    std::erase_if(text, [&](char c) { return without.find(c) != std::string::npos; });
  };
  for (auto& [key, value] : bytes) {
    drop(key);
    drop(value);
    records.push_back({key + "k", value});
  }
  return records;
}

void check_round_trip(RecordFormat format, const std::vector<Owned>& records, size_t chunk) {
  const auto back = read_everything(write(format, records), {.format = format}, chunk);
  RC_ASSERT(back.bad.empty());
  RC_ASSERT(back.good == records);
}

RC_GTEST_PROP(RecordFormat, NulRoundTrip, ()) {
  check_round_trip(RecordFormat::nul, arbitrary_records("\0"s), *rc::gen::inRange<size_t>(1, 9));
}

RC_GTEST_PROP(RecordFormat, TsvRoundTrip, ()) {
  check_round_trip(RecordFormat::tsv, arbitrary_records(""), *rc::gen::inRange<size_t>(1, 9));
}

RC_GTEST_PROP(RecordFormat, JsonLinesRoundTrip, ()) {
  auto records = arbitrary_records("");
  for (auto& record : records) {
    if (*rc::gen::arbitrary<bool>()) record.context = "context-" + std::to_string(records.size());
  }
  check_round_trip(RecordFormat::json_lines, records, *rc::gen::inRange<size_t>(1, 9));
}

RC_GTEST_PROP(RecordFormat, KeysRoundTrip, ()) {
  for (const auto format :
       {RecordFormat::nul, RecordFormat::tsv, RecordFormat::json_lines, RecordFormat::lines}) {
    auto records = arbitrary_records("\0\n"s);
    for (auto& record : records) record.value.clear();
    const auto back =
        read_everything(write(format, records, true), {.format = format, .keys_only = true}, 5);
    RC_ASSERT(back.bad.empty());
    RC_ASSERT(back.good == records);
  }
}

// Whatever comes in, the reader goes through it, and keeps nothing over the limits.
RC_GTEST_PROP(RecordFormat, SurvivesAnyBytes, (const std::string& input)) {
  for (const auto format : {RecordFormat::nul, RecordFormat::tsv, RecordFormat::json_lines}) {
    for (const auto& record : read(format, input).good) {
      RC_ASSERT(!record.key.empty() && record.key.size() <= 8u && record.value.size() <= 16u);
    }
  }
}

TEST(NulFormat, ReportsBadRecordsAndGoesOn) {
  const auto input =
      "a\0"s
      "1\0"s +
      "\0"s
      "2\0"s +
      "123456789\0"s
      "3\0"s +
      "b\0"s
      "12345678901234567\0"s +
      "c\0"s
      "\0"s;
  const auto back = read(RecordFormat::nul, input);
  EXPECT_EQ(back.good, (std::vector<Owned>{{"a", "1"}, {"c", ""}}));
  EXPECT_EQ(back.reasons(),
            (std::vector<std::string>{"2: the key is empty", "3: the key is over the limit of 8",
                                      "4: the value is over the limit of 16"}));
}

// A pipe that broke within a value must not store its first half.
TEST(NulFormat, RefusesACutTail) {
  EXPECT_EQ(read(RecordFormat::nul, "a\0hal"s).reasons().at(0), "1: the input ends within a value");
  EXPECT_EQ(read(RecordFormat::nul, "a\0"s).reasons().at(0), "1: the input ends after a key");
  EXPECT_EQ(read(RecordFormat::nul, "a"s).reasons().at(0), "1: the input ends within a key");
  EXPECT_EQ(read(RecordFormat::nul, "a"s, true).reasons().at(0), "1: the input ends within a key");
  EXPECT_EQ(read(RecordFormat::nul, "a\0hal"s).bad.at(0).raw, "a\0hal"s);
}

TEST(TsvFormat, ReportsBadRecordsAndGoesOn) {
  const auto back = read(RecordFormat::tsv, "a\t1\nno tab\n\tv\nb\t\\q\nc\td\te\n\nd\t\\0\n");
  EXPECT_EQ(back.good, (std::vector<Owned>{{"a", "1"}, {"d", "\0"s}}));
  ASSERT_EQ(back.bad.size(), 5u);
  EXPECT_EQ(back.bad[0].raw, "no tab");
  EXPECT_EQ(back.bad[0].place, 2u);
  EXPECT_EQ(back.bad[4].place, 6u);
}

TEST(TsvFormat, TakesALastLineWithoutNewline) {
  EXPECT_EQ(read(RecordFormat::tsv, "a\t1").good, (std::vector<Owned>{{"a", "1"}}));
}

TEST(TsvFormat, LimitsCountBytesNotEscapes) {
  EXPECT_EQ(read(RecordFormat::tsv,
                 "a\t"
                 R"(\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t)")
                .good.size(),
            1u);
  EXPECT_EQ(read(RecordFormat::tsv, "a\t" + std::string(17, 'x')).bad.size(), 1u);
}

TEST(JsonLinesFormat, ReportsBadRecordsAndGoesOn) {
  const std::map<std::string, std::string> faults = {
      {R"({"key":"a"})", R"(no "value" or "value_b64")"},
      {R"({"value":"a"})", R"(no "key" or "key_b64")"},
      {R"({"key":"a","key_b64":"YQ==","value":""})", R"(both "key" and "key_b64")"},
      {R"({"key":"a","key":"b","value":""})", R"("key" stands twice)"},
      {R"({"key":"a","value":1})", R"("value" must be a string)"},
      {R"({"key":"a","value":{"x":1}})", R"("value" must be a string)"},
      {R"({"key":"a","value":null})", R"("value" must be a string)"},
      {R"({"key":"","value":"x"})", "the key is empty"},
      {R"(["key"])", "not a JSON object"},
      {R"("key")", "not a JSON object"},
      {R"({"key":"a","value_b64":"!"})",
       R"("value_b64": base64 must be padded to a multiple of 4 characters)"},
      {R"({"key":"a","value":"12345678901234567"})", "the value is over the limit of 16"},
  };
  for (const auto& [line, reason] : faults) {
    const auto back = read(RecordFormat::json_lines, line + "\n{\"key\":\"b\",\"value\":\"\"}");
    ASSERT_EQ(back.bad.size(), 1u) << line;
    EXPECT_EQ(back.bad[0].reason, reason);
    EXPECT_EQ(back.bad[0].raw, line);
    EXPECT_EQ(back.good.size(), 1u) << line;
  }
}

TEST(JsonLinesFormat, RefusesWhatIsNotJson) {
  for (const char* line : {"{", "}", "{\"key\":\"a\",\"value\":\"\xff\"}", "x",
                           R"({"key":"a","value":"\ud800"})", R"({"key":"a","value":"b"} x)"}) {
    const auto back = read(RecordFormat::json_lines, line);
    ASSERT_EQ(back.bad.size(), 1u) << line;
    EXPECT_TRUE(back.bad[0].reason.starts_with("not valid JSON at byte ")) << back.bad[0].reason;
  }
}

TEST(JsonLinesFormat, PassesOverOtherMembersAndBlankLines) {
  const auto back =
      read(RecordFormat::json_lines,
           "\n{\"dot\":{\"key\":\"x\"},\"key\":\"a\",\"n\":[1,\"y\"],\"value\":\"b\"}\r\n \n");
  EXPECT_TRUE(back.bad.empty());
  EXPECT_EQ(back.good, (std::vector<Owned>{{"a", "b"}}));
}

// What an editor goes to.
TEST(RecordReader, ThePlaceOfARecordIsItsLineOrInNulItsNumber) {
  StringSource lines("\n{\"key\":\"a\",\"value\":\"\"}\n\n \nbad\n");
  const auto json = make_record_reader(lines, {.format = RecordFormat::json_lines});
  ASSERT_TRUE(json->next());
  EXPECT_EQ(json->place_text(json->place()), "line 2");
  EXPECT_EQ(std::get<BadRecord>(**json->next()).place, 5u);
  StringSource pairs(
      "a\0"
      "1\0\0"
      "2\0"s);
  const auto nul = make_record_reader(pairs, {.format = RecordFormat::nul});
  ASSERT_TRUE(nul->next());
  EXPECT_EQ(std::get<BadRecord>(**nul->next()).place, 2u);
  EXPECT_EQ(nul->place_text(nul->place()), "record 2");
}

TEST(JsonLinesFormat, DeepNestingCostsNoStack) {
  const auto line = "{\"x\":" + std::string(60000, '[');
  EXPECT_EQ(read(RecordFormat::json_lines, line).bad.size(), 1u);
}

TEST(RecordReader, AnEndlessRecordIsSkippedNotHeld) {
  const std::string endless(4 << 20, 'x');
  for (const char delimiter : {'\0', '\n'}) {
    const auto format = delimiter == '\0' ? RecordFormat::nul : RecordFormat::tsv;
    const auto input = "k" + (delimiter == '\0' ? "\0"s : "\t"s) + endless + delimiter + "a" +
                       (delimiter == '\0' ? "\0"s : "\t"s) + "1" + delimiter;
    const auto back = read_everything(input, {.format = format, .limits = {8, 16}}, 4096);
    ASSERT_EQ(back.bad.size(), 1u);
    EXPECT_TRUE(back.bad[0].raw_is_cut);
    EXPECT_LE(back.bad[0].raw.size(), 8192u);
    EXPECT_EQ(back.good, (std::vector<Owned>{{"a", "1"}}));
  }
}

TEST(RecordReader, RejectsAreJsonLines) {
  EXPECT_EQ(rejects_line({.place = 3, .reason = "no tab", .raw = "a\"b"}),
            "{\"record\":3,\"reason\":\"no tab\",\"raw\":\"a\\\"b\"}\n");
  EXPECT_EQ(rejects_line({.place = 3, .reason = "r", .raw = "\xff", .raw_is_cut = true}),
            "{\"record\":3,\"reason\":\"r\",\"raw_b64\":\"/w==\",\"cut\":true}\n");
}

TEST(RecordReader, ARefusedRecordIsReadAgainFromTheRejects) {
  const std::string key("k\0\xff", 3);
  const std::string value("\n\0\xfe", 3);
  const std::string line =
      rejects_line({.place = 7, .reason = "busy", .record = {key, value, "kv1:AA"}}) +
      rejects_line({.place = 8, .reason = "busy", .record = {"text", "", std::nullopt}});
  StringSource source(line, 1 << 20);
  const auto reader = make_record_reader(source, {.format = RecordFormat::json_lines});
  auto read = reader->next();
  ASSERT_TRUE(read && *read);
  const auto* first = std::get_if<KeyValue>(&**read);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->key, key);
  EXPECT_EQ(first->value, value);
  EXPECT_EQ(first->context, "kv1:AA");
  read = reader->next();
  ASSERT_TRUE(read && *read);
  const auto* second = std::get_if<KeyValue>(&**read);
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(second->key, "text");
  EXPECT_EQ(second->value, "");
  EXPECT_FALSE(second->context);
  EXPECT_EQ(rejects_line({.place = 9, .reason = "r", .record = {"k", ""}, .keys_only = true}),
            "{\"record\":9,\"reason\":\"r\",\"key\":\"k\"}\n");
}

TEST(RecordWriter, RefusesWhatTheFormatCannotHold) {
  StringSink sink;
  EXPECT_FALSE(RecordWriter(sink, RecordFormat::nul).write({.key = "a", .value = "x\0y"s}));
  EXPECT_TRUE(RecordWriter(sink, RecordFormat::nul, true).write({.key = "a", .value = "x\0y"s}));
  EXPECT_FALSE(RecordWriter(sink, RecordFormat::lines, true).write({.key = "a\nb", .value = ""}));
  EXPECT_EQ(sink.text, "a\0"s);
}

TEST(ByteSource, ReadAllStopsAtTheLimit) {
  StringSource fits(std::string(100, 'x'), 7);
  EXPECT_EQ(read_all(fits, 100).value().size(), 100u);
  StringSource over(std::string(101, 'x'), 7);
  EXPECT_EQ(read_all(over, 100).error().kind, ErrorKind::invalid);
  StringSource empty("");
  EXPECT_EQ(read_all(empty, 0).value(), "");
}

}  // namespace
}  // namespace kv
