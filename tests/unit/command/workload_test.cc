#include "libkv/command/workload.h"

#include <cmath>
#include <deque>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "libkv/command/bench_figures.h"
#include "libkv/command/report_path.h"

namespace kv {
namespace {

constexpr int kDraws = 100'000;

TEST(Zipfian, FrequenciesAreThoseOfTheFormula) {
  constexpr uint64_t kItems = 1000;
  const Zipfian zipfian(kItems);
  double zeta = 0;
  for (uint64_t i = 1; i <= kItems; ++i) zeta += std::pow(static_cast<double>(i), -0.99);
  Random random(1);
  std::map<uint64_t, int> counts;
  for (int i = 0; i < kDraws; ++i) ++counts[zipfian.next(random)];
  for (const uint64_t rank : {0, 1}) {
    const double expected = kDraws * std::pow(static_cast<double>(rank + 1), -0.99) / zeta;
    EXPECT_NEAR(counts[rank], expected, expected * 0.05) << rank;
  }
  // The inversion is an approximation beyond the first two: the shape is what is promised.
  int first_hundred = 0;
  double expected_share = 0;
  for (uint64_t rank = 0; rank < 100; ++rank) {
    first_hundred += counts[rank];
    expected_share += std::pow(static_cast<double>(rank + 1), -0.99) / zeta;
  }
  EXPECT_NEAR(first_hundred, kDraws * expected_share, kDraws * 0.05);
  EXPECT_LT(counts.rbegin()->first, kItems);
}

TEST(Zipfian, FewItems) {
  Random random(2);
  for (const uint64_t items : {1, 2, 3}) {
    const Zipfian zipfian(items);
    std::set<uint64_t> seen;
    for (int i = 0; i < 1000; ++i) seen.insert(zipfian.next(random));
    EXPECT_EQ(seen.size(), items);
    EXPECT_EQ(*seen.rbegin(), items - 1);
  }
}

TEST(Zipfian, GrownIsAsIfMadeSo) {
  Zipfian grown(10);
  grown.grow(5000);
  const Zipfian made(5000);
  Random one(3);
  Random two(3);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(grown.next(one), made.next(two));
}

std::map<BenchVerb, int> verbs_of(const char* name) {
  BenchInserts inserts(1000);
  StepChooser chooser(*workload_named(name), 1000, inserts, 4);
  std::map<BenchVerb, int> counts;
  for (int i = 0; i < kDraws; ++i) ++counts[chooser.next()->verb];
  return counts;
}

TEST(Workload, SharesAreThoseOfTheLetter) {
  EXPECT_NEAR(verbs_of("a")[BenchVerb::read], kDraws / 2, 1000);
  EXPECT_NEAR(verbs_of("a")[BenchVerb::update], kDraws / 2, 1000);
  EXPECT_NEAR(verbs_of("b")[BenchVerb::update], kDraws / 20, 500);
  EXPECT_EQ(verbs_of("c")[BenchVerb::read], kDraws);
  EXPECT_NEAR(verbs_of("d")[BenchVerb::insert], kDraws / 20, 500);
  EXPECT_NEAR(verbs_of("e")[BenchVerb::scan], kDraws * 19 / 20, 500);
  EXPECT_NEAR(verbs_of("f")[BenchVerb::read_modify_write], kDraws / 2, 1000);
  EXPECT_EQ(verbs_of("put")[BenchVerb::update], kDraws);
  EXPECT_EQ(verbs_of("get")[BenchVerb::read], kDraws);
  for (const std::string& name : workload_names())
    if (name != "load") {
      EXPECT_EQ(verbs_of(name.c_str()).count(BenchVerb::read_modify_write), name == "f" ? 1u : 0u);
    }
}

TEST(Workload, LoadInsertsEachRecordOnceAndEnds) {
  BenchInserts inserts(0);
  StepChooser one(*workload_named("load"), 100, inserts, 5);
  StepChooser two(*workload_named("load"), 100, inserts, 6);
  std::set<uint64_t> seen;
  for (auto step = one.next(); step; step = two.next()) {
    EXPECT_EQ(step->verb, BenchVerb::insert);
    EXPECT_TRUE(seen.insert(step->record).second);
    if (const auto other = one.next()) {
      EXPECT_TRUE(seen.insert(other->record).second);
    }
  }
  EXPECT_EQ(seen.size(), 100u);
  EXPECT_EQ(*seen.rbegin(), 99u);
}

TEST(Workload, LatestReadsWhatIsNewAndNothingThatMayBeInFlight) {
  BenchInserts inserts(1000);
  StepChooser chooser(*workload_named("d"), 1000, inserts, 7);
  std::deque<uint64_t> in_flight;
  int newest_tenth = 0;
  int reads = 0;
  for (int i = 0; i < kDraws; ++i) {
    const BenchStep step = *chooser.next();
    if (step.verb == BenchVerb::insert) {
      in_flight.push_back(step.record);
      // Answered out of order: the second oldest, while the oldest waits.
      if (in_flight.size() == 8) {
        inserts.finish(in_flight[1]);
        in_flight.erase(in_flight.begin() + 1);
      }
      if (in_flight.size() >= 7 && i % 16 == 0) {
        inserts.finish(in_flight.front());
        in_flight.pop_front();
      }
      continue;
    }
    ++reads;
    const uint64_t there = in_flight.empty() ? inserts.finished_below() : in_flight.front();
    EXPECT_LT(step.record, there);
    newest_tenth += step.record > there - there / 10 ? 1 : 0;
  }
  EXPECT_GT(inserts.finished_below(), 2000u);
  EXPECT_GT(newest_tenth, reads / 2);
}

TEST(BenchInserts, TheOldestInFlightIsTheBorder) {
  BenchInserts inserts(5);
  EXPECT_EQ(inserts.finished_below(), 5u);
  EXPECT_EQ(inserts.begin(), 5u);
  EXPECT_EQ(inserts.begin(), 6u);
  inserts.finish(6);
  EXPECT_EQ(inserts.finished_below(), 5u);
  inserts.finish(5);
  EXPECT_EQ(inserts.finished_below(), 7u);
  EXPECT_EQ(inserts.begin(7), std::nullopt);
}

TEST(Workload, ChosenRecordsExistAndAreSpread) {
  BenchInserts inserts(1000);
  StepChooser chooser(*workload_named("c"), 1000, inserts, 8);
  std::map<uint64_t, int> counts;
  for (int i = 0; i < kDraws; ++i) ++counts[chooser.next()->record];
  EXPECT_LT(counts.rbegin()->first, 1000u);
  // Frequent ones are no neighbours: the first ten are not the most frequent ten.
  int first_ten = 0;
  for (uint64_t record = 0; record < 10; ++record) first_ten += counts[record];
  EXPECT_LT(first_ten, kDraws / 5);
}

TEST(BenchKey, SortsAsNumbers) {
  EXPECT_LT(bench_key(9), bench_key(10));
  EXPECT_LT(bench_key(999'999), bench_key(1'000'000));
}

TEST(BenchValue, HasItsSize) {
  Random random(9);
  for (const size_t bytes : {0, 1, 7, 8, 1000}) EXPECT_EQ(bench_value(bytes, random).size(), bytes);
}

TEST(BenchFigures, ErrorsAreCountedByExitCodeAndDecideIt) {
  BenchFigures figures;
  figures.latencies[0].record(100us, 99);
  figures.took = 2s;
  EXPECT_EQ(figures.code(), ExitCode::done);
  BenchFigures other;
  other.count_error(ExitCode::unavailable, "first");
  other.count_error(ExitCode::unknown, "second");
  other.latencies[1].record(200us);
  figures.merge(other);
  EXPECT_EQ(figures.code(), ExitCode::unknown);
  EXPECT_EQ(figures.first_error, "first");
  EXPECT_EQ(figures.done(), 100u);
  const Report report = report_of(BenchSetting{"a", "default", 10, 20, 1, 1, 0}, figures);
  EXPECT_EQ(number_at(report, {"errors", "3"}), 1u);
  EXPECT_EQ(number_at(report, {"errors", "4"}), 1u);
  EXPECT_EQ(report.find("operations_per_second")->as_real(), 50.0);
  EXPECT_EQ(number_at(report, {"verbs", "read", "count"}), 99u);
  EXPECT_NE(bench_text(report).find("errors of exit code 4: 1\n"), std::string::npos);
}

}  // namespace
}  // namespace kv
