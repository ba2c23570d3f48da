// What every member of a cluster says of itself and of the others, gathered at one time: the facts
// behind kv-status and kv-wait.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "libkv/command/ask_coordinators.h"
#include "libkv/model/ids.h"

namespace kv {

struct MemberSurvey {
  MemberNumber member = 0;
  std::string endpoint;           ///< Its coordinator.
  std::optional<Report> cluster;  ///< How it sees the cluster; none: it did not answer, see `why`.
  std::optional<Report> status;   ///< What its own daemons say.
  std::optional<Report> roots;    ///< Of its Merkle trees, where asked for.
  std::string why;
};

struct ClusterSurvey {
  Report ring;  ///< The map, of the first coordinator that answered: who owns what.
  std::vector<MemberSurvey> members;  ///< A row for each member of that map, in its order.
};

struct SurveyOptions {
  bool with_roots = false;
  Duration timeout{};            ///< For the first answer.
  Duration member_timeout = 2s;  ///< For each member's; at most `timeout`.
};

/// Errors: as ask_first(). A member that does not answer is a row.
Result<ClusterSurvey> survey(Client& client, Clock& clock, const SurveyOptions& options);

}  // namespace kv
