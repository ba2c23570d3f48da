#include "libkv/cli/options.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace kv {
namespace {

using Words = std::vector<std::string>;

// A program with every kind of target.
struct Fixture {
  bool null = false;
  std::string prefix;
  std::optional<std::string> file;
  std::vector<std::string> members;
  uint64_t r = 0;
  std::optional<uint64_t> limit;
  std::optional<Duration> timeout;
  ByteSize bytes;
  std::string workload;
  std::string key;
  std::vector<std::string> rest;

  Program program() {
    return Program{
        .name = "kv-try",
        .summary = "try the parser",
        .arguments = {{"KEY", "a key", &key}, {"MORE", "more", &rest}},
        .options = {{"-0,--null", "", "NUL pairs", &null},
                    {"--prefix", "P", "a prefix", &prefix},
                    {"--file", "FILE", "a file", &file},
                    {"--member", "N=E", "a member", &members},
                    {"--r", "R", "answers", &r},
                    {"--limit", "N", "at most", &limit},
                    {"--timeout", "DURATION", "time", &timeout},
                    {"--bytes", "SIZE", "size", &bytes},
                    {"--workload", "W", "which", &workload, {"a", "b"}}},
        .examples = {{"kv-try -0 k", "an example"}},
    };
  }
  Result<ParseOutcome> parse(const Words& words) { return parse_words(program(), words); }
  std::string error(const Words& words) {
    const auto outcome = parse(words);
    return outcome ? "no error" : outcome.error().what;
  }
};

TEST(Options, FillsEveryKindOfTarget) {
  Fixture f;
  ASSERT_EQ(f.parse({"--prefix", "p", "-0", "k", "--file=f", "--member", "1=a", "--member=2=b",
                     "--r", "2", "--limit", "7", "--timeout", "250ms", "--bytes", "64KiB",
                     "--workload", "b", "x"})
                .value(),
            ParseOutcome::run);
  EXPECT_TRUE(f.null);
  EXPECT_EQ(f.prefix, "p");
  EXPECT_EQ(f.file, "f");
  EXPECT_EQ(f.members, (Words{"1=a", "2=b"}));
  EXPECT_EQ(f.r, 2u);
  EXPECT_EQ(f.limit, 7u);
  EXPECT_EQ(f.timeout, 250ms);
  EXPECT_EQ(f.bytes.bytes, 65536u);
  EXPECT_EQ(f.workload, "b");
  EXPECT_EQ(f.key, "k");
  EXPECT_EQ(f.rest, Words{"x"});
}

// CLI11 by itself splits or swallows each of these.
TEST(Options, KeepsOddWordsWhole) {
  for (const char* odd : {"[a,b]", "{}", "[]", "%%", "=x", "'q'", "", "-", "a b", "\n"}) {
    Fixture f;
    ASSERT_TRUE(f.parse({odd, "[x]"})) << odd;
    EXPECT_EQ(f.key, odd);
    EXPECT_EQ(f.rest, Words{"[x]"});
  }
}

TEST(Options, KeepsOddValuesWhole) {
  for (const char* odd : {"[a,b]", "{}", "", "-x", "--null", "--", "=", "=x", "a=b"}) {
    Fixture spaced;
    ASSERT_TRUE(spaced.parse({"--prefix", odd, "k"})) << odd;
    EXPECT_EQ(spaced.prefix, odd);
    EXPECT_EQ(spaced.key, "k");
    Fixture joined;
    ASSERT_TRUE(joined.parse({"--prefix=" + std::string(odd), "k"})) << odd;
    EXPECT_EQ(joined.prefix, odd);
    EXPECT_EQ(joined.key, "k");
  }
}

TEST(Options, DoubleDashEndsThem) {
  Fixture f;
  ASSERT_TRUE(f.parse({"-0", "--", "--prefix", "--", "-0"}));
  EXPECT_EQ(f.key, "--prefix");
  EXPECT_EQ(f.rest, (Words{"--", "-0"}));
}

RC_GTEST_PROP(Options, AnyWordsPassBehindDoubleDash, (const Words& tail)) {
  Fixture f;
  Words words = {"--", "k"};
  words.insert(words.end(), tail.begin(), tail.end());
  RC_ASSERT(f.parse(words).has_value());
  RC_ASSERT(f.rest == tail);
}

RC_GTEST_PROP(Options, NoWordsCrashIt, (const Words& words)) {
  Fixture f;
  (void)f.parse(words);
}

TEST(Options, ANegativeNumberIsNoArgumentButBehindDoubleDash) {
  for (const char* number : {"-5", "-1.5", "-.5", "-5x"})
    EXPECT_EQ(Fixture().error({"k", number}), std::string("unknown option ") + number);
  EXPECT_EQ(Fixture().error({"-05"}), "unknown option -5");
  Fixture f;
  ASSERT_TRUE(f.parse({"--prefix", "-1", "--", "-5", "-0"}));
  EXPECT_EQ(f.prefix, "-1");
  EXPECT_EQ(f.key, "-5");
  EXPECT_EQ(f.rest, Words{"-0"});
}

TEST(Options, SaysWhatIsWrong) {
  EXPECT_EQ(Fixture().error({"k", "--bogus"}), "unknown option --bogus");
  EXPECT_EQ(Fixture().error({"k", "--bogus=1"}), "unknown option --bogus");
  EXPECT_EQ(Fixture().error({"k", "-z"}), "unknown option -z");
  EXPECT_EQ(Fixture().error({"k", "--null=1"}), "--null takes no value");
  EXPECT_EQ(Fixture().error({"k", "--prefix"}), "--prefix needs a value");
  EXPECT_EQ(Fixture().error({"k", "--r", "1", "--r", "2"}), "--r is given twice");
  EXPECT_EQ(Fixture().error({"k", "--r", "two"}), "--r: 'two' is not a number");
  EXPECT_EQ(Fixture().error({"k", "--workload", "z"}), "--workload: 'z' is none of a b");
  EXPECT_EQ(Fixture().error({}), "missing KEY");
  Fixture f;
  auto program = f.program();
  program.arguments.pop_back();
  EXPECT_EQ(parse_words(program, {"a", "b"}).error().what, "unexpected argument 'b'");
}

TEST(Options, HelpAndVersionWinOverMissingArguments) {
  EXPECT_EQ(Fixture().parse({"--help"}).value(), ParseOutcome::help);
  EXPECT_EQ(Fixture().parse({"--version", "k"}).value(), ParseOutcome::version);
  EXPECT_EQ(Fixture().parse({"--", "--help"}).value(), ParseOutcome::run);
}

TEST(Options, HelpShowsEveryOptionAndExample) {
  Fixture f;
  const auto program = f.program();
  const auto help = help_text(program);
  EXPECT_NE(help.find("usage: kv-try [options] KEY [MORE...]"), std::string::npos) << help;
  for (const auto& option : program.options) {
    EXPECT_NE(help.find(option.help), std::string::npos) << option.names;
  }
  EXPECT_NE(help.find("kv-try -0 k"), std::string::npos);
  EXPECT_NE(help.find("-0, --null"), std::string::npos);
}

}  // namespace
}  // namespace kv
