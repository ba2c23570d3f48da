#include "libkv/command/cluster_survey.h"

#include <algorithm>

#include "libkv/command/report_path.h"

namespace kv {

namespace {

constexpr const char* kVerbs[] = {"cluster", "status", "roots"};

std::optional<Report>& place_of(MemberSurvey& member, size_t verb) {
  return verb == 0 ? member.cluster : verb == 1 ? member.status : member.roots;
}

}  // namespace

Result<ClusterSurvey> survey(Client& client, Clock& clock, const SurveyOptions& options) {
  KV_ASSIGN(Informed first, ask_first(client, clock, "ring", Report(), options.timeout));
  ClusterSurvey found{std::move(first.report), {}};
  const size_t verbs = options.with_roots ? 3 : 2;
  std::vector<Question> questions;
  if (const Report* members = found.ring.find("members")) {
    for (const Report& row : members->elements()) {
      MemberSurvey member;
      member.member = static_cast<MemberNumber>(number_at(row, {"member"}));
      member.endpoint = text_at(row, {"endpoint"});
      for (size_t v = 0; v < verbs; ++v)
        questions.push_back({member.endpoint, kVerbs[v], Report()});
      found.members.push_back(std::move(member));
    }
  }
  const auto answers = ask_each(questions, std::min(options.timeout, options.member_timeout));
  for (size_t i = 0; i < answers.size(); ++i) {
    MemberSurvey& member = found.members[i / verbs];
    if (answers[i]) {
      place_of(member, i % verbs) = *answers[i];
    } else if (member.why.empty()) {
      member.why = answers[i].error().what;
    }
  }
  return found;
}

}  // namespace kv
