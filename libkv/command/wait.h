// Waiting until a cluster is ready, or settled (settled.h): asks all members again and again until
// nothing is missing or the time is over.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "libkv/base/time.h"
#include "libkv/client/client.h"
#include "libkv/command/cluster_survey.h"

namespace kv {

struct WaitOptions {
  bool settled = false;  ///< Else ready.
  Duration timeout{};
  Duration interval = 100ms;  ///< Between two surveys.
};

struct Waited {
  /// What the last survey found that had its time; empty: reached. One that the deadline cut off
  /// would call members silent that were given too little time to answer.
  std::vector<std::string> missing;
  bool nobody_answered = false;  ///< `missing` is why: there was no coordinator to ask.
  Duration took{};
  /// Why no survey can ever be made (invalid, denied): not waited for.
  std::optional<Error> hopeless;
};

Waited wait_for_cluster(Client& client, Clock& clock, const WaitOptions& options);

/// The same, with the surveys made by `make_survey`.
using MakeSurvey = std::function<Result<ClusterSurvey>(const SurveyOptions&)>;
Waited wait_for_cluster(const MakeSurvey& make_survey, Clock& clock, const WaitOptions& options);

}  // namespace kv
