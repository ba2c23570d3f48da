#include "libkv/command/cluster_status.h"

#include <gtest/gtest.h>

#include "libkv/command/report_path.h"
#include "tests/unit/command/survey_sample.h"

namespace kv {
namespace {

using Texts = std::vector<std::string>;

const Report& row_of(const Report& status, size_t member) {
  return status.find("members")->elements()[member - 1];
}

TEST(ClusterStatus, MembersThatAgreeHaveNoDisagreements) {
  EXPECT_EQ(disagreements(sample_survey()), Texts());
}

TEST(ClusterStatus, ShowsARowForEachMember) {
  EXPECT_EQ(
      status_text(status_of(sample_survey())),
      "cluster c0ffee epoch 4 partitions 2 members 3\n"
      "MEMBER  DC   HOST  SEEN   DAEMONS  EPOCH  SLOTS  KEYS  DISK    HINTS  OWED  REFILLING"
      "  PROVEN\n"
      "1       dc1  h1    alive  4/4      4      2      100   1.9MiB  0      0     0          "
      "3s\n"
      "2       dc1  h2    alive  4/4      4      2      100   1.9MiB  0      0     0          "
      "3s\n"
      "3       dc1  h3    alive  4/4      4      2      100   1.9MiB  0      0     0          "
      "3s\n");
}

TEST(ClusterStatus, WhatADiskDoesNotGiveBackIsInTheReport) {
  ClusterSurvey survey = sample_survey();
  (*survey.members[1].status)["node"].set("hints_unreadable", 1).set("trees_unreadable", 2);
  const Report status = status_of(survey);
  const Report& row = status.find("members")->elements()[1];
  EXPECT_EQ(row.find("hints_unreadable")->as_unsigned(), 1u);
  EXPECT_EQ(row.find("trees_unreadable")->as_unsigned(), 2u);
}

TEST(ClusterStatus, WhatSomebodyShouldLookIntoIsTold) {
  ClusterSurvey survey = sample_survey();
  EXPECT_EQ(troubles(survey), Texts());
  Report storage = Report::object().set("refusing", "").set("damaged_at_open", 0);
  (*survey.members[0].status)["node"].set("storage", storage);
  EXPECT_EQ(troubles(survey), Texts());
  storage.set("refusing", "1.spare: No space left on device").set("damaged_at_open", 2);
  (*survey.members[1].status)["node"].set("storage", storage).set("trees_unreadable", 1);
  silence(survey, 3);
  EXPECT_EQ(troubles(survey),
            (Texts{"member 2's kv-node takes no writes: 1.spare: No space left on device",
                   "member 2's kv-node found damage when it started, in 2 places: see "
                   "storage_corrupt in its log",
                   "member 2's kv-node has 1 partition with damaged blocks"}));
  EXPECT_NE(status_text(status_of(survey)).find("\ntrouble: member 2's kv-node takes no writes"),
            std::string::npos);
}

TEST(ClusterStatus, WhatTheEngineCountsIsInTheReport) {
  ClusterSurvey survey = sample_survey();
  (*survey.members[1].status)["node"].set(
      "storage", Report::object().set("memory", Report::object().set("budget", 7)));
  const Report status = status_of(survey);
  EXPECT_EQ(number_at(row_of(status, 2), {"storage", "memory", "budget"}), 7u);
  EXPECT_TRUE(row_of(status, 1).find("storage")->is_null());
}

TEST(ClusterStatus, AMemberThatDoesNotAnswerIsARowAndKeepsItsPlaceInTheMap) {
  ClusterSurvey survey = sample_survey();
  silence(survey, 2);
  set_liveness(survey, 1, 2, "down");
  set_liveness(survey, 3, 2, "down");
  const Report status = status_of(survey);
  const Report& row = row_of(status, 2);
  EXPECT_FALSE(flag_at(row, {"answers"}));
  EXPECT_EQ(text_at(row, {"why"}), "no answer in 2 s");
  EXPECT_EQ(number_at(row, {"seen", "down"}), 2u);
  EXPECT_EQ(shown_at(row, {"host"}), "h2");
  EXPECT_EQ(shown_at(row, {"keys"}), "-");
  EXPECT_NE(status_text(status).find("2       dc1  h2    down   0/4 "), std::string::npos);
  EXPECT_TRUE(status.find("disagreements")->elements().empty());
}

TEST(ClusterStatus, ADaemonThatDidNotAnswerItsCoordinatorIsNamed) {
  ClusterSurvey survey = sample_survey();
  survey.members[0].status->set("repair", Report::object().set("error", "unavailable"));
  const Report status = status_of(survey);
  EXPECT_FALSE(flag_at(row_of(status, 1), {"daemons", "kv-repair"}));
  EXPECT_TRUE(flag_at(row_of(status, 1), {"daemons", "kv-node"}));
  EXPECT_NE(status_text(status).find("3/4,no:kv-repair"), std::string::npos);
}

TEST(ClusterStatus, AMemberDoesNotCountAmongThoseWhoSeeIt) {
  ClusterSurvey survey = sample_survey();
  set_liveness(survey, 1, 3, "suspect");
  const Report status = status_of(survey);
  EXPECT_EQ(number_at(row_of(status, 3), {"seen", "alive"}), 1u);
  EXPECT_EQ(number_at(row_of(status, 3), {"seen", "suspect"}), 1u);
  EXPECT_NE(status_text(status).find("alive:1,suspect:1"), std::string::npos);
}

TEST(ClusterStatus, PartitionsThatWereNeverProvenEqualAreCounted) {
  ClusterSurvey survey = sample_survey();
  (*survey.members[0].status)["repair"].set("partitions_proven", 1);
  EXPECT_NE(status_text(status_of(survey)).find("1/2\n"), std::string::npos);
}

TEST(Disagreements, LivenessSeenDifferently) {
  ClusterSurvey survey = sample_survey();
  set_liveness(survey, 1, 3, "down");
  EXPECT_EQ(disagreements(survey), Texts({"member 3 is alive to 2 and 3, down to 1"}));
}

TEST(Disagreements, AMemberThatIsSeenAliveAndDoesNotAnswer) {
  ClusterSurvey survey = sample_survey();
  silence(survey, 2);
  EXPECT_EQ(
      disagreements(survey),
      Texts({"member 2 is alive to 1 and 3, but its kv-coordinator does not answer: no answer "
             "in 2 s"}));
}

TEST(Disagreements, EpochsOfAnyDaemon) {
  ClusterSurvey survey = sample_survey();
  (*survey.members[1].status)["node"].set("epoch", 3);
  (*survey.members[2].status)["gossip"].set("epoch", 5);
  const Texts found = disagreements(survey);
  ASSERT_EQ(found.size(), 11u);
  EXPECT_EQ(found[0], "member 1's kv-coordinator is at epoch 4, the newest is 5");
  EXPECT_EQ(found[5], "member 2's kv-node is at epoch 3, the newest is 5");
}

TEST(Disagreements, ADaemonOfAnotherCluster) {
  ClusterSurvey survey = sample_survey();
  (*survey.members[1].status)["node"].set("cluster", "beef");
  survey.members[2].cluster->set("cluster", "dead");
  EXPECT_EQ(disagreements(survey),
            Texts({"member 2's kv-node belongs to cluster beef, not c0ffee",
                   "member 3's kv-coordinator belongs to cluster dead, not c0ffee"}));
}

TEST(Disagreements, ACoordinatorWithoutItsGossip) {
  ClusterSurvey survey = sample_survey();
  survey.members[0].status->set("gossip_lost", true);
  EXPECT_EQ(disagreements(survey).size(), 1u);
}

}  // namespace
}  // namespace kv
