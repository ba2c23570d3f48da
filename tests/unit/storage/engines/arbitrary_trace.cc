#include "tests/unit/storage/engines/arbitrary_trace.h"

#include <cstdlib>
#include <sstream>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace kv {

namespace {

/// A list without one of its runs: all of it, each half, each quarter … each element. There are
/// few of these where rapidcheck's own lists try each run of each length, which for a thousand
/// elements is a million.
template <typename Elements>
class WithoutRuns {
 public:
  explicit WithoutRuns(Elements elements)
      : elements_(std::move(elements)), run_(elements_.size()) {}

  rc::Maybe<Elements> operator()() {
    if (run_ == 0) return rc::Nothing;
    const size_t end = std::min(begin_ + run_, elements_.size());
    Elements rest(elements_.begin(), elements_.begin() + static_cast<ptrdiff_t>(begin_));
    rest.insert(rest.end(), elements_.begin() + static_cast<ptrdiff_t>(end), elements_.end());
    begin_ = end;
    if (begin_ == elements_.size()) {
      run_ /= 2;
      begin_ = 0;
    }
    return rest;
  }

 private:
  Elements elements_;
  size_t run_;
  size_t begin_ = 0;
};

/// Lists of `least` to `most` elements, which shrink down to none.
template <typename T>
rc::Gen<std::vector<T>> lists(size_t least, size_t most, rc::Gen<T> element) {
  using Elements = std::vector<rc::Shrinkable<T>>;
  return [=](const rc::Random& seed, int) {
    rc::Random random(seed);
    const size_t count = least + random.split().next() % (most - least + 1);
    Elements elements;
    for (size_t i = 0; i < count; ++i)
      elements.push_back(element(random.split(), rc::kNominalSize));
    auto shrinking = rc::shrinkable::shrinkRecur(std::move(elements), [](const Elements& from) {
      return rc::seq::concat(rc::makeSeq<WithoutRuns<Elements>>(from),
                             rc::shrink::eachElement(
                                 from, [](const rc::Shrinkable<T>& one) { return one.shrinks(); }));
    });
    return rc::shrinkable::map(std::move(shrinking), [](const Elements& from) {
      std::vector<T> values;
      for (const rc::Shrinkable<T>& one : from) values.push_back(one.value());
      return values;
    });
  };
}

namespace arbitrary {

/// Keys, tags and seeds stay as they are drawn: a smaller one is no simpler.
rc::Gen<uint32_t> key() {
  return rc::gen::noShrink(rc::gen::inRange<uint32_t>(0, kTracedKeys));
}
rc::Gen<uint64_t> seed() {
  return rc::gen::noShrink(rc::gen::inRange<uint64_t>(0, 1'000'000));
}
rc::Gen<uint32_t> up_to(uint32_t most) {
  return rc::gen::inRange<uint32_t>(0, most + 1);
}
rc::Gen<bool> one_in(size_t several) {
  return rc::gen::weightedElement<bool>({{1, true}, {several - 1, false}});
}
rc::Gen<TracedValue> value() {
  const auto bytes = rc::gen::weightedOneOf<uint32_t>({{9, up_to(120)}, {1, up_to(3000)}});
  return rc::gen::construct<TracedValue>(rc::gen::noShrink(up_to(9999)), bytes);
}
template <typename T>
rc::Gen<std::optional<T>> perhaps(size_t of_ten, rc::Gen<T> gen) {
  return rc::gen::weightedOneOf<std::optional<T>>(
      {{10 - of_ten, rc::gen::just(std::optional<T>())},
       {of_ten, rc::gen::map(std::move(gen), [](T drawn) { return std::optional<T>(drawn); })}});
}
rc::Gen<Durability> durability() {
  return rc::gen::element(Durability::always, Durability::interval, Durability::none);
}

/// Half of the dropped ranges are narrow, and some have no end.
rc::Gen<TracedRange> range_to_drop() {
  return rc::gen::construct<TracedRange>(perhaps(10, key()), perhaps(9, key()),
                                         rc::gen::arbitrary<bool>());
}
rc::Gen<TracedRange> range_to_walk() {
  return rc::gen::construct<TracedRange>(perhaps(7, key()), perhaps(7, key()), one_in(10));
}

template <typename Command, typename... Fields>
rc::Gen<EngineCommand> command(rc::Gen<Fields>... fields) {
  return rc::gen::map(rc::gen::construct<Command>(std::move(fields)...),
                      [](Command drawn) { return EngineCommand(std::move(drawn)); });
}

rc::Gen<EngineCommand> writing() {
  const auto operation = rc::gen::construct<command::Write::Operation>(key(), perhaps(7, value()));
  return command<command::Write>(lists(1, 5, operation), durability());
}

/// In a thousand, about. Of the rarer ones a trace has a few each.
rc::Gen<EngineCommand> any_command() {
  namespace c = command;
  const auto often = rc::gen::arbitrary<bool>();
  return rc::gen::weightedOneOf<EngineCommand>({
      {590, writing()},
      {10, command<c::Drop>(range_to_drop(), durability())},
      {8, command<c::Ingest>(lists(1, 60, rc::gen::pair(key(), value())))},
      {160, command<c::Get>(key(), one_in(4))},
      {40, command<c::GetMany>(lists(0, 60, key()), often)},
      {40, command<c::BeginWalk>(range_to_walk(), often)},
      {45, command<c::EndWalk>()},
      {12, command<c::TakeSnapshot>()},
      {12, command<c::ReadSnapshot>(up_to(2), lists(0, 20, key()))},
      {4, command<c::ReleaseSnapshot>(up_to(2))},
      {3, command<c::Checkpoint>()},
      {5, command<c::Sync>()},
      {63, command<c::Work>(up_to(20))},
      {2, command<c::Rest>(up_to(12))},
      {3, command<c::PageCache>(rc::gen::element<uint32_t>(0, 60, 100))},
      {5, command<c::CheckAll>()},
      {5, command<c::StopAndOpen>()},
      {10, command<c::LosePower>(rc::gen::elementOf(crash_policies()), seed())},
  });
}

rc::Gen<EngineTrace> trace() {
  return rc::gen::construct<EngineTrace>(seed(), lists(1000, 2000, any_command()));
}

}  // namespace arbitrary

/// In commands: an engine is opened, and read from end to end.
constexpr size_t kReplayCost = 100;

using rc::detail::Configuration;

Configuration fixed_configuration(const TraceCheck& check) {
  Configuration fixed;
  fixed.testParams.seed = 1;
  fixed.testParams.maxSuccess = check.traces;
  return fixed;
}

/// rapidcheck's own would draw a seed of its own.
Configuration wanted_configuration(const TraceCheck& check) {
  const char* const wanted = std::getenv("RC_PARAMS");
  return rc::detail::configFromString(wanted == nullptr ? "" : wanted, fixed_configuration(check));
}

class NoListener final : public rc::detail::TestListener {
  void onTestCaseFinished(const rc::detail::CaseDescription&) override {}
  void onShrinkTried(const rc::detail::CaseDescription&, bool) override {}
  void onTestFinished(const rc::detail::TestMetadata&, const rc::detail::TestResult&) override {}
};

std::string to_text(const EngineTrace& trace) {
  std::ostringstream text;
  text << trace;
  return text.str();
}

/// The trace, what is wrong with it, and what shows it again.
std::string to_text(const rc::detail::TestResult& result, const std::string& test) {
  std::ostringstream text;
  rc::detail::printResultMessage(result, text);
  if (result.is<rc::detail::FailureResult>()) {
    Configuration again;
    again.reproduce[test] = result.get<rc::detail::FailureResult>().reproduce;
    text << "\nRC_PARAMS='" << rc::detail::configToMinimalString(again) << "'";
  }
  return text.str();
}

}  // namespace

