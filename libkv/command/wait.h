// Waiting until a cluster is ready, or settled (settled.h): asks all members again and again until
// nothing is missing or the time is over.
#pragma once

#include <string>
#include <vector>

#include "libkv/base/time.h"
#include "libkv/client/client.h"

namespace kv {

struct WaitOptions {
  bool settled = false;  ///< Else ready.
  Duration timeout{};
  Duration interval = 100ms;  ///< Between two surveys.
};

struct Waited {
  std::vector<std::string> missing;  ///< Of the last survey; empty: reached.
  Duration took{};
};

Waited wait_for_cluster(Client& client, Clock& clock, const WaitOptions& options);

}  // namespace kv
