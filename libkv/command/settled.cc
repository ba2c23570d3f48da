#include "libkv/command/settled.h"

#include <map>
#include <optional>

#include "libkv/command/cluster_status.h"
#include "libkv/command/report_path.h"

namespace kv {

namespace {

std::string name_of(MemberNumber member) {
  return "member " + std::to_string(member);
}

void missing_of_member(const MemberSurvey& member, std::vector<std::string>* missing) {
  if (!member.cluster || !member.status) {
    missing->push_back(name_of(member.member) + " does not answer: " + member.why);
    return;
  }
  for (const char* place : {"node", "gossip", "repair"}) {
    const Report* told = member.status->find(place);
    if (told == nullptr || told->find("error") != nullptr)
      missing->push_back(name_of(member.member) + "'s kv-" + place + " does not answer");
  }
  const Report* judged = find_at(*member.status, {"node", "start_judged"});
  if (judged != nullptr && !judged->as_boolean().value_or(true))
    missing->push_back(name_of(member.member) +
                       "'s kv-node has not yet heard from the voters about its start");
  for (const Report& row : member.cluster->find("members")->elements()) {
    const std::string subject = "member " + shown_at(row, {"member"});
    const std::string liveness = text_at(row, {"liveness"});
    if (liveness != "alive") {
      missing->push_back(subject + " is " + liveness + " to " + name_of(member.member));
      continue;
    }
    const Report* daemons = row.find("daemons");
    if (daemons == nullptr) continue;
    for (const auto& [daemon, up] : daemons->members())
      if (!up.as_boolean().value_or(false))
        missing->push_back(subject + "'s " + daemon + " is down to " + name_of(member.member));
  }
}

void owed_by_member(const MemberSurvey& member, std::vector<std::string>* missing) {
  if (!member.status) return;
  const std::pair<const char*, const char*> counted[] = {
      {"hints", "hints"},
      {"owed", "owed repairs"},
      {"refilling", "partitions refilling"},
      {"trees_building", "trees being built"},
      {"trees_unreadable", "partitions that cannot be read"}};
  for (const auto& [name, what] : counted) {
    const uint64_t count = number_at(*member.status, {"node", name});
    if (count != 0)
      missing->push_back(name_of(member.member) + " has " + std::to_string(count) + " " + what);
  }
}

using RootKey = std::pair<uint64_t, uint64_t>;  // placement, partition
using RootsOfMember = std::map<RootKey, uint64_t>;

// The verb's answer is under its own name, beside who answered.
RootsOfMember roots_of(const MemberSurvey& member) {
  RootsOfMember roots;
  const Report* told = member.roots ? member.roots->find("roots") : nullptr;
  if (told == nullptr) return roots;
  for (const Report& root : told->elements())
    roots[{number_at(root, {"placement"}), number_at(root, {"partition"})}] =
        number_at(root, {"root"});
  return roots;
}

struct RootCounts {
  size_t unknown = 0, differing = 0;
};

void compare(const std::map<MemberNumber, RootsOfMember>& all, const RootKey& key,
             const Report& slots, RootCounts* counts) {
  std::optional<uint64_t> first;
  bool unknown = false;
  bool differs = false;
  for (const Report& slot : slots.elements()) {
    const auto owner = all.find(static_cast<MemberNumber>(number_at(slot, {"owner"})));
    const auto root =
        owner == all.end() ? RootsOfMember::const_iterator() : owner->second.find(key);
    if (owner == all.end() || root == owner->second.end()) {
      unknown = true;
      continue;
    }
    if (!first) first = root->second;
    differs |= *first != root->second;
  }
  counts->unknown += unknown ? 1 : 0;
  counts->differing += differs ? 1 : 0;
}

}  // namespace

std::vector<std::string> missing_for_ready(const ClusterSurvey& survey) {
  std::vector<std::string> missing;
  for (const MemberSurvey& member : survey.members) missing_of_member(member, &missing);
  // What members say differently that are all there: epochs above all.
  if (missing.empty()) missing = disagreements(survey);
  return missing;
}

std::vector<std::string> missing_for_settled(const ClusterSurvey& survey) {
  std::vector<std::string> missing = missing_for_ready(survey);
  std::map<MemberNumber, RootsOfMember> roots;
  for (const MemberSurvey& member : survey.members) {
    owed_by_member(member, &missing);
    roots[member.member] = roots_of(member);
  }
  RootCounts counts;
  const Report* placements = survey.ring.find("placements");
  if (placements == nullptr) return missing;
  for (const Report& placement : placements->elements())
    for (const Report& row : placement.find("rows")->elements())
      compare(roots, {number_at(placement, {"placement"}), number_at(row, {"partition"})},
              *row.find("slots"), &counts);
  if (counts.unknown != 0)
    missing.push_back(std::to_string(counts.unknown) +
                      " partitions have copies without a tree yet");
  if (counts.differing != 0)
    missing.push_back(std::to_string(counts.differing) + " partitions have copies that differ");
  return missing;
}

}  // namespace kv