bool check_traces(const TraceCheck& check, const ProblemOf& problem_of) {
  size_t commands_left = check.commands_to_shrink;
  std::string shortest, its_problem;
  const auto property = [&] {
    const EngineTrace trace = *arbitrary::trace();
    const size_t cost = kReplayCost + trace.commands.size();
    if (!shortest.empty() && commands_left < cost) {
      // None is any shorter; and the shortest is asked for once more, to be told.
      if (to_text(trace) == shortest) RC_FAIL(its_problem);
      return;
    }
    if (!shortest.empty()) commands_left -= cost;
    const auto problem = problem_of(trace);
    if (!problem) return;
    shortest = to_text(trace);
    its_problem = *problem;
    RC_FAIL(*problem);
  };
  const testing::TestInfo& info = *testing::UnitTest::GetInstance()->current_test_info();
  const std::string test = std::string(info.test_suite_name()) + "/" + info.name();
  const Configuration wanted = wanted_configuration(check);
  NoListener listener;
  const auto result = rc::detail::checkProperty(rc::detail::toProperty(property), {test, test},
                                                wanted.testParams, listener, wanted.reproduce);
  const bool holds = result.is<rc::detail::SuccessResult>();
  EXPECT_TRUE(holds) << to_text(result, test);
  const Configuration fixed = fixed_configuration(check);
  return holds && wanted.reproduce.empty() && wanted.testParams.seed == fixed.testParams.seed &&
         wanted.testParams.maxSuccess == fixed.testParams.maxSuccess;
}

}  // namespace kv
