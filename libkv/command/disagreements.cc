#include <algorithm>
#include <map>

#include "libkv/command/cluster_status.h"
#include "libkv/command/report_path.h"

namespace kv {

namespace {

constexpr const char* kPlaces[] = {"coordinator", "node", "gossip", "repair"};

std::string name_of(MemberNumber member) {
  return "member " + std::to_string(member);
}

// `1 and 3`, `1, 2 and 3`
std::string listed(const std::vector<MemberNumber>& members) {
  std::string text;
  for (size_t i = 0; i < members.size(); ++i) {
    if (i > 0) text += i + 1 == members.size() ? " and " : ", ";
    text += std::to_string(members[i]);
  }
  return text;
}

void compare_cluster_ids(const ClusterSurvey& survey, std::vector<std::string>* found) {
  const std::string expected = text_at(survey.ring, {"cluster"});
  for (const MemberSurvey& member : survey.members) {
    const auto compare = [&](const char* daemon, const std::string& id) {
      if (!id.empty() && id != expected)
        found->push_back(name_of(member.member) + "'s " + daemon + " belongs to cluster " + id +
                         ", not " + expected);
    };
    if (member.cluster) compare("kv-coordinator", text_at(*member.cluster, {"cluster"}));
    if (member.status) compare("kv-node", text_at(*member.status, {"node", "cluster"}));
  }
}

void compare_epochs(const ClusterSurvey& survey, std::vector<std::string>* found) {
  uint64_t newest = number_at(survey.ring, {"epoch"});
  for (const MemberSurvey& member : survey.members)
    for (const char* place : kPlaces)
      if (member.status) newest = std::max(newest, number_at(*member.status, {place, "epoch"}));
  for (const MemberSurvey& member : survey.members) {
    if (!member.status) continue;
    for (const char* place : kPlaces) {
      const uint64_t epoch = number_at(*member.status, {place, "epoch"}, newest);
      if (epoch != newest)
        found->push_back(name_of(member.member) + "'s kv-" + place + " is at epoch " +
                         std::to_string(epoch) + ", the newest is " + std::to_string(newest));
    }
  }
}

// liveness → who sees it so
std::map<std::string, std::vector<MemberNumber>> views_of(const ClusterSurvey& survey,
                                                          MemberNumber subject) {
  std::map<std::string, std::vector<MemberNumber>> views;
  for (const MemberSurvey& observer : survey.members) {
    const Report* rows = observer.cluster ? observer.cluster->find("members") : nullptr;
    if (rows == nullptr) continue;
    for (const Report& row : rows->elements())
      if (number_at(row, {"member"}) == subject)
        views[text_at(row, {"liveness"})].push_back(observer.member);
  }
  return views;
}

void compare_liveness(const ClusterSurvey& survey, std::vector<std::string>* found) {
  for (const MemberSurvey& subject : survey.members) {
    const auto views = views_of(survey, subject.member);
    if (views.size() > 1) {
      std::string text = name_of(subject.member) + " is";
      for (const auto& [liveness, observers] : views)
        text += (text.back() == 's' ? " " : ", ") + liveness + " to " + listed(observers);
      found->push_back(text);
    }
    if (!subject.cluster && views.count("alive") != 0)
      found->push_back(name_of(subject.member) + " is alive to " + listed(views.at("alive")) +
                       ", but its kv-coordinator does not answer: " + subject.why);
  }
}

}  // namespace

std::vector<std::string> disagreements(const ClusterSurvey& survey) {
  std::vector<std::string> found;
  compare_cluster_ids(survey, &found);
  compare_epochs(survey, &found);
  compare_liveness(survey, &found);
  for (const MemberSurvey& member : survey.members)
    if (member.status && flag_at(*member.status, {"gossip_lost"}))
      found.push_back(name_of(member.member) +
                      "'s kv-coordinator has lost its kv-gossip: its view is old");
  return found;
}

}  // namespace kv
