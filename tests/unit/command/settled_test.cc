#include "libkv/command/settled.h"

#include <gtest/gtest.h>

#include "tests/unit/command/survey_sample.h"

namespace kv {
namespace {

using Texts = std::vector<std::string>;

void set_roots(ClusterSurvey& survey, size_t member, Report roots) {
  survey.members[member - 1].roots->set("roots", std::move(roots));
}

TEST(Settled, NothingIsMissingWhenAllIsWell) {
  EXPECT_EQ(missing_for_ready(sample_survey()), Texts());
  EXPECT_EQ(missing_for_settled(sample_survey()), Texts());
}

TEST(Settled, ReadyNeedsEveryMembersAnswer) {
  ClusterSurvey survey = sample_survey();
  silence(survey, 3);
  EXPECT_EQ(missing_for_ready(survey), Texts({"member 3 does not answer: no answer in 2 s"}));
}

TEST(Settled, ReadyNeedsEveryDaemon) {
  ClusterSurvey survey = sample_survey();
  survey.members[1].status->set("repair", Report::object().set("error", "unavailable"));
  EXPECT_EQ(missing_for_ready(survey), Texts({"member 2's kv-repair does not answer"}));
}

TEST(Settled, ReadyNeedsEveryMemberAliveToEveryOne) {
  ClusterSurvey survey = sample_survey();
  set_liveness(survey, 1, 2, "suspect");
  EXPECT_EQ(missing_for_ready(survey), Texts({"member 2 is suspect to member 1"}));
}

TEST(Settled, ReadyNeedsOneEpoch) {
  ClusterSurvey survey = sample_survey();
  (*survey.members[0].status)["node"].set("epoch", 3);
  EXPECT_EQ(missing_for_ready(survey),
            Texts({"member 1's kv-node is at epoch 3, the newest is 4"}));
}

TEST(Settled, ReadyNeedsTheVotersWordOnEveryStart) {
  ClusterSurvey survey = sample_survey();
  (*survey.members[1].status)["node"].set("start_judged", false);
  EXPECT_EQ(missing_for_ready(survey),
            Texts({"member 2's kv-node has not yet heard from the voters about its start"}));
  (*survey.members[1].status)["node"].set("start_judged", true);
  EXPECT_EQ(missing_for_ready(survey), Texts());
}

TEST(Settled, ReadyDoesNotLookAtWhatIsOwed) {
  ClusterSurvey survey = sample_survey();
  (*survey.members[0].status)["node"].set("hints", 7);
  EXPECT_EQ(missing_for_ready(survey), Texts());
}

TEST(Settled, EveryDebtIsNamed) {
  ClusterSurvey survey = sample_survey();
  Report& node = (*survey.members[1].status)["node"];
  node.set("hints", 7).set("owed", 2).set("refilling", 1).set("trees_building", 3);
  node.set("trees_unreadable", 4);
  EXPECT_EQ(missing_for_settled(survey),
            Texts({"member 2 has 7 hints", "member 2 has 2 owed repairs",
                   "member 2 has 1 partitions refilling", "member 2 has 3 trees being built",
                   "member 2 has 4 partitions that cannot be read"}));
}

TEST(Settled, RootsMustBeEqual) {
  ClusterSurvey survey = sample_survey();
  set_roots(survey, 3, Report::array().append(sample_root(0, 11)).append(sample_root(1, 23)));
  EXPECT_EQ(missing_for_settled(survey), Texts({"1 partitions have copies that differ"}));
}

TEST(Settled, APartitionWithoutATreeIsNotTakenForEqual) {
  ClusterSurvey survey = sample_survey();
  set_roots(survey, 1, Report::array().append(sample_root(0, 11)));
  EXPECT_EQ(missing_for_settled(survey), Texts({"1 partitions have copies without a tree yet"}));
  set_roots(survey, 1, Report::object().set("error", "unavailable"));
  EXPECT_EQ(missing_for_settled(survey), Texts({"2 partitions have copies without a tree yet"}));
}

}  // namespace
}  // namespace kv
