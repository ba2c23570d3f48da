#include "libkv/command/wait.h"

#include <gtest/gtest.h>

#include "tests/unit/command/survey_sample.h"

namespace kv {
namespace {

using Texts = std::vector<std::string>;

struct HandClock final : Clock {
  Instant now() override { return now_; }
  WallTime wall() override { return {}; }
  Instant now_{1s};
};

/// Surveys that take their time: all of it where a member is silent.
class WaitTest : public ::testing::Test {
 protected:
  Waited wait(Duration timeout, const std::function<Result<ClusterSurvey>(int)>& nth) {
    const MakeSurvey make = [&](const SurveyOptions& how) {
      const auto found = nth(++surveys);
      const bool in_time = found && found->members.back().cluster;
      clock.now_ += in_time ? 10ms : std::min(how.timeout, how.member_timeout);
      return found;
    };
    return wait_for_cluster(make, clock, {.settled = false, .timeout = timeout, .interval = 1ms});
  }
  static ClusterSurvey with_three_silent() {
    ClusterSurvey survey = sample_survey();
    silence(survey, 3);
    return survey;
  }
  static ClusterSurvey at_an_older_epoch() {
    ClusterSurvey survey = sample_survey();
    (*survey.members[0].status)["node"].set("epoch", 3);
    return survey;
  }
  HandClock clock;
  int surveys = 0;
};

TEST_F(WaitTest, ReturnsOnceNothingIsMissing) {
  const Waited waited = wait(60s, [](int survey) -> Result<ClusterSurvey> {
    return survey < 3 ? at_an_older_epoch() : sample_survey();
  });
  EXPECT_EQ(waited.missing, Texts());
  EXPECT_EQ(surveys, 3);
}

TEST_F(WaitTest, ASilentMemberThatHadItsTimeIsNamed) {
  const Waited waited = wait(5s, [](int) -> Result<ClusterSurvey> { return with_three_silent(); });
  EXPECT_EQ(waited.missing, Texts({"member 3 does not answer: no answer in 2 s"}));
}

TEST_F(WaitTest, WhatASurveyThatWasCutOffLacksIsNotSaid) {
  // The second one begins with less than a member's time left.
  const Waited waited = wait(15ms, [](int survey) -> Result<ClusterSurvey> {
    return survey == 1 ? at_an_older_epoch() : with_three_silent();
  });
  EXPECT_EQ(surveys, 2);
  EXPECT_EQ(waited.missing, Texts({"member 1's kv-node is at epoch 3, the newest is 4"}));
}

TEST_F(WaitTest, AnAnswerOfEveryoneCountsHoweverLittleTimeWasLeft) {
  const Waited waited = wait(15ms, [](int survey) -> Result<ClusterSurvey> {
    return survey == 1 ? at_an_older_epoch() : sample_survey();
  });
  EXPECT_EQ(waited.missing, Texts());
}

TEST_F(WaitTest, WhereNoSurveyHadItsTimeNobodyIsCalledSilent) {
  const Waited waited =
      wait(100ms, [](int) -> Result<ClusterSurvey> { return with_three_silent(); });
  EXPECT_EQ(waited.missing,
            Texts({"member 3 had not answered when the time was over: no answer in 2 s"}));
}

TEST_F(WaitTest, WhatReachedNobodyInTheLastMomentTakesNothingBack) {
  const MakeSurvey make = [&](const SurveyOptions&) -> Result<ClusterSurvey> {
    clock.now_ += 10ms;
    if (++surveys == 1) return with_three_silent();
    return fail(ErrorKind::unavailable, "no coordinator answered");
  };
  const Waited waited =
      wait_for_cluster(make, clock, {.settled = false, .timeout = 15ms, .interval = 1ms});
  EXPECT_EQ(surveys, 2);
  EXPECT_EQ(waited.missing,
            Texts({"member 3 had not answered when the time was over: no answer in 2 s"}));
  EXPECT_FALSE(waited.nobody_answered);
}

TEST_F(WaitTest, WithoutACoordinatorItsErrorIsSaid) {
  const Waited waited = wait(100ms, [](int) -> Result<ClusterSurvey> {
    return fail(ErrorKind::unavailable, "no endpoint answered");
  });
  EXPECT_EQ(waited.missing, Texts({"no endpoint answered"}));
  EXPECT_TRUE(waited.nobody_answered);
}

TEST_F(WaitTest, WhatCanNeverAnswerIsNotWaitedFor) {
  for (const ErrorKind kind : {ErrorKind::invalid, ErrorKind::denied}) {
    surveys = 0;
    const Waited waited =
        wait(60s, [&](int) -> Result<ClusterSurvey> { return fail(kind, "no permission"); });
    EXPECT_EQ(surveys, 1);
    ASSERT_TRUE(waited.hopeless);
    EXPECT_EQ(waited.hopeless->kind, kind);
    EXPECT_EQ(waited.missing, Texts({"no permission"}));
  }
}

}  // namespace
}  // namespace kv
