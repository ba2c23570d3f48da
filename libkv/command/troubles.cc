#include "libkv/command/cluster_status.h"
#include "libkv/command/report_path.h"

namespace kv {

namespace {

std::string counted(uint64_t count, const char* what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

void look_at(const std::string& whose, const Report& node, std::vector<std::string>* found) {
  const std::string refusing = text_at(node, {"storage", "refusing"});
  const uint64_t damaged = number_at(node, {"storage", "damaged_at_open"});
  const uint64_t unreadable = number_at(node, {"trees_unreadable"});
  const uint64_t hints = number_at(node, {"hints_unreadable"});
  if (!refusing.empty()) found->push_back(whose + " takes no writes: " + refusing);
  if (damaged > 0)
    found->push_back(whose + " found damage when it started, in " + counted(damaged, "place") +
                     ": see storage_corrupt in its log");
  if (unreadable > 0)
    found->push_back(whose + " has " + counted(unreadable, "partition") + " with damaged blocks");
  if (hints > 0) found->push_back(whose + " has " + counted(hints, "undecodable hint"));
}

}  // namespace

std::vector<std::string> troubles(const ClusterSurvey& survey) {
  std::vector<std::string> found;
  for (const MemberSurvey& member : survey.members) {
    const Report* node = member.status ? find_at(*member.status, {"node"}) : nullptr;
    if (node != nullptr)
      look_at("member " + std::to_string(member.member) + "'s kv-node", *node, &found);
  }
  return found;
}

}  // namespace kv
