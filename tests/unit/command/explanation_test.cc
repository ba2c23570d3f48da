#include "libkv/command/explanation.h"

#include <gtest/gtest.h>

#include "libkv/command/report_path.h"

namespace kv {
namespace {

Report replica_with(uint64_t digest) {
  Report sibling = Report::object().set("dot", "[s1:3]").set("tombstone", false);
  sibling.set("value_bytes", 12).set("timestamp", 1'000'000'000'000'000);
  Report record = Report::object().set("context", "[s1:3, s2:1]").set("digest", digest);
  record.set("siblings", Report::array().append(std::move(sibling)));
  return Report::object()
      .set("leaf", 37)
      .set("found_in", "disk")
      .set("level", 1)
      .set("record", std::move(record));
}

Report told(Report one, Report two, Report three) {
  Report slots = Report::array();
  for (const unsigned owner : {3, 1, 2}) slots.append(owner);
  Report report = Report::object().set("epoch", 4).set("keyspace", "default").set("token", 255);
  report.set("partition", 17).set("slots", std::move(slots)).set("fallbacks", Report::array());
  Report replicas = Report::object();
  replicas.set("1", std::move(one)).set("2", std::move(two)).set("3", std::move(three));
  return report.set("replicas", std::move(replicas));
}

Report absent() {
  return Report::object().set("leaf", 37).set("found_in", "nowhere").set("level", -1);
}
Report silent() {
  return Report::object().set("error", "unavailable").set("detail", "no answer");
}

TEST(Explanation, EqualReplicasDoNotDiffer) {
  const Report all = with_differences(told(replica_with(7), replica_with(7), replica_with(7)));
  EXPECT_FALSE(flag_at(all, {"slots_differ"}));
  EXPECT_FALSE(flag_at(all, {"replicas", "2", "differs"}));
  EXPECT_EQ(explanation_text("cart:7", all),
            "key cart:7\n"
            "keyspace default epoch 4\n"
            "token 00000000000000ff partition 17 slots 3,1,2 fallbacks -\n"
            "\n"
            "MEMBER  ROLE    FOUND         LEAF  DIGEST            SIBLINGS  CONTEXT      NOTE\n"
            "3       slot-0  disk,level-1  37    0000000000000007  1         [s1:3,s2:1]  -\n"
            "1       slot-1  disk,level-1  37    0000000000000007  1         [s1:3,s2:1]  -\n"
            "2       slot-2  disk,level-1  37    0000000000000007  1         [s1:3,s2:1]  -\n"
            "\n"
            "member 3 dot [s1:3] 12 bytes at 2001-09-09T01:46:40.000000Z\n"
            "member 1 dot [s1:3] 12 bytes at 2001-09-09T01:46:40.000000Z\n"
            "member 2 dot [s1:3] 12 bytes at 2001-09-09T01:46:40.000000Z\n");
}

TEST(Explanation, TheMinorityIsMarked) {
  const Report all = with_differences(told(replica_with(7), replica_with(8), replica_with(7)));
  EXPECT_TRUE(flag_at(all, {"slots_differ"}));
  EXPECT_TRUE(flag_at(all, {"replicas", "2", "differs"}));
  EXPECT_FALSE(flag_at(all, {"replicas", "1", "differs"}));
  EXPECT_NE(explanation_text("k", all).find("DIFFERS\n"), std::string::npos);
}

TEST(Explanation, OnATieTheEarliestSlotIsRight) {
  const Report all = with_differences(told(replica_with(7), silent(), replica_with(8)));
  EXPECT_FALSE(flag_at(all, {"replicas", "3", "differs"}));  // Slot 0.
  EXPECT_TRUE(flag_at(all, {"replicas", "1", "differs"}));
}

// Reads take an expired value for a deleted one.
TEST(Explanation, AnExpiredValueIsMarked) {
  const auto expiring = [](bool expired) {
    Report replica = replica_with(7);
    Report sibling = Report::object().set("dot", "[s1:3]").set("value_bytes", 12);
    sibling.set("timestamp", 1'000'000'000'000'000).set("expiry", 1'000'000'060'000'000);
    sibling.set("expired", expired);
    replica["record"].set("siblings", Report::array().append(std::move(sibling)));
    return replica;
  };
  const std::string text =
      explanation_text("k", with_differences(told(expiring(true), expiring(false), absent())));
  const std::string written = " dot [s1:3] 12 bytes at 2001-09-09T01:46:40.000000Z, ";
  EXPECT_NE(text.find("member 1" + written + "expired at 2001-09-09T01:47:40.000000Z\n"),
            std::string::npos);
  EXPECT_NE(text.find("member 2" + written + "expires at 2001-09-09T01:47:40.000000Z\n"),
            std::string::npos);
}

TEST(Explanation, ASilentReplicaIsNotSaidToDiffer) {
  const Report all = with_differences(told(replica_with(7), silent(), replica_with(7)));
  EXPECT_FALSE(flag_at(all, {"slots_differ"}));
  EXPECT_EQ(find_at(all, {"replicas", "2", "differs"}), nullptr);
  EXPECT_NE(explanation_text("k", all).find("2       slot-2  unavailable"), std::string::npos);
}

TEST(Explanation, ARecordThatIsMissingDiffers) {
  const Report all = with_differences(told(replica_with(7), absent(), replica_with(7)));
  EXPECT_TRUE(flag_at(all, {"replicas", "2", "differs"}));
  const Report none = with_differences(told(absent(), absent(), absent()));
  EXPECT_FALSE(flag_at(none, {"slots_differ"}));
}

}  // namespace
}  // namespace kv
