// A survey of three members that agree, ready and settled, for tests to spoil.
#pragma once

#include <string>

#include "libkv/command/cluster_survey.h"

namespace kv {

inline Report sample_daemons() {
  return Report::object()
      .set("kv-node", true)
      .set("kv-gossip", true)
      .set("kv-coordinator", true)
      .set("kv-repair", true);
}

inline Report sample_cluster() {
  Report members = Report::array();
  for (const unsigned number : {1, 2, 3})
    members.append(Report::object()
                       .set("member", number)
                       .set("liveness", "alive")
                       .set("dc", "dc1")
                       .set("rack", "r1")
                       .set("host", "h" + std::to_string(number))
                       .set("weight", 1)
                       .set("daemons", sample_daemons())
                       .set("endpoint", "ipc:///" + std::to_string(number))
                       .set("slots", 2)
                       .set("first_slots", 1));
  return Report::object()
      .set("cluster", "c0ffee")
      .set("epoch", 4)
      .set("partitions", 2)
      .set("voters", Report::array().append(1).append(2).append(3))
      .set("members", std::move(members));
}

inline Report sample_ring() {
  Report rows = Report::array();
  for (const unsigned partition : {0, 1}) {
    Report slots = Report::array();
    for (const unsigned owner : {1, 2, 3}) slots.append(Report::object().set("owner", owner));
    rows.append(Report::object().set("partition", partition).set("slots", std::move(slots)));
  }
  Report placement = Report::object().set("placement", 1).set("n", 3).set("rows", std::move(rows));
  return sample_cluster()
      .set("placements", Report::array().append(std::move(placement)))
      .set("keyspaces",
           Report::array().append(Report::object().set("name", "default").set("n", 3)));
}

inline Report sample_status() {
  Report node = Report::object().set("epoch", 4).set("cluster", "c0ffee");
  node.set("keys", 100).set("disk_bytes", 2'000'000).set("hints", 0).set("owed", 0);
  node.set("refilling", 0).set("trees_building", 0);
  Report repair = Report::object().set("epoch", 4).set("partitions_to_prove", 2);
  repair.set("partitions_proven", 2).set("seconds_since_proven_equal", 3.7);
  return Report::object()
      .set("epoch", 4)
      .set("gossip_lost", false)
      .set("coordinator", Report::object().set("epoch", 4))
      .set("node", std::move(node))
      .set("gossip", Report::object().set("epoch", 4))
      .set("repair", std::move(repair));
}

inline Report sample_root(unsigned partition, uint64_t root) {
  return Report::object().set("placement", 1).set("partition", partition).set("root", root);
}

inline ClusterSurvey sample_survey() {
  ClusterSurvey survey{sample_ring(), {}};
  for (const int number : {1, 2, 3}) {
    MemberSurvey member;
    member.member = static_cast<MemberNumber>(number);
    member.cluster = sample_cluster();
    member.status = sample_status();
    member.roots = Report::object().set(
        "roots", Report::array().append(sample_root(0, 11)).append(sample_root(1, 22)));
    survey.members.push_back(std::move(member));
  }
  return survey;
}

/// The row about `subject` (from 1) in what `observer` (from 1) says.
inline void set_liveness(ClusterSurvey& survey, size_t observer, size_t subject,
                         const char* liveness) {
  Report& cluster = *survey.members[observer - 1].cluster;
  Report members = Report::array();
  const std::vector<Report> rows = cluster.find("members")->elements();
  for (size_t i = 0; i < rows.size(); ++i) {
    Report row = rows[i];
    if (i + 1 == subject) row.set("liveness", liveness);
    members.append(std::move(row));
  }
  cluster.set("members", std::move(members));
}

inline void silence(ClusterSurvey& survey, size_t member) {
  survey.members[member - 1].cluster.reset();
  survey.members[member - 1].status.reset();
  survey.members[member - 1].roots.reset();
  survey.members[member - 1].why = "no answer in 2 s";
}

}  // namespace kv
